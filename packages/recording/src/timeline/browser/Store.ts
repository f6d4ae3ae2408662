/**
 * The state of the page: the timeline with its indexes, and the choices of its reader.
 */
import { Events } from "./column.ts"
import { kinds } from "./dom.ts"
import { Search } from "./Search.ts"
import { lowerBound } from "./sorted.ts"
import type { Texts } from "./Texts.ts"
import type { Head, Kind, Lane, Mark, Patch, Span, Tokens } from "./Timeline.ts"

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

/** The shortest visible time, in milliseconds. */
const shortest = 0.2

/** A recording, as far as the page has it. */
export interface Timeline extends Head {
  duration: number
  complete: boolean
  readonly methods: Array<string>
  readonly lanes: Array<Lane>
  readonly spans: Array<Span>
  readonly marks: Array<Mark>
  readonly events: Events
}

const none: ReadonlyArray<number> = []

export class Store {
  readonly timeline: Timeline
  readonly texts: Texts
  readonly search: Search
  state: State
  /** The spans of each lane, by row, in the order of time. */
  readonly rows: Array<ReadonlyArray<Array<number>>> = []
  /** The errors and warnings of each lane, in the order of time. */
  readonly marks: Array<Array<Mark>> = []
  /** The tokens of each lane, in the order of time. */
  readonly tokens: Array<Array<Tokens>> = []
  /** The highest number of tokens of each lane, at least 1. */
  readonly mostTokens: Array<number> = []
  /** The turns, in the order of time. */
  readonly turns: Array<number> = []
  errors = 0
  deltas = 0
  private readonly counts = new Map<Kind, number>()
  /** The rows of each lane, by group. */
  private readonly groups: Array<ReadonlyArray<Array<Array<number>>>> = []
  /** The events of each span, in the order of time. */
  private readonly spanEvents: Array<Array<number> | undefined> = []
  private readonly listeners: Array<(state: State, before: State) => void> = []
  private readonly growths: Array<(patch: Patch) => void> = []

  constructor(head: Head, texts: Texts) {
    this.timeline = {
      ...head,
      duration: 0,
      complete: false,
      methods: [],
      lanes: [],
      spans: [],
      marks: [],
      events: new Events()
    }
    this.texts = texts
    this.state = {
      ...this.everything(),
      hidden: new Set(),
      only: undefined,
      collapsed: new Set(),
      query: "",
      selected: undefined
    }
    this.search = new Search(this, () => this.notify({ ...this.state, query: "" }))
  }

  /**
   * Adds what a patch has. The visible time follows the end of the recording if it has reached it, and all of it remains
   * visible if it was.
   */
  apply(patch: Patch): void {
    const { timeline } = this
    const all = this.everything()
    const { from, to } = this.state
    timeline.duration = patch.duration
    timeline.complete = patch.complete
    for (const method of patch.methods) timeline.methods.push(method)
    for (const [index, lane] of patch.lanes) this.setLane(index, lane)
    for (const [index, span] of patch.spans) this.setSpan(index, span)
    for (const mark of patch.marks) {
      timeline.marks.push(mark)
      this.marks[mark.lane]!.push(mark)
      if (mark.level === "error") this.errors++
    }
    for (const tokens of patch.tokens) {
      this.tokens[tokens.lane]!.push(tokens)
      this.mostTokens[tokens.lane] = Math.max(this.mostTokens[tokens.lane]!, tokens.total)
    }
    const first = timeline.events.length
    timeline.events.append(patch.events)
    for (const [event, lane] of patch.moved) timeline.events.lane[event] = lane
    const { delta, length, span } = timeline.events
    for (let event = first; event < length; event++) {
      this.deltas += delta[event]!
      if (span[event]! < 0) continue
      const members = this.spanEvents[span[event]!]
      if (members === undefined) this.spanEvents[span[event]!] = [event]
      else members.push(event)
    }
    this.search.resume()

    const now = this.everything()
    if (now.to !== all.to && to >= all.to - (to - from) / 1000) {
      this.state = {
        ...this.state,
        from: from <= all.from ? now.from : from + now.to - to,
        to: now.to
      }
    }
    for (const listener of this.growths) listener(patch)
  }

