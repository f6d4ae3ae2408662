/**
 * The geometry of the chart: converts between times and pixels, places lanes and rows, and finds what lies at a point.
 */
import { lowerBound } from "./sorted.ts"
import type { Store } from "./Store.ts"
import type { Mark } from "./Timeline.ts"

export const axisHeight = 26
export const overviewHeight = 44
export const tokenHeight = 26
export const lanePadding = 8
export const turnHeight = 24
const rowHeight = 20
const rowGap = 3
/** The least width of a span. */
export const narrowest = 2.5

/** A stretch of time that fills the width. */
interface Range {
  readonly from: number
  readonly to: number
}

/** The place of a lane. */
export interface Place {
  readonly lane: number
  readonly top: number
  readonly height: number
  readonly collapsed: boolean
  /** The number of visible rows. */
  readonly rows: number
}

/** Returns the top of a row, below the top of its lane. */
export const rowTop = (row: number): number =>
  lanePadding + (row === 0 ? 0 : turnHeight + rowGap + (row - 1) * (rowHeight + rowGap))

/** Returns the height of a row. The first row is that of the turns. */
export const heightOf = (row: number): number => row === 0 ? turnHeight : rowHeight

export class View {
  readonly store: Store
  width = 0
  height = 0
  /** The visible lanes, from the top. */
  places: ReadonlyArray<Place> = []
  /** The moment at the pointer. */
  pointer: number | undefined

  constructor(store: Store) {
    this.store = store
  }

  /** The width of the names of the lanes. */
  get gutter(): number {
    return Math.min(200, Math.max(116, this.width * 0.2))
  }

  /** The width of the time. */
  get inner(): number {
    return this.width - this.gutter
  }

  x(millis: number, { from, to }: Range = this.store.state): number {
    return this.gutter + (millis - from) / (to - from) * this.inner
  }

  millisAt(x: number, { from, to }: Range = this.store.state): number {
    return from + (x - this.gutter) / this.inner * (to - from)
  }

  /** Milliseconds per pixel. */
  get perPixel(): number {
    return (this.store.state.to - this.store.state.from) / this.inner
  }

  /** Assigns a place to each lane. Returns the height of all of them. */
  arrange(): number {
    const { collapsed, only } = this.store.state
    let top = 0
    const places: Array<Place> = []
    const { marks, timeline: { lanes }, tokens: tokensOf } = this.store
    lanes.forEach((_, index) => {
      if (only !== undefined && only !== index) return
      const all = this.store.rows[index]!.length
      // The lane of the app-server may be empty.
      if (all === 0 && lanes.length > 1 && marks[index]!.length === 0) return
      const isCollapsed = collapsed.has(index)
      const rows = isCollapsed ? Math.min(1, all) : all
      const tokens = !isCollapsed && tokensOf[index]!.length > 0 ? tokenHeight : 0
      const spans = lanePadding * 2 + turnHeight + (Math.max(1, rows) - 1) * (rowHeight + rowGap)
      const height = Math.max(46, spans) + tokens
      places.push({ lane: index, top, height, collapsed: isCollapsed, rows })
      top += height
    })
    this.places = places
    return top
  }

  private placeAt(y: number): Place | undefined {
    return this.places.find(({ height, top }) => y >= top && y < top + height)
  }

  /** Returns the lane and the span at a point. */
  hit(x: number, y: number): { readonly lane: number; readonly span: number | undefined } | undefined {
    const place = this.placeAt(y)
    if (place === undefined) return undefined
    const rows = this.store.rows[place.lane]!
    for (let row = 0; row < place.rows; row++) {
      const top = place.top + rowTop(row)
      if (y < top - 1 || y > top + heightOf(row) + 1) continue
      let best: number | undefined
      let nearest = 4
      const at = this.millisAt(x)
      const spans = rows[row]!
      for (let index = Math.max(0, this.firstVisible(spans, at) - 2); index < spans.length; index++) {
        const span = this.store.timeline.spans[spans[index]!]!
        const left = this.x(span.start)
        if (left > x + nearest) break
        const right = Math.max(left + narrowest, this.x(this.store.endOf(span)))
        const distance = x < left ? left - x : x > right ? x - right : 0
        if (distance < nearest && this.store.isVisible(span)) {
          nearest = distance
          best = spans[index]
          if (distance === 0) break
        }
      }
      if (best !== undefined) return { lane: place.lane, span: best }
    }
    return { lane: place.lane, span: undefined }
  }

  /** Returns the error or warning at a point. */
  markAt(x: number, y: number): Mark | undefined {
    const place = this.placeAt(y)
    if (place === undefined || y > place.top + 9) return undefined
    const marks = this.store.marks[place.lane]!
    const from = this.millisAt(x - 7)
    const mark = marks[lowerBound(marks.length, (index) => marks[index]!.at < from)]
    return mark !== undefined && Math.abs(this.x(mark.at) - x) < 7 ? mark : undefined
  }

  /** Returns the index of the first of these spans, from `low` on, that ends at or after a moment. */
  firstVisible(spans: ReadonlyArray<number>, millis: number, low = 0): number {
    const isBefore = (index: number) => this.store.endOf(this.store.timeline.spans[spans[index]!]!) < millis
    return lowerBound(spans.length, isBefore, low)
  }
}
