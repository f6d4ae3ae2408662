/**
 * Usage: the tokens of one step, as Effect counts them.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as Notification from "effect-codex/Notification"
import type * as Response from "effect/ai/Response"

const none: Protocol.TokenUsageBreakdown = {
  totalTokens: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteInputTokens: 0,
  outputTokens: 0,
  reasoningOutputTokens: 0
}

const plus = (a: Protocol.TokenUsageBreakdown, b: Protocol.TokenUsageBreakdown): Protocol.TokenUsageBreakdown => ({
  totalTokens: a.totalTokens + b.totalTokens,
  inputTokens: a.inputTokens + b.inputTokens,
  cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
  cacheWriteInputTokens: (a.cacheWriteInputTokens ?? 0) + (b.cacheWriteInputTokens ?? 0),
  outputTokens: a.outputTokens + b.outputTokens,
  reasoningOutputTokens: a.reasoningOutputTokens + b.reasoningOutputTokens
})

/** Counts the tokens of a turn, step by step. */
export class Usage {
  /** The size of the model's context window in tokens; null if the server has not told it. */
  contextWindow: number | null = null
  private step = none
  private readonly raw: boolean

  /** `raw`: whether the server reports each response at once, rather than after its tool calls. */
  constructor(raw: boolean) {
    this.raw = raw
  }

  /** Counts what an event reports. */
  add(event: Notification.Notification): void {
    if (event.method === "thread/tokenUsage/updated") {
      const { last, modelContextWindow } = event.params.tokenUsage
      this.contextWindow = modelContextWindow ?? null
      if (!this.raw) this.step = plus(this.step, last)
    }
    if (event.method === "rawResponse/completed" && this.raw) this.step = plus(this.step, event.params.usage ?? none)
  }

  /** Returns the tokens since the last step. */
  take(): Response.FinishPartEncoded["usage"] {
    const { cachedInputTokens, cacheWriteInputTokens, inputTokens, outputTokens, reasoningOutputTokens } = this.step
    this.step = none
    return {
      inputTokens: {
        total: inputTokens,
        uncached: inputTokens - cachedInputTokens,
        cacheRead: cachedInputTokens,
        ...(cacheWriteInputTokens ? { cacheWrite: cacheWriteInputTokens } : {})
      },
      outputTokens: {
        total: outputTokens,
        text: outputTokens - reasoningOutputTokens,
        reasoning: reasoningOutputTokens
      }
    }
  }
}
