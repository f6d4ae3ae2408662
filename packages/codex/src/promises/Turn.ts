/**
 * Turns of the Promise API.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as Input from "../Input.ts"
import type * as Notification from "../model/turns/Notification.ts"
import type { TurnResult } from "../model/turns/TurnResult.ts"
import type { TypedResult } from "../options/OutputCodec.ts"
import type * as EffectTurn from "../Turn.ts"
import { iterable, promise } from "./Runner.ts"

/**
 * A handle of a started turn. The turn runs with or without consumers: leaving a loop over its events leaves the turn running.
 *
 * The first loop over `events`, `text` or `items` receives the turn from its first event, and a later one all events from then on.
 *
 * @category models
 */
export interface Turn<out R extends TurnResult = TurnResult> {
  readonly id: string
  readonly threadId: string
  /** The notifications of this turn, up to its `turn/completed`, even if the turn fails. */
  readonly events: AsyncIterable<Notification.Notification>
  /** The text of the agent's messages, in pieces. Throws `TurnFailedError` if the turn fails. */
  readonly text: AsyncIterable<string>
  /** The completed items. Throws `TurnFailedError` if the turn fails. */
  readonly items: AsyncIterable<Protocol.ThreadItem>
  /** The result of the turn, at its end. Rejects with `TurnFailedError` if the turn fails. */
  readonly result: Promise<R>
  /**
   * Sends more input to the running turn (`turn/steer`). Rejects with a `CodexRpcError` whose reason is `NoActiveTurn` if the turn
   * has ended.
   */
  readonly steer: (input: Input.Input) => Promise<void>
  /** Interrupts the turn (`turn/interrupt`). It ends a little later, with status `"interrupted"`; `result` waits for that. */
  readonly interrupt: () => Promise<void>
}

/**
 * A {@link Turn} whose final answer is decoded with a Schema.
 *
 * @category models
 */
export type TypedTurn<A> = Turn<TypedResult<A>>

/** A turn of the Effect API, typed or not. */
interface Source<R> extends Omit<EffectTurn.Turn, "run"> {
  readonly run: Effect.Effect<R, unknown>
}

/** Returns the handle of a turn. An abort interrupts the turn, and ends its loops and its result with the reason. */
export const make = <R extends TurnResult>(turn: Source<R>, signal?: AbortSignal): Turn<R> => {
  const loop = <A, E>(stream: Stream.Stream<A, E>) => iterable(stream, signal)
  const interrupt = () => promise(turn.interrupt)
  // The result and the loops of an aborted turn report the abort, so a failure of this needs no second report.
  signal?.addEventListener("abort", () => void interrupt().catch(() => {}), { once: true })
  let result: Promise<R> | undefined
  return {
    id: turn.id,
    threadId: turn.threadId,
    events: loop(turn.stream),
    text: loop(turn.text),
    items: loop(turn.items),
    get result() {
      return result ??= promise(turn.run, signal)
    },
    steer: (input) => promise(turn.steer(input)),
    interrupt
  }
}
