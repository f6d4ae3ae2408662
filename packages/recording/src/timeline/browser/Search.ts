/**
 * The search: compares the query with everything, chunk after chunk, so that the page stays responsive.
 */
import { withRoom } from "./column.ts"
import type { Store } from "./Store.ts"

/** Milliseconds of a frame that a search may take. */
const slice = 8

const frame = (): Promise<unknown> => new Promise(requestAnimationFrame)

export class Search {
  /** 1 for each event that contains the query; undefined without a query. */
  eventHits: Uint8Array | undefined
  /** 1 for each span that contains the query, itself or in one of its events. */
  spanHits = new Uint8Array(0)
  hits = 0
  /** The number of events that have been compared. */
  done = 0
  private query = ""
  private run = 0
  private isRunning = false
  private readonly store: Store
  private readonly found: () => void

  /** Calls `found` when there may be further hits. */
  constructor(store: Store, found: () => void) {
    this.store = store
    this.found = found
  }

  /** True until everything has been compared. */
  get isSearching(): boolean {
    return this.eventHits !== undefined && this.done < this.store.timeline.events.length
  }

  start(query: string): void {
    this.query = query.trim().toLowerCase()
    this.run++
    this.isRunning = false
    this.done = this.hits = 0
    this.spanHits = new Uint8Array(0)
    this.eventHits = this.query === "" ? undefined : new Uint8Array(0)
    this.resume()
  }

  /** Continues with what has been added since. */
  resume(): void {
    if (this.isRunning || this.eventHits === undefined) return
    this.isRunning = true
    const { run } = this
    this.compare(run).catch(() => {
      // The server of the page has stopped: there is nothing to compare with.
    }).finally(() => {
      if (run === this.run) this.isRunning = false
    })
  }

  private async compare(run: number): Promise<void> {
    const { store, query } = this
    const { events, methods, spans } = store.timeline
    const named = new Map<number, boolean>()
    const { length } = store.texts
    let busy = 0
    let seen = 0
    const ahead: Array<Promise<ReadonlyArray<string>>> = []
    while (this.done < events.length) {
      const chunk = Math.floor(this.done / length)
      // The next chunks arrive while this one is compared.
      while (ahead.length < 4 && (chunk + ahead.length) * length < events.length) {
        const texts = store.texts.chunk(chunk + ahead.length)
        texts.catch(() => {})
        ahead.push(texts)
      }
      const texts = await ahead.shift()!
      if (run !== this.run) return
      // A chunk that is not full yet is read again when it has grown.
      if (texts.length < length) ahead.length = 0
      const began = performance.now()
      const start = chunk * length
      const end = Math.min(events.length, start + texts.length)
      if (end <= this.done) return
      const eventHits = this.eventHits = withRoom(this.eventHits!, end)
      const spanHits = this.spanHits = withRoom(this.spanHits, spans.length)
      for (; seen < spans.length; seen++) {
        const { detail, label } = spans[seen]!
        if (`${label} ${detail}`.toLowerCase().includes(query)) spanHits[seen] = 1
      }
      for (let event = this.done; event < end; event++) {
        const method = events.method[event]!
        let isHit = named.get(method)
        if (isHit === undefined) named.set(method, isHit = methods[method]!.toLowerCase().includes(query))
        if (!isHit && !texts[event - start]!.toLowerCase().includes(query)) continue
        eventHits[event] = 1
        this.hits++
        const span = events.span[event]!
        if (span >= 0) spanHits[span] = 1
      }
      this.done = end
      busy += performance.now() - began
      if (busy < slice && this.done < events.length) continue
      this.found()
      await frame()
      if (run !== this.run) return
      busy = 0
    }
  }
}