  private setLane(index: number, lane: Lane): void {
    this.timeline.lanes[index] = lane
    const groups = this.groups[index] ??= [[], [], []]
    this.marks[index] ??= []
    this.tokens[index] ??= []
    this.mostTokens[index] ??= 1
    if (this.rows[index] !== undefined && lane.rows.every((rows, group) => rows === groups[group]!.length)) return
    lane.rows.forEach((rows, group) => {
      while (groups[group]!.length < rows) groups[group]!.push([])
      if (groups[group]!.length > rows) groups[group]!.length = rows
    })
    this.rows[index] = groups.flat()
  }

  private setSpan(index: number, span: Span): void {
    const { spans } = this.timeline
    const before = spans[index]
    spans[index] = span
    if (before === undefined) {
      this.counts.set(span.kind, (this.counts.get(span.kind) ?? 0) + 1)
      if (span.kind === "turn") this.turns.push(index)
    } else if (before.lane === span.lane && before.row === span.row) return
    else {
      const row = this.groups[before.lane]![groupOf(before.kind)]![before.row]
      const position = row?.indexOf(index) ?? -1
      if (position !== -1) row!.splice(position, 1)
    }
    const row = this.groups[span.lane]![groupOf(span.kind)]![span.row]!
    const last = row.at(-1)
    if (last === undefined || spans[last]!.start <= span.start) row.push(index)
    else row.splice(lowerBound(row.length, (position) => spans[row[position]!]!.start <= span.start), 0, index)
  }

  /** Returns the row of a span in its lane, from the top. */
  rowOf({ kind, lane, row }: Span): number {
    const { rows } = this.timeline.lanes[lane]!
    const group = groupOf(kind)
    return row + (group > 0 ? rows[0]! : 0) + (group > 1 ? rows[1]! : 0)
  }

  methodOf(event: number): string {
    return this.timeline.methods[this.timeline.events.method[event]!]!
  }

  directionOf(event: number): Head["directions"][number] {
    return this.timeline.directions[this.timeline.events.direction[event]!]!
  }

  onChange(listener: (state: State, before: State) => void): void {
    this.listeners.push(listener)
  }

  set(change: Partial<State>): void {
    const before = this.state
    this.state = { ...before, ...change }
    if (change.query !== undefined && change.query !== before.query) this.search.start(change.query)
    this.notify(before)
  }

  private notify(before: State): void {
    for (const listener of this.listeners) listener(this.state, before)
  }

  /** Calls a listener after each patch. */
  onGrowth(listener: (patch: Patch) => void): void {
    this.growths.push(listener)
  }

  /** True if the visible time reaches the end of the recording, which it then follows. */
  get isAtEnd(): boolean {
    const { from, to } = this.state
    return to >= this.everything().to - (to - from) / 1000
  }

  /** Returns the whole time of the recording, with a margin. */
  everything(): { readonly from: number; readonly to: number } {
    const length = Math.max(this.timeline.duration, 1)
    return { from: -length * 0.01, to: length * 1.02 }
  }

  /** Returns the density of events in each of so many parts of {@link everything}, from 0 to 1, on a logarithmic scale. */
  density(parts: number): ReadonlyArray<number> {
    const { from, to } = this.everything()
    const { at, length } = this.timeline.events
    const counts: Array<number> = []
    let first = 0
    for (let part = 1; part <= parts; part++) {
      const until = from + (to - from) * part / parts
      const next = lowerBound(length, (event) => at[event]! < until, first)
      counts.push(next - first)
      first = next
    }
    const most = Math.log1p(counts.reduce((most, count) => Math.max(most, count), 1))
    return counts.map((count) => Math.log1p(count) / most)
  }

  /** Returns the kinds of the recording with their numbers, in the order of the legend. */
  kindCounts(): ReadonlyArray<readonly [kind: Kind, count: number]> {
    const { counts } = this
    return (Object.keys(kinds) as Array<Kind>).flatMap((kind) => counts.has(kind) ? [[kind, counts.get(kind)!]] : [])
  }

  /** Returns the events of a span, in the order of time. */
  eventsOf(span: number): ReadonlyArray<number> {
    return this.spanEvents[span] ?? none
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
}

const groupOf = (kind: Kind): 0 | 1 | 2 => kind === "turn" ? 0 : kind === "request" ? 2 : 1
