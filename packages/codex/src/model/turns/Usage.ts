/**
 * Token counts, and the usage of one turn.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Predicate from "effect/Predicate"

/** Token counts by kind. Cached tokens are part of the input, reasoning tokens part of the output. */
export type Tokens = Protocol.TokenUsageBreakdown

/** No tokens. */
export const none: Tokens = {
  totalTokens: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteInputTokens: 0,
  outputTokens: 0,
  reasoningOutputTokens: 0
}

const combine = (a: Tokens, b: Tokens, f: (a: number, b: number) => number): Tokens => ({
  totalTokens: f(a.totalTokens, b.totalTokens),
  inputTokens: f(a.inputTokens, b.inputTokens),
  cachedInputTokens: f(a.cachedInputTokens, b.cachedInputTokens),
  cacheWriteInputTokens: f(a.cacheWriteInputTokens ?? 0, b.cacheWriteInputTokens ?? 0),
  outputTokens: f(a.outputTokens, b.outputTokens),
  reasoningOutputTokens: f(a.reasoningOutputTokens, b.reasoningOutputTokens)
})

/** Returns the sum of two counts. */
export const add = (a: Tokens, b: Tokens): Tokens => combine(a, b, (a, b) => a + b)

const subtract = (a: Tokens, b: Tokens): Tokens => combine(a, b, (a, b) => a - b)

/** Reads the counts that the server sent. A missing or malformed count is 0. */
const tokensOf = (value: unknown): Tokens => {
  const fields = Predicate.isObject(value) ? value : {}
  const count = (name: keyof Tokens): number => {
    const count = fields[name]
    return typeof count === "number" ? count : 0
  }
  return {
    totalTokens: count("totalTokens"),
    inputTokens: count("inputTokens"),
    cachedInputTokens: count("cachedInputTokens"),
    cacheWriteInputTokens: count("cacheWriteInputTokens"),
    outputTokens: count("outputTokens"),
    reasoningOutputTokens: count("reasoningOutputTokens")
  }
}

/** Returns the tokens of a thread according to a report. */
export const totalOf = (report: unknown): Tokens => tokensOf(Predicate.isObject(report) ? report["total"] : undefined)

/** The usage of one turn, folded from the reports in `thread/tokenUsage/updated`. */
export class TurnUsage {
  /** The number of model requests of the turn so far. */
  steps = 0

  /** The usage of the thread before the turn; null until the first report. */
  private before: Tokens | null = null
  private assumed: Tokens | null = null
  private total: Tokens = none

  /** Sets what the thread had used before the turn, in case the first report is missed. */
  startFrom(before: Tokens): void {
    this.assumed = before
  }

  /** Adds one report: its `tokenUsage`. */
  add(report: unknown): void {
    const fields = Predicate.isObject(report) ? report : {}
    const total = tokensOf(fields["total"])
    const last = tokensOf(fields["last"])
    // A compaction sends a report without a request of its own, which leaves the total unchanged.
    if (this.before === null || total.totalTokens !== this.total.totalTokens || last.totalTokens === 0) this.steps++
    this.before ??= this.assumed ?? subtract(total, last)
    this.total = total
  }

  /** The tokens of all model requests of the turn. Null if the server reported none. */
  get tokens(): Tokens | null {
    // Not a sum of `last`, because a compaction reports one of them twice.
    return this.before === null ? null : subtract(this.total, this.before)
  }
}
