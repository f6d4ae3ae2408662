/**
 * Rows of lanes: spans that overlap in time lie in rows of their own. A span gets its row when it begins, so that a drawn
 * span stays where it is while the recording grows.
 */
import type { Kind, Span } from "./browser/Timeline.ts"

/** Returns the group of a kind, from the top: turns, then their parts, then requests of the client. */
const groupOf = (kind: Kind): 0 | 1 | 2 => kind === "turn" ? 0 : kind === "request" ? 2 : 1

interface Row {
  /** The end of the last span; infinite while it is open. */
  end: number
  last: Span
  spans: number
}

type Groups = readonly [turns: Array<Row>, parts: Array<Row>, requests: Array<Row>]

export class Rows {
  private readonly lanes: Array<Groups> = []

  private groups(lane: number): Groups {
    return this.lanes[lane] ??= [[], [], []]
  }

  /** Returns the number of rows of each group of a lane. */
  counts(lane: number): ReadonlyArray<number> {
    return this.groups(lane).map((rows) => rows.length)
  }

  /** Assigns a row to a span of its lane. */
  place(span: Span): void {
    const rows = this.groups(span.lane)[groupOf(span.kind)]
    const end = span.end ?? Infinity
    const free = rows.findIndex((row) => row.end <= span.start)
    if (free === -1) {
      span.row = rows.push({ end, last: span, spans: 1 }) - 1
      return
    }
    const row = rows[free]!
    span.row = free
    row.end = end
    row.last = span
    row.spans++
  }

  /** Applies the end of a span to its row. Moves the span if it ends again, and its row is no longer free. */
  end(span: Span): void {
    const row = this.groups(span.lane)[groupOf(span.kind)][span.row]!
    if (row.last === span) {
      row.end = span.end ?? Infinity
      return
    }
    this.remove(span)
    this.place(span)
  }

  /** Takes a span out of its lane. */
  remove(span: Span): void {
    const rows = this.groups(span.lane)[groupOf(span.kind)]
    const row = rows[span.row]!
    row.spans--
    if (row.last === span) row.end = span.start
    while (rows.at(-1)?.spans === 0) rows.pop()
  }
}
