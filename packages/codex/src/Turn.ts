/**
 * Turns: single tasks of the agent, from the input to the result. `thread.turn` starts one.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Caller, naming } from "./base/caller.ts"
import { detached } from "./base/detached.ts"
import { refuseAwait } from "./base/refuseAwait.ts"
import type * as Input from "./Input.ts"
import type { OutputDecodeError, RequestError, TurnError, TurnStreamError } from "./model/errors/CodexError.ts"
import type * as Notification from "./model/turns/Notification.ts"
import type { TurnResult } from "./model/turns/TurnResult.ts"
import { toItems } from "./options/Input.ts"
import type { TypedResult } from "./Output.ts"
import type { Client } from "./wire/Client.ts"
import type { StartedTurn, TurnCursor } from "./wire/Router.ts"
import type { RunningTurn } from "./wire/RunningTurn.ts"

/**
 * A handle of a started turn. The turn runs with or without consumers: a consumer that stops leaves it running.
 *
 * The first consumer of `stream`, `text` or `items` receives the turn from its first event, and a later one all events from then
 * on, each at its own pace. After the end, a new consumer receives only the completion. Events that no consumer has received are
 * kept as long as the handle itself.
 *
 * `run` and `interrupt` are Effects, not functions: `yield* turn.run`.
 *
 * @category models
 */
export interface Turn {
  readonly id: string
  readonly threadId: string
  /** Emits the notifications of this turn, up to its `turn/completed`, even if the turn fails. */
  readonly stream: Stream.Stream<Notification.Notification, TurnStreamError>
  /** Emits the text of the agent's messages in pieces. Fails with `TurnFailedError` if the turn fails. */
  readonly text: Stream.Stream<string, TurnError>
  /** Emits the completed items. Fails with `TurnFailedError` if the turn fails. */
  readonly items: Stream.Stream<Protocol.ThreadItem, TurnError>
  /** Waits for the end of the turn, and returns its result. It needs no consumer of `stream`, and can run any number of times. */
  readonly run: Effect.Effect<TurnResult, TurnError>
  /**
   * Sends more input to the running turn (`turn/steer`). The agent's current message is cut off; completed items stay. Fails with
   * reason `NoActiveTurn` if the turn has ended.
   */
  readonly steer: (input: Input.Input) => Effect.Effect<void, RequestError>
  /** Interrupts the turn (`turn/interrupt`). It ends a little later, with status `interrupted`; `run` waits for that. */
  readonly interrupt: Effect.Effect<void, RequestError>
}

/**
 * A {@link Turn} whose final answer is decoded with a Schema; `RD` is what decoding requires.
 *
 * @category models
 */
export interface TypedTurn<out A, out RD = never> extends Omit<Turn, "run"> {
  /** Waits for the end of the turn, and returns its result with the decoded answer. */
  readonly run: Effect.Effect<TypedResult<A>, TurnError | OutputDecodeError, RD>
}

/** @internal Adds the place of a call to the errors of a turn: those of its start, and that of its end. */
export const calledBy = <E, R>(
  caller: Caller | undefined,
  starting: Effect.Effect<StartedTurn, E, R>
): Effect.Effect<StartedTurn, E, R> =>
  caller === undefined ? starting : naming(
    caller,
    Effect.map(starting, (started) => {
      started.turn.whenEnded((exit) => {
        if (Exit.isFailure(exit)) caller.name(Cause.squash(exit.cause))
      })
      return started
    })
  )

/** @internal Starts a turn that continues without its caller, and returns its handle. */
export const start = <E>(
  client: Client["Service"],
  starting: Effect.Effect<StartedTurn, E, Scope.Scope>
): Effect.Effect<Turn, E> => Effect.map(detached(starting), (started) => make(client, started))

/** @internal Returns the handle of a turn that was started with its events. */
export const make = (client: Client["Service"], { cursor, turn }: StartedTurn): Turn => {
  const { threadId, turnId } = turn
  let first = cursor

  const open = (): TurnCursor => {
    const taken = first ?? turn.keepEvents().cursor()
    first = null
    return taken
  }
  const stream = follow(turn, open)

  return {
    id: turnId,
    threadId,
    stream,
    text: unlessFailed(turn, Stream.filterMap(stream, textOf)),
    items: unlessFailed(turn, Stream.filterMap(stream, itemOf)),
    run: refuseAwait("turn.run", Deferred.await(turn.result)),
    steer: (input) => Effect.flatMap(toItems(input, client.look), (items) => client.turns.steer(turn, items)),
    interrupt: client.turns.interrupt(turn)
  }
}

/** Emits the events from a cursor on or, after the end of the turn, the completion. */
const follow = (
  turn: RunningTurn,
  open: () => TurnCursor
): Stream.Stream<Notification.Notification, TurnStreamError> =>
  Stream.suspend(() => {
    const { stream } = open()
    if (!turn.ended) return stream
    return Stream.orElseIfEmpty(
      stream,
      () => turn.completion === null ? Stream.empty : Stream.succeed(turn.completion)
    )
  })

const textOf = (event: Notification.Notification) =>
  event.method === "item/agentMessage/delta" ? Result.succeed(event.params.delta) : Result.failVoid

const itemOf = (event: Notification.Notification) =>
  event.method === "item/completed" ? Result.succeed(event.params.item) : Result.failVoid

/** Fails after the last element if the turn failed. */
const unlessFailed = <A>(
  turn: RunningTurn,
  stream: Stream.Stream<A, TurnStreamError>
): Stream.Stream<A, TurnError> => Stream.concat(stream, Stream.fromEffectDrain(Deferred.await(turn.result)))
