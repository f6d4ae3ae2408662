/**
 * The statistics of measurements, and the tables that show them.
 */

/** A summary of repeated measurements. */
export interface Summary {
  readonly median: number
  /** Half the distance between the lowest and the highest value, relative to the median. */
  readonly spread?: number
}

export const summary = (values: ReadonlyArray<number>): Summary & { readonly spread: number } => {
  const sorted = Array.from(values).sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { median, spread: (sorted.at(-1)! - sorted[0]!) / 2 / median }
}

export const median = (values: ReadonlyArray<number>): number => summary(values).median

/** The required value of a figure, and the goal beyond it. */
export interface Goal {
  readonly atLeast?: number
  readonly atMost?: number
  /** The goal beyond the required value. */
  readonly goal?: number
}

/** A ratio to another measurement, computed round by round. */
export interface Ratio {
  readonly median: number
  readonly goal?: Goal | undefined
}

/** A row of a table. */
export interface Row {
  readonly section: string
  readonly name: string
  readonly unit: string
  readonly value: Summary
  /** The goal of the value itself. */
  readonly goal?: Goal | undefined
  /** The ratio to the first row of the section. */
  readonly ratio?: Ratio | undefined
  /** The CPU time, relative to the first row of the section. */
  readonly cpu?: Ratio | undefined
  /** The peak of resident memory in MiB, above its value at the start. */
  readonly peak?: number | undefined
  /** The growth of the heap in MiB. */
  readonly kept?: number | undefined
}

export const isMet = ({ goal, median }: Ratio): boolean =>
  median >= (goal?.atLeast ?? -Infinity) && median <= (goal?.atMost ?? Infinity)

/** Whether the goal is reached that is beyond what is required. */
const isReached = ({ goal, median }: Ratio): boolean =>
  goal?.goal === undefined || (goal.atLeast === undefined ? median <= goal.goal : median >= goal.goal)

const number = (value: number): string => value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3)

/** Renders what is required of a figure, and whether the figure misses it. */
const judged = (value: Ratio, format: (value: number) => string): string => {
  const { goal } = value
  const limit = goal?.atLeast ?? goal?.atMost
  if (limit === undefined) return ""
  const sign = goal?.atLeast === undefined ? "≤" : "≥"
  const required = `${sign} ${format(limit)}${isMet(value) ? "" : ", missed"}`
  return goal?.goal === undefined
    ? required
    : `${required}, goal ${format(goal.goal)}${isReached(value) ? "" : " missed"}`
}

const ratio = (value: Ratio | undefined): string => {
  if (value === undefined) return ""
  const goal = judged(value, (limit) => limit.toFixed(2))
  return goal === "" ? value.median.toFixed(2) : `${value.median.toFixed(2)} (${goal})`
}

const mebibytes = (value: number | undefined): string => value === undefined ? "" : `${value.toFixed(1)} MiB`

const header = ["median", "spread", "goal", "ratio", "CPU", "peak memory", "kept"]

const cells = (row: Row): ReadonlyArray<string> => [
  row.name,
  `${number(row.value.median)} ${row.unit}`,
  row.value.spread === undefined ? "" : `±${(row.value.spread * 100).toFixed(0)} %`,
  judged({ median: row.value.median, goal: row.goal }, String),
  ratio(row.ratio),
  ratio(row.cpu),
  mebibytes(row.peak),
  mebibytes(row.kept)
]

/** Renders the rows of one section as a Markdown table, without empty columns. */
const table = (section: string, rows: ReadonlyArray<Row>): string => {
  const lines = rows.map(cells)
  const columns = [section, ...header].map((title, column) => [title, ...lines.map((line) => line[column]!)])
    .filter(([, ...values]) => values.some((value) => value !== ""))
    .map((column) => {
      const width = Math.max(...column.map((cell) => cell.length))
      const [title, ...values] = column.map((cell) => cell.padEnd(width))
      return [title!, "-".repeat(width), ...values]
    })
  return columns[0]!.map((_, line) => `| ${columns.map((column) => column[line]).join(" | ")} |`).join("\n")
}

/** Renders the rows as Markdown tables, one per section. */
export const render = (rows: ReadonlyArray<Row>): string =>
  Array.from(new Set(rows.map((row) => row.section)))
    .map((section) => table(section, rows.filter((row) => row.section === section)))
    .join("\n\n")
