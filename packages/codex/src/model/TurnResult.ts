/**
 * What a turn has come to, folded from its events as they pass.
 */
import * as Protocol from "@effect-codex/protocol/Protocol"
import * as Schema from "effect/Schema"
import type { Notification } from "./Notification.ts"

/**
 * The result of a turn.
 *
 * @category models
 */
export interface TurnResult {
  readonly threadId: string
  /** The id of the turn. */
  readonly id: string
  /** `"completed"`, `"interrupted"`, or `"failed"` (then it is the partial result in a `TurnFailedError`). */
  readonly status: Protocol.TurnStatus
  /** Why the turn failed; null when it did not. */
  readonly error: Protocol.TurnError | null
  /** Unix time in seconds; null when the server did not say. */
  readonly startedAt: number | null
  /** Unix time in seconds; null when the server did not say. */
  readonly completedAt: number | null
  /** In milliseconds; null when the server did not say. */
  readonly durationMs: number | null
  /** The agent's answer: see {@link finalResponse}. */
  readonly finalResponse: string | null
  /** The completed items, in the order in which they were completed. */
  readonly items: ReadonlyArray<Protocol.ThreadItem>
  /** Tokens: `last` of the turn's last request to the model, `total` of the thread; null when the server did not say. */
  readonly usage: Protocol.ThreadTokenUsage | null
}

/** The Schema of {@link TurnResult}. */
export const TurnResult: Schema.Codec<TurnResult> = Schema.Struct({
  threadId: Schema.String,
  id: Schema.String,
  status: Protocol.TurnStatus,
  error: Schema.NullOr(Protocol.TurnError),
  startedAt: Schema.NullOr(Schema.Number),
  completedAt: Schema.NullOr(Schema.Number),
  durationMs: Schema.NullOr(Schema.Number),
  finalResponse: Schema.NullOr(Schema.String),
  items: Schema.Array(Protocol.ThreadItem),
  usage: Schema.NullOr(Protocol.ThreadTokenUsage)
})

/**
 * The agent's answer among the items of a turn: the last message with phase `final_answer`; without one, the last
 * message that has no phase. Commentary never counts, an empty text does; null when there is no answer.
 */
export const finalResponse = (items: ReadonlyArray<Protocol.ThreadItem>): string | null => {
  let phaseless: string | null = null
  for (let index = items.length - 1; index >= 0; index--) {
    const item = items[index]!
    if (item.type !== "agentMessage") continue
    if (item.phase === "final_answer") return item.text
    if (item.phase === undefined || item.phase === null) phaseless ??= item.text
  }
  return phaseless
}

/** Collects a {@link TurnResult} from the notifications of one turn. */
export class Fold {
  private readonly items: Array<Protocol.ThreadItem> = []
  private usage: Protocol.ThreadTokenUsage | null = null
  /** What was said first of the usage. */
  private firstUsage: Protocol.ThreadTokenUsage | null = null

  readonly threadId: string
  readonly turnId: string

  constructor(threadId: string, turnId: string) {
    this.threadId = threadId
    this.turnId = turnId
  }

  /** Whether a notification of this method changes the result. */
  static readonly wants = (method: unknown): boolean =>
    method === "item/completed" || method === "turn/completed" || method === "thread/tokenUsage/updated"

  /** Adds one notification. Returns the result when it is the turn's completion. */
  add(event: Notification): TurnResult | undefined {
    switch (event.method) {
      case "item/completed":
        this.items.push(event.params.item)
        return undefined
      case "thread/tokenUsage/updated":
        this.usage = event.params.tokenUsage
        this.firstUsage ??= this.usage
        return undefined
      case "turn/completed":
        return this.complete(event.params.turn)
      default:
        return undefined
    }
  }

  /** Whether there is an answer when the turn completes with this. */
  hasAnswer(turn: Protocol.Turn): boolean {
    return finalResponse(this.allItems(turn)) !== null
  }

  /** The items that were completed one by one, and those that the completion alone has. */
  private allItems(turn: Protocol.Turn): ReadonlyArray<Protocol.ThreadItem> {
    const ids = new Set(this.items.map(idOf))
    const others = turn.items.filter((item) => !ids.has(idOf(item)))
    return others.length === 0 ? this.items : [...this.items, ...others]
  }

  /** The tokens of the whole turn, over all its requests to the model; null when the server did not say. */
  get tokens(): Protocol.TokenUsageBreakdown | null {
    const { firstUsage: first, usage } = this
    if (first === null || usage === null) return null
    // Each time the server tells the tokens of the last request, and those of the thread.
    const used = (kind: keyof Protocol.TokenUsageBreakdown) =>
      (usage.total[kind] ?? 0) - (first.total[kind] ?? 0) + (first.last[kind] ?? 0)
    return {
      totalTokens: used("totalTokens"),
      inputTokens: used("inputTokens"),
      cachedInputTokens: used("cachedInputTokens"),
      cacheWriteInputTokens: used("cacheWriteInputTokens"),
      outputTokens: used("outputTokens"),
      reasoningOutputTokens: used("reasoningOutputTokens")
    }
  }

  /** The result of the turn that completes with this. */
  complete(turn: Protocol.Turn): TurnResult {
    const items = this.allItems(turn)
    return {
      threadId: this.threadId,
      id: this.turnId,
      status: turn.status,
      error: turn.error ?? null,
      startedAt: turn.startedAt ?? null,
      completedAt: turn.completedAt ?? null,
      durationMs: turn.durationMs ?? null,
      finalResponse: finalResponse(items),
      items,
      usage: this.usage
    }
  }
}

const idOf = (item: Protocol.ThreadItem): unknown => "id" in item ? item.id : item
