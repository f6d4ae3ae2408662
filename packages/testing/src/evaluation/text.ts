/**
 * The report of an evaluation as text.
 */
import * as Cause from "effect/Cause"
import type { Distribution } from "./Distribution.ts"

interface Summary {
  readonly variant: string | undefined
  readonly runs: number
  readonly failed: number
  readonly passRate: number
  readonly scores: { readonly [name: string]: Distribution }
}

interface Report {
  readonly summaries: ReadonlyArray<Summary>
  readonly total: Summary
  readonly failures: ReadonlyArray<{ readonly variant: string; readonly seed: number; readonly message: string }>
}

/** Returns the message of a failure on one line. */
export const messageOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  const message = error instanceof Error ? error.message || error.name : String(error)
  return message.replaceAll(/\s+/g, " ")
}

const header = ["variant", "runs", "failed", "passed", "score", "mean", "median", "min", "max"]

/** The columns of text. The others hold numbers, which are aligned to the right. */
const texts = new Set(["variant", "score"])

const rowsOf = ({ failed, passRate, runs, scores, variant }: Summary): ReadonlyArray<ReadonlyArray<string>> =>
  Object.entries(scores).map(([name, { max, mean, median, min }]) => [
    variant ?? "all",
    String(runs),
    String(failed),
    `${Math.round(passRate * 100)} %`,
    name,
    ...[mean, median, min, max].map((figure) => Number.isNaN(figure) ? "-" : figure.toFixed(2))
  ])

/** Returns a row for each summary and score, then a line for each failure. */
export const table = ({ failures, summaries, total }: Report): string => {
  const rows = [header, ...[...summaries, ...summaries.length > 1 ? [total] : []].flatMap(rowsOf)]
  const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const lines = rows.map((row) =>
    row.map((cell, column) =>
      texts.has(header[column]!) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)
    ).join("  ").trimEnd()
  )
  const failed = failures.map(({ message, seed, variant }) => `${variant}, seed ${seed}: ${message}`)
  return [...lines, ...failed.length === 0 ? [] : ["", ...failed]].join("\n")
}
