/**
 * The state of the page: the timeline with its indexes, and the choices of its reader.
 */
import { kinds } from "./dom.ts"
import type { Kind, Mark, Span, Timeline } from "./Timeline.ts"

/** A span or an event that is selected. */
export type Selection =
  | { readonly type: "span"; readonly index: number }
  | { readonly type: "event"; readonly index: number }

export interface State {
  /** The visible time, in milliseconds since the beginning. */
  readonly from: number
  readonly to: number
  readonly hidden: ReadonlySet<Kind | "delta">
  /** The only visible lane; undefined for all. */
  readonly only: number | undefined
  /** Lanes that show only their turns. */
  readonly collapsed: ReadonlySet<number>
  readonly query: string
  readonly selected: Selection | undefined
}

/** Returns the first index, from `low` on, for which `isBefore` is false; `length` if there is none. */
export const lowerBound = (length: number, isBefore: (index: number) => boolean, low = 0): number => {
  let high = length
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBefore(middle)) low = middle + 1
    else high = middle
  }
  return low
}

/** Milliseconds of a frame that a search may take. */
const searchSlice = 8

/** The shortest visible time, in milliseconds. */
const shortest = 0.2

export class Store {
  readonly timeline: Timeline
  state: State
  /** 1 for each event that contains the query; undefined without a query. */
  eventHits: Uint8Array | undefined
  /** 1 for each span that contains the query, itself or in one of its events. */
  spanHits: Uint8Array | undefined
  hits = 0
  searching = false
  /** The events of all spans, one span after the other. */
  private readonly spanEvents: Uint32Array
  /** The index in `spanEvents` of the first event of each span. */
  private readonly spanOffsets: Uint32Array
  /** By lane and row, in the order of time. */
  readonly rows: ReadonlyArray<ReadonlyArray<ReadonlyArray<number>>>
  /** By lane, in the order of time. */
  readonly marks: ReadonlyArray<ReadonlyArray<Mark>>
  /** The highest number of tokens of each lane, at least 1. */
  readonly mostTokens: ReadonlyArray<number>
  private densities: ReadonlyArray<number> = []
  private readonly listeners: Array<(state: State, before: State) => void> = []
  private search = 0

  constructor(timeline: Timeline) {
    this.timeline = timeline
    const { events, lanes, spans } = timeline
    this.state = {
      ...this.everything(),
      hidden: new Set(),
      only: undefined,
      collapsed: new Set(),
      query: "",
      selected: undefined
    }

    this.spanOffsets = new Uint32Array(spans.length + 1)
    for (const span of events.span) if (span >= 0) this.spanOffsets[span + 1]!++
    for (let index = 0; index < spans.length; index++) this.spanOffsets[index + 1]! += this.spanOffsets[index]!
    this.spanEvents = new Uint32Array(this.spanOffsets[spans.length]!)
    const next = this.spanOffsets.slice()
    events.span.forEach((span, event) => {
      if (span >= 0) this.spanEvents[next[span]!++] = event
    })

    const rows = lanes.map((lane) => Array.from({ length: lane.rows }, (): Array<number> => []))
    spans.forEach((span, index) => rows[span.lane]![span.row]!.push(index))
    for (const row of rows.flat()) row.sort((a, b) => spans[a]!.start - spans[b]!.start)
    this.rows = rows

    const marks = lanes.map((): Array<Mark> => [])
    for (const mark of timeline.marks) marks[mark.lane]!.push(mark)
    this.marks = marks
    this.mostTokens = lanes.map(({ tokens }) => tokens.reduce((most, { total }) => Math.max(most, total), 1))
  }

  onChange(listener: (state: State, before: State) => void): void {
    this.listeners.push(listener)
  }

  set(change: Partial<State>): void {
    const before = this.state
    this.state = { ...before, ...change }
    if (change.query !== undefined && change.query !== before.query) this.find(change.query)
    for (const listener of this.listeners) listener(this.state, before)
  }

  /** Returns the whole time of the recording, with a margin. */
  everything(): { readonly from: number; readonly to: number } {
    const length = Math.max(this.timeline.duration, 1)
    return { from: -length * 0.01, to: length * 1.02 }
  }

