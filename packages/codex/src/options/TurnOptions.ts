/**
 * Options of `thread.run`, `thread.turn` and `thread.stream`.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as Duration from "effect/Duration"
import type { Limits } from "../model/turns/Limits.ts"
import type { OutputSchema } from "./OutputCodec.ts"
import type { Presets } from "./Presets.ts"

/**
 * The behaviour of a call while another turn of the thread runs: wait for its end, fail with `ThreadBusyError`, or steer that
 * turn. A turn that cannot be steered, such as a review or a compaction, is waited for.
 *
 * @category models
 */
export type WhenBusy = "wait" | "fail" | "steer"

/**
 * The bound on the events of a turn that a consumer has not read yet:
 *
 * - `"unbounded"` keeps all of them, however slow the consumer is. A turn of 20,000 deltas takes about 10 MB.
 * - `"coalesce"` joins deltas of the same text when there are more than 256 events. No text and no other event is lost.
 * - `{ sliding: n }` keeps the newest n events, up to 2n for a moment. The result of `run` is still complete.
 *
 * @category models
 */
export type Buffer = "unbounded" | "coalesce" | { readonly sliding: number }

/**
 * Options of `run`, `turn` and `stream`: the fields of `turn/start`, and presets. Most apply to this turn and the later turns of
 * the thread; `serviceTierForTurn`, `outputSchema` and `turnTrigger` apply to this turn alone.
 *
 * @category models
 */
export interface TurnOptions extends Presets, Omit<Protocol.TurnStartParams, "threadId" | "input" | "toolOutput"> {
  /**
   * The behaviour while another turn of the thread runs: `"wait"` for its end, `"fail"` with `ThreadBusyError`, or `"steer"` that
   * turn. Default: `"wait"`.
   */
  readonly whenBusy?: WhenBusy | undefined
  /** The bound on unread events: see {@link Buffer}. `run` keeps no events. Default: `"unbounded"`. */
  readonly buffer?: Buffer | undefined
  /** Limits of this turn. Missing fields fall back to the limits of the thread, then of the Layer. Default: none. */
  readonly limits?: Limits | undefined
  /**
   * The fate of the turn's sub-agents when the turn is stopped by `interrupt`, a limit, or the interruption of its fiber:
   * `"stop"` interrupts them too, `"leave"` lets them continue. Default: `"stop"`.
   */
  readonly subagents?: "stop" | "leave" | undefined
  /** The time limit for the server to accept the turn. Default: the client's `requestTimeout`. */
  readonly startTimeout?: Duration.Input | undefined
  /**
   * A Schema for the final answer. It makes the turn a typed one: see {@link TypedTurnOptions}. If the compiler reports that a
   * value is not assignable to `undefined` here, the value is no Effect Schema, or another option beside it is wrong.
   * Default: none.
   */
  readonly output?: undefined
  /** An id for the user's message, which the server repeats in the item of the message. Default: none. */
  readonly clientUserMessageId?: Protocol.TurnStartParams["clientUserMessageId"]
}

/**
 * {@link TurnOptions} with a Schema for the final answer. `RD` are the services that decoding requires.
 *
 * @category models
 */
export interface TypedTurnOptions<A, RD = never> extends Omit<TurnOptions, "output" | "outputSchema" | "whenBusy"> {
  /** A Schema for the final answer. The model must follow it, and the answer is decoded with it. */
  readonly output: OutputSchema<A, RD>
  /** As in {@link TurnOptions}, without `"steer"`: a running turn was started without this Schema. */
  readonly whenBusy?: Exclude<WhenBusy, "steer"> | undefined
}
