/**
 * Token counts, and what one turn has used of them.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Predicate from "effect/Predicate"

/** Token counts by kind. Cached ones are part of the input, those of reasoning part of the output. */
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

/** The sum of two counts. */
export const add = (a: Tokens, b: Tokens): Tokens => combine(a, b, (a, b) => a + b)

const subtract = (a: Tokens, b: Tokens): Tokens => combine(a, b, (a, b) => a - b)

/** Counts as the server sent them. A count that is missing, or no number, is 0. */
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

/** Folds what `thread/tokenUsage/updated` reports while one turn runs. */
export class TurnUsage {
  /** Model requests of the turn so far. */
  steps = 0

  /** What the thread had used before the turn; null until the first report. */
  private before: Tokens | null = null
  private total: Tokens = none

  /** Adds one report: its `tokenUsage`. */
  add(report: unknown): void {
    const fields = Predicate.isObject(report) ? report : {}
    const total = tokensOf(fields["total"])
    const last = tokensOf(fields["last"])
    // A compaction reports again, with a count that belongs to no request, and leaves the total as it was.
    if (this.before === null || total.totalTokens !== this.total.totalTokens || last.totalTokens === 0) this.steps++
    this.before ??= subtract(total, last)
    this.total = total
  }

  /** The tokens of all model requests of the turn; null if the server reported none. */
  get tokens(): Tokens | null {
    // Never a sum of `last`: a compaction reports one of them twice.
    return this.before === null ? null : subtract(this.total, this.before)
  }
}