  /** Returns the density of events in each of so many parts of {@link everything}, from 0 to 1, on a logarithmic scale. */
  density(parts: number): ReadonlyArray<number> {
    const length = Math.max(1, parts)
    if (this.densities.length === length) return this.densities
    const { from, to } = this.everything()
    const counts = new Uint32Array(length)
    for (const at of this.timeline.events.at) {
      counts[Math.min(length - 1, Math.floor((at - from) / (to - from) * length))]!++
    }
    const most = Math.log1p(counts.reduce((most, count) => Math.max(most, count), 1))
    return this.densities = Array.from(counts, (count) => Math.log1p(count) / most)
  }

  /** Returns the kinds of the recording with their numbers, in the order of the legend. */
  kindCounts(): ReadonlyArray<readonly [kind: Kind, count: number]> {
    const counts = new Map<Kind, number>()
    for (const { kind } of this.timeline.spans) counts.set(kind, (counts.get(kind) ?? 0) + 1)
    return (Object.keys(kinds) as Array<Kind>).flatMap((kind) => counts.has(kind) ? [[kind, counts.get(kind)!]] : [])
  }

  /** Returns the events of a span, in the order of time. */
  eventsOf(span: number): Uint32Array {
    return this.spanEvents.subarray(this.spanOffsets[span], this.spanOffsets[span + 1])
  }

  endOf(span: Span): number {
    return span.end ?? this.timeline.duration
  }

  /** Makes a time visible, as far as the recording has it. */
  look(from: number, to: number): void {
    const all = this.everything()
    const length = Math.min(Math.max(to - from, shortest), all.to - all.from)
    const start = Math.min(Math.max(from, all.from), all.to - length)
    this.set({ from: start, to: start + length })
  }

  /** Zooms in by a factor, or out if it is below 1. `at` keeps its place. */
  zoom(factor: number, at = (this.state.from + this.state.to) / 2): void {
    const { from, to } = this.state
    this.look(at - (at - from) / factor, at + (to - at) / factor)
  }

  pan(millis: number): void {
    this.look(this.state.from + millis, this.state.to + millis)
  }

  /** Selects something, and makes its time visible. */
  select(selected: Selection | undefined, reveal = true): void {
    this.set({ selected })
    if (selected === undefined || !reveal) return
    const { from, to } = this.state
    const [start, end] = this.timeOf(selected)
    const margin = (to - from) * 0.08
    if (end < from + margin || start > to - margin) {
      const middle = Math.min(start + (to - from) * 0.3, (start + end) / 2)
      this.look(middle - (to - from) / 2, middle + (to - from) / 2)
    }
  }

  timeOf({ index, type }: Selection): readonly [start: number, end: number] {
    if (type === "event") {
      const at = this.timeline.events.at[index]!
      return [at, at]
    }
    const span = this.timeline.spans[index]!
    return [span.start, this.endOf(span)]
  }

  laneOf({ index, type }: Selection): number {
    return type === "event" ? this.timeline.events.lane[index]! : this.timeline.spans[index]!.lane
  }

  /** The selected span, or the span of the selected event. */
  get selectedSpan(): number | undefined {
    const { selected } = this.state
    if (selected === undefined) return undefined
    if (selected.type === "span") return selected.index
    const span = this.timeline.events.span[selected.index]!
    return span < 0 ? undefined : span
  }

  isVisible(span: Span): boolean {
    return !this.state.hidden.has(span.kind) && (this.state.only ?? span.lane) === span.lane
  }

  /** Searches in slices, so that the page stays responsive. */
  private find(query: string): void {
    const { events, spans } = this.timeline
    const search = ++this.search
    const words = query.trim().toLowerCase()
    this.hits = 0
    this.searching = words !== ""
    this.eventHits = this.spanHits = undefined
    if (words === "") return
    const eventHits = new Uint8Array(events.at.length)
    const spanHits = new Uint8Array(spans.length)
    spans.forEach((span, index) => {
      if (`${span.label} ${span.detail}`.toLowerCase().includes(words)) spanHits[index] = 1
    })
    let event = 0
    const step = () => {
      if (search !== this.search) return
      const until = performance.now() + searchSlice
      while (event < events.at.length && performance.now() < until) {
        for (const end = Math.min(event + 200, events.at.length); event < end; event++) {
          if (!`${events.method[event]} ${events.text[event]}`.toLowerCase().includes(words)) continue
          eventHits[event] = 1
          this.hits++
          const span = events.span[event]!
          if (span >= 0) spanHits[span] = 1
        }
      }
      this.searching = event < events.at.length
      this.eventHits = eventHits
      this.spanHits = spanHits
      for (const listener of this.listeners) listener(this.state, { ...this.state, query: "" })
      if (this.searching) requestAnimationFrame(step)
    }
    step()
  }
}
