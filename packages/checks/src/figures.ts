/**
 * The check of figures: the documentation quotes what the benchmark printed. `packages/bench/README.md` has its output.
 *
 *     node packages/checks/src/figures.ts
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { type Problem, report, root } from "./problem.ts"

/** A quote: the groups of `quoted`, in a page, are those of `printed`, in the output, rounded. */
export interface Quote {
  readonly file: string
  readonly quoted: RegExp
  readonly printed: RegExp
  /** The unit of the output in that of the quote. Default: 1. */
  readonly scale?: number
}

const output = "packages/bench/README.md"

/** Matches the ratio and the CPU of a reader in the first table of the firehose. */
const reader = (name: string) => new RegExp(String.raw`^\| ${name} +\| [^|]+\| [^|]+\| ([\d.]+)[^|]*\| ([\d.]+)`, "m")

/** Matches a reader in the table of the README. */
const row = (name: string) => new RegExp(String.raw`^\| ${name} +\| ([\d.]+) +\| ([\d.]+)`, "m")

/** Matches the median of a row. */
const median = (name: string) => new RegExp(String.raw`^\| ${name} +\| ([\d.,]+)`, "m")

/** Matches the ratio of a row that has a median and a spread. */
const ratio = (name: string) => new RegExp(String.raw`^\| ${name} +\| [\d.,]+ ms \| [^|]+\| ([\d.]+)`, "m")

const laterTurns =
  /^\| effect-codex thread\.run +\| [\d.,]+ ms +\| ([\d.,]+) ms[^\n]*\n\| @openai\/codex-sdk, a process per turn +\| [\d.,]+ ms +\| ([\d.,]+) ms/m

const readers: ReadonlyArray<readonly [quoted: string, printed: string]> = [
  ["floor", "floor: line splitting and JSON.parse"],
  ["`effect-codex`, `thread.run`", "effect-codex thread.run"],
  ["plain JavaScript, no validation, an iterator per turn", "plain JavaScript, an async iterator per turn"],
  ["`effect-codex`, `turn.stream`", "effect-codex turn.stream, per chunk"],
  ["`@agentclientprotocol/sdk`, one callback", "@agentclientprotocol/sdk, one callback"],
  ["`vscode-jsonrpc`, one callback", "vscode-jsonrpc, one callback"]
]

const fleet: ReadonlyArray<readonly [quoted: string, printed: string, scale?: number]> = [
  ["a turn of the SDK alone", "turn: direct"],
  ["a turn of a hosted thread", "turn: hosted"],
  [String.raw`a query to the runner \(.where.\)`, "round trip"],
  ["a repeated key", "repeated key"],
  ["accepted runs, stored and answered", "accepted runs, 64 at once"],
  ["turns on 16 threads at once, one runner", "turns on 16 threads at once"],
  ["a thread that its runner had released", "reopening of a released thread"],
  [
    "all 12 threads of a killed runner answer, `failover` 4 s",
    "a killed runner: its 12 threads answer, failover 4 s",
    0.001
  ],
  ["the database, for each short run, with indexes", "database: a short run"],
  ["the runner, for each idle thread after a short turn", "runner: memory of an idle thread after a turn"]
]

const quotes: ReadonlyArray<Quote> = [
  { file: "README.md", quoted: /each one takes ([\d.]+) ms.*compared with ([\d.]+) ms/, printed: laterTurns },
  ...readers.map(([quoted, printed]) => ({ file: "README.md", quoted: row(quoted), printed: reader(printed) })),
  {
    file: "packages/codex/docs/from-codex-sdk.md",
    quoted: /takes ([\d.]+) ms instead of ([\d.]+) ms/,
    printed: laterTurns
  },
  ...fleet.map(([quoted, printed, scale = 1]) => ({
    file: "packages/cluster/docs/deployment.md",
    quoted: median(quoted),
    printed: median(printed),
    scale
  })),
  { file: output, quoted: /A first turn takes ([\d.]+) times/, printed: ratio("effect-codex") },
  { file: output, quoted: /and ([\d.]+) times in a bundle/, printed: ratio("effect-codex, in a bundle") },
  { file: output, quoted: /the ratios down to ([\d.]+) and/, printed: ratio("effect-codex, compile cache") },
  {
    file: output,
    quoted: /the ratios down to [\d.]+ and ([\d.]+)\./,
    printed: ratio("effect-codex, in a bundle, compile cache")
  },
  {
    file: output,
    quoted: /An import takes ([\d.]+) times/,
    printed: /^\| effect-codex +\| [\d.]+ ms \| [^|]+\| ([\d.]+) \(≤ 1\.15/m
  }
]

const numbers = (groups: ReadonlyArray<string>): ReadonlyArray<number> =>
  groups.map((text) => Number(text.replaceAll(",", "")))

/** Rounds a printed figure like the quote. */
const rounded = (value: number, quote: string): number => Number(value.toFixed(quote.split(".")[1]?.length ?? 0))

/** Finds the quotes that are not in the output, and those that a page no longer contains. */
export const checkFigures = (
  directory: string,
  quotes: ReadonlyArray<Quote>,
  output: string
): ReadonlyArray<Problem> => {
  const results = readFileSync(join(directory, output), "utf8")
  return quotes.flatMap(({ file, printed, quoted, scale = 1 }) => {
    const path = join(directory, file)
    const text = readFileSync(path, "utf8")
    const [, ...expected] = printed.exec(results) ?? []
    const found = quoted.exec(text)
    if (found === null || expected.length === 0) {
      const [where, pattern] = found === null ? ["this page", quoted] : [output, printed]
      return [{
        file: path,
        line: 1,
        message: `nothing in ${where} matches ${pattern}: update the quote in packages/checks/src/figures.ts`
      }]
    }
    const [, ...quotedNumbers] = found
    const values = numbers(expected).map((value, at) => rounded(value * scale, quotedNumbers[at] ?? ""))
    if (values.every((value, at) => value === numbers(quotedNumbers)[at])) return []
    return [{
      file: path,
      line: text.slice(0, found.index).split("\n").length,
      message: `quotes ${quotedNumbers.join(" and ")}, but the benchmark printed ${values.join(" and ")}`
    }]
  })
}

if (import.meta.main) report("figures", checkFigures(root, quotes, output))
