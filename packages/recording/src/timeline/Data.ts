/**
 * The data of a timeline while it grows, and what has changed in it since a reader last asked.
 */
import { Events } from "./browser/column.ts"
import type { Direction, Head, Lane, Mark, Patch, Span, Tokens } from "./browser/Timeline.ts"
import { Rows } from "./rows.ts"

export const directions: ReadonlyArray<Direction> = ["sent", "received", "garbage", "ended"]

/** The number of messages whose texts are loaded together. */
export const chunkLength = 1024

/** The most events of a patch. */
const patchLength = 32_768

/** The position of a reader: how much of everything it has. */
export interface Cursor {
  readonly methods: number
  readonly lanes: number
  readonly spans: number
  readonly marks: number
  readonly tokens: number
  readonly events: number
  readonly changedLanes: number
  readonly changedSpans: number
  readonly moved: number
}

export class Data {
  readonly events = new Events()
  readonly lanes: Array<Lane> = []
  readonly spans: Array<Span> = []
  readonly marks: Array<Mark> = []
  readonly tokens: Array<Tokens> = []
  duration = 0
  complete = false
  private readonly methods: Array<string> = []
  private readonly methodIndexes = new Map<string, number>()
  private readonly rows = new Rows()
  private readonly moved: Array<readonly [event: number, lane: number]> = []
  private readonly changedLanes: Array<number> = []
  private readonly changedSpans: Array<number> = []

  addLane(id: string, title = ""): number {
    return this.lanes.push({ id, title, subtitle: "", rows: [0, 0, 0] }) - 1
  }

  changeLane(index: number, change: Partial<Lane>): void {
    Object.assign(this.lanes[index]!, change)
    this.changedLanes.push(index)
  }

  addSpan(span: Omit<Span, "row">): number {
    const added: Span = { row: 0, ...span }
    this.rows.place(added)
    this.count(added.lane)
    return this.spans.push(added) - 1
  }

  changeSpan(index: number, change: Partial<Omit<Span, "lane">>): void {
    const span = this.spans[index]!
    Object.assign(span, change)
    if (change.end !== undefined) {
      this.rows.end(span)
      this.count(span.lane)
    }
    this.changedSpans.push(index)
  }

  /** Moves a span and its first event to another lane. */
  moveSpan(index: number, lane: number, event: number): void {
    const span = this.spans[index]!
    const from = span.lane
    if (from === lane) return
    this.rows.remove(span)
    this.count(from)
    span.lane = lane
    this.rows.place(span)
    this.count(lane)
    this.changedSpans.push(index)
    this.events.lane[event] = lane
    this.moved.push([event, lane])
  }

  private count(lane: number): void {
    const counts = this.rows.counts(lane)
    if (counts.some((count, group) => count !== this.lanes[lane]!.rows[group])) this.changeLane(lane, { rows: counts })
  }

  addEvent(at: number, direction: Direction, lane: number, span: number, method: string, delta: boolean): number {
    return this.events.push(at, lane, span, directions.indexOf(direction), this.methodIndex(method), delta ? 1 : 0)
  }

  private methodIndex(method: string): number {
    const known = this.methodIndexes.get(method)
    if (known !== undefined) return known
    // The index has two bytes. A recording with more methods than that was not written by a server.
    if (this.methods.length === 0xffff) return this.methodIndex(this.methods[0xfffe]!)
    const index = this.methods.push(method) - 1
    this.methodIndexes.set(method, index)
    return index
  }

  /** The position of a reader that has nothing yet. What it reads first is as it is now, so earlier changes are no matter. */
  get beginning(): Cursor {
    const { changedLanes, changedSpans, moved } = this
    return {
      methods: 0,
      lanes: 0,
      spans: 0,
      marks: 0,
      tokens: 0,
      events: 0,
      changedLanes: changedLanes.length,
      changedSpans: changedSpans.length,
      moved: moved.length
    }
  }

  /** Returns the next changes after a position, and the position after them; undefined if there are none. */
  since(cursor: Cursor, head?: Head): readonly [patch: Patch, cursor: Cursor] | undefined {
    const { changedLanes, changedSpans, events, lanes, marks, methods, moved, spans, tokens } = this
    const to = Math.min(events.length, cursor.events + patchLength)
    const isLast = to === events.length
    const next: Cursor = {
      methods: methods.length,
      lanes: lanes.length,
      // Without the last events, only the spans that the events refer to.
      spans: isLast
        ? spans.length
        : Math.max(cursor.spans, events.span.subarray(cursor.events, to).reduce(most, -1) + 1),
      marks: isLast ? marks.length : countBefore(marks, cursor.marks, to),
      tokens: isLast ? tokens.length : countBefore(tokens, cursor.tokens, to),
      events: to,
      changedLanes: isLast ? changedLanes.length : cursor.changedLanes,
      changedSpans: isLast ? changedSpans.length : cursor.changedSpans,
      moved: isLast ? moved.length : cursor.moved
    }
    const isSame = next.events === cursor.events && next.changedLanes === cursor.changedLanes
      && next.changedSpans === cursor.changedSpans && next.lanes === cursor.lanes
    if (head === undefined && isSame) return undefined
    const column = (values: { subarray(from: number, to: number): ArrayLike<number> }) =>
      Array.from(values.subarray(cursor.events, to))
    const changed = <A>(
      all: ReadonlyArray<A>,
      log: ReadonlyArray<number>,
      name: "lanes" | "spans",
      from: number,
      to: number
    ) =>
      [
        ...Array.from(new Set(log.slice(from, to))).filter((index) => index < cursor[name]),
        ...Array.from({ length: next[name] - cursor[name] }, (_, index) => cursor[name] + index)
      ].map((index) => [index, all[index]!] as const)
    return [{
      head,
      duration: this.duration,
      complete: this.complete,
      methods: methods.slice(cursor.methods),
      lanes: changed(lanes, changedLanes, "lanes", cursor.changedLanes, next.changedLanes).map(([index, lane]) => [
        index,
        lane.title === "" ? { ...lane, title: `thread ${lane.id.length > 12 ? lane.id.slice(-6) : lane.id}` } : lane
      ]),
      spans: changed(spans, changedSpans, "spans", cursor.changedSpans, next.changedSpans),
      marks: marks.slice(cursor.marks, next.marks),
      tokens: tokens.slice(cursor.tokens, next.tokens),
      events: {
        at: column(events.at),
        lane: column(events.lane),
        span: column(events.span),
        direction: column(events.direction),
        method: column(events.method),
        delta: column(events.delta)
      },
      moved: moved.slice(cursor.moved, next.moved)
    }, next]
  }
}

const most = (a: number, b: number): number => Math.max(a, b)

/** Returns the number of these, from `low` on in the order of events, that come before an event. */
const countBefore = (all: ReadonlyArray<{ readonly event: number }>, low: number, event: number): number => {
  let index = low
  while (index < all.length && all[index]!.event < event) index++
  return index
}
