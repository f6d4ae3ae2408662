/**
 * Results of turns, folded from their events.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Schemas from "@effect-codex/protocol/Schemas"
import * as Schema from "effect/Schema"
import type { Notification } from "./Notification.ts"
import * as Usage from "./Usage.ts"

/**
 * The result of a turn.
 *
 * @category models
 */
export interface TurnResult {
  readonly threadId: string
  /** The id of the turn. */
  readonly id: string
  /** `"completed"`, `"interrupted"` or `"failed"`. A failed turn's result is in `TurnFailedError`, and is partial. */
  readonly status: Protocol.TurnStatus
  /** The error of a failed turn; null otherwise. */
  readonly error: Protocol.TurnError | null
  /** The start, as Unix time in seconds; null if the server did not report it. */
  readonly startedAt: number | null
  /** The end, as Unix time in seconds; null if the server did not report it. */
  readonly completedAt: number | null
  /** The duration in milliseconds; null if the server did not report it. */
  readonly durationMs: number | null
  /** The agent's answer, or null if there is none: see {@link finalResponse}. */
  readonly finalResponse: string | null
  /** The completed items, in the order in which they were completed. */
  readonly items: ReadonlyArray<Protocol.ThreadItem>
  /** The tokens that the turn has used; null if the server did not report any. */
  readonly usage: TurnUsage | null
  /** The sub-agents of the turn when it ended. */
  readonly subagents: Subagents
}

/**
 * Tokens, as the server counts them, in four counts of the same shape. `turn` and `subagents` do not overlap: together they are
 * what the turn has cost.
 *
 * @category models
 */
export interface TurnUsage {
  /** The turn's last model request, which shows how full the context is. */
  readonly last: Protocol.TokenUsageBreakdown
  /** All model requests of the thread so far, including those of earlier turns, without its sub-agents. */
  readonly total: Protocol.TokenUsageBreakdown
  /** All model requests of this turn, without those of its sub-agents. */
  readonly turn: Protocol.TokenUsageBreakdown
  /** All model requests of the turn's sub-agents, nested ones included, until the turn ended; zeros if it had none. */
  readonly subagents: Protocol.TokenUsageBreakdown
  /** The size of the model's context window in tokens; null if it is unknown. */
  readonly modelContextWindow: number | null
}

/**
 * The sub-agents of a turn when it ended, nested ones included.
 *
 * @category models
 */
export interface Subagents {
  /** The number of sub-agents that still run. Tokens that they use from now on are not in the result. */
  readonly running: number
  /**
   * The number of times a sub-agent was interrupted: with its turn, or because it would have run with wider permissions
   * than the turn.
   */
  readonly stopped: number
}

/** The Schema of {@link TurnUsage}. */
export const TurnUsage: Schema.Codec<TurnUsage> = Schema.Struct({
  last: Schema.suspend(Schemas.TokenUsageBreakdown),
  total: Schema.suspend(Schemas.TokenUsageBreakdown),
  turn: Schema.suspend(Schemas.TokenUsageBreakdown),
  subagents: Schema.suspend(Schemas.TokenUsageBreakdown),
  modelContextWindow: Schema.NullOr(Schema.Number)
})

/** The Schema of {@link Subagents}. */
export const Subagents: Schema.Codec<Subagents> = Schema.Struct({ running: Schema.Number, stopped: Schema.Number })

/** The Schema of {@link TurnResult}. */
export const TurnResult: Schema.Codec<TurnResult> = Schema.Struct({
  threadId: Schema.String,
  id: Schema.String,
  status: Schema.suspend(Schemas.TurnStatus),
  error: Schema.NullOr(Schema.suspend(Schemas.TurnError)),
  startedAt: Schema.NullOr(Schema.Number),
  completedAt: Schema.NullOr(Schema.Number),
  durationMs: Schema.NullOr(Schema.Number),
  finalResponse: Schema.NullOr(Schema.String),
  items: Schema.Array(Schema.suspend(Schemas.ThreadItem)),
  usage: Schema.NullOr(TurnUsage),
  subagents: Subagents
})

/**
 * Returns the agent's answer among the items of a turn: the last message with phase `final_answer` or, without one, the last
 * message without a phase. Commentary never counts; an empty text does. Returns null if there is no answer.
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

const noChildren = () => ({ usage: Usage.none, running: 0, stopped: 0 })

/** Collects a {@link TurnResult} from the notifications of one turn. */
export class Fold {
  private readonly items: Array<Protocol.ThreadItem> = []
  private reported: Protocol.ThreadTokenUsage | null = null
  private readonly used = new Usage.TurnUsage()

  readonly threadId: string
  readonly turnId: string

  private readonly children: () => Subagents & { readonly usage: Usage.Tokens }

  /** `children` reports on the sub-agents of the turn. */
  constructor(
    threadId: string,
    turnId: string,
    children: () => Subagents & { readonly usage: Usage.Tokens } = noChildren
  ) {
    this.threadId = threadId
    this.turnId = turnId
    this.children = children
  }

  /** Returns true if a notification of this method changes the result. */
  static readonly wants = (method: unknown): boolean =>
    method === "item/completed" || method === "turn/completed" || method === "thread/tokenUsage/updated"

  /** Adds one notification. Returns the result when it is the turn's completion. */
  add(event: Notification): TurnResult | undefined {
    switch (event.method) {
      case "item/completed":
        this.items.push(event.params.item)
        return undefined
      case "thread/tokenUsage/updated":
        this.reported = event.params.tokenUsage
        this.used.add(event.params.tokenUsage)
        return undefined
      case "turn/completed":
        return this.complete(event.params.turn)
      default:
        return undefined
    }
  }

  /** The tokens of all model requests of the turn so far. Null if the server did not report any. */
  get tokens(): Usage.Tokens | null {
    return this.used.tokens
  }

  /** Sets what the thread had used before the turn, in case the first report is missed. */
  startFrom(before: Usage.Tokens): void {
    this.used.startFrom(before)
  }

  /** The number of model requests of the turn so far. */
  get steps(): number {
    return this.used.steps
  }

  /** Returns the result so far, for a turn that was interrupted. */
  partial(): TurnResult {
    return this.complete({ id: this.turnId, status: "interrupted", items: [] })
  }

  /** Returns true if the turn has an answer when it completes with `turn`. */
  hasAnswer(turn: Protocol.Turn): boolean {
    return finalResponse(this.allItems(turn)) !== null
  }

  /** Returns the items that were completed one by one, and those that only the completion contains. */
  private allItems(turn: Protocol.Turn): ReadonlyArray<Protocol.ThreadItem> {
    const ids = new Set(this.items.map(idOf))
    const others = turn.items.filter((item) => !ids.has(idOf(item)))
    return others.length === 0 ? this.items : [...this.items, ...others]
  }

  /** Returns the result of the turn when it completes with `turn`. */
  complete(turn: Protocol.Turn): TurnResult {
    const items = this.allItems(turn)
    const { running, stopped, usage: subagents } = this.children()
    const { reported } = this
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
      usage: reported === null ? null : {
        last: reported.last,
        total: reported.total,
        turn: this.used.tokens ?? Usage.none,
        subagents,
        modelContextWindow: reported.modelContextWindow ?? null
      },
      subagents: { running, stopped }
    }
  }
}

const idOf = (item: Protocol.ThreadItem): unknown => "id" in item ? item.id : item
