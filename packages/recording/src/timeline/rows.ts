/**
 * Rows of lanes: spans that overlap in time lie in rows of their own.
 */
import type { Kind, Lane, Span } from "./browser/Timeline.ts"

/** Groups of rows, from the top: turns, then their parts, then requests of the client. */
const groups: ReadonlyArray<(kind: Kind) => boolean> = [
  (kind) => kind === "turn",
  (kind) => kind !== "turn" && kind !== "request",
  (kind) => kind === "request"
]

const groupOf = (span: Span): number => groups.findIndex((belongs) => belongs(span.kind))

/** Assigns a row to each span, and the number of its rows to each lane. */
export const arrange = (lanes: ReadonlyArray<Lane>, spans: ReadonlyArray<Span>): void => {
  const byTime = spans.toSorted((a, b) => a.start - b.start)
  const rows = lanes.map(() => groups.map((): Array<number> => []))
  for (const span of byTime) {
    const ends = rows[span.lane]![groupOf(span)]!
    const free = ends.findIndex((end) => end <= span.start)
    span.row = free === -1 ? ends.length : free
    ends[span.row] = span.end ?? Infinity
  }
  lanes.forEach((lane, index) => {
    lane.rows = rows[index]!.reduce((sum, ends) => sum + ends.length, 0)
  })
  for (const span of spans) {
    for (const ends of rows[span.lane]!.slice(0, groupOf(span))) span.row += ends.length
  }
}
