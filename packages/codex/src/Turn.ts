/**
 * A turn: one task of the agent, from its input to its result.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CodexClient } from "./CodexClient.ts"
import * as Input from "./Input.ts"
import type { OutputDecodeError, RequestError, TurnError, TurnStreamError } from "./model/CodexError.ts"
import type * as Notification from "./model/Notification.ts"
import type { TurnResult } from "./model/TurnResult.ts"
import type { TypedResult } from "./Output.ts"
import type { StartedTurn, TurnCursor } from "./wire/Router.ts"
import type { RunningTurn } from "./wire/RunningTurn.ts"
import { detached } from "./wire/TurnStarts.ts"

/**
 * A turn that was started. It goes on whether or not somebody looks: dropping a consumer leaves it running.
 *
 * The first consumer of `stream`, `text` or `items` sees the turn from its first event, one that joins later what comes
 * from then on; each at its own pace. After the end a new consumer gets the completion, and ends. Events that no consumer
 * has seen yet are kept for as long as the `Turn` itself is.
 *
 * @category models
 */
export interface Turn {
  readonly id: string
  readonly threadId: string
  /** The notifications of this turn, up to its `turn/completed`. A failed turn ends it like any other. */
  readonly stream: Stream.Stream<Notification.Notification, TurnStreamError>
  /** The text of the agent's messages, piece by piece. Fails with `TurnFailedError` if the turn failed. */
  readonly text: Stream.Stream<string, TurnError>
  /** The completed items. Fails with `TurnFailedError` if the turn failed. */
  readonly items: Stream.Stream<Protocol.ThreadItem, TurnError>
  /** The result, when the turn has ended. Needs no consumer of `stream`, and may be run any number of times. */
  readonly run: Effect.Effect<TurnResult, TurnError>
  /**
   * Gives the running turn more input (`turn/steer`). What the agent is saying is broken off: items that were complete by
   * then stay. Fails with reason `NoActiveTurn` when the turn has ended.
   */
  readonly steer: (input: Input.Input) => Effect.Effect<void, RequestError>
  /** Asks the server to stop the turn (`turn/interrupt`). It ends a little later, with status `interrupted`. */
  readonly interrupt: Effect.Effect<void, RequestError>
}

/**
 * A {@link Turn} whose final answer is decoded with a Schema; `RD` is what decoding requires.
 *
 * @category models
 */
export interface TypedTurn<out A, out RD = never> extends Omit<Turn, "run"> {
  /** The result with the decoded answer, when the turn has ended. Fails with `OutputDecodeError` if it does not fit. */
  readonly run: Effect.Effect<TypedResult<A>, TurnError | OutputDecodeError, RD>
}

/** Starts a turn that goes on when its caller has gone, and returns its handle. */
export const start = <E>(
  client: CodexClient["Service"],
  starting: Effect.Effect<StartedTurn, E, Scope.Scope>
): Effect.Effect<Turn, E> => Effect.map(detached(starting), (started) => make(client, started))

/** The handle of a turn that was started with its events. */
export const make = (client: CodexClient["Service"], { cursor, turn }: StartedTurn): Turn => {
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
    run: Deferred.await(turn.result),
    steer: (input) => Effect.flatMap(Input.toItems(input, client.look), (items) => client.turns.steer(turn, items)),
    interrupt: client.turns.interrupt(turn)
  }
}

/** The events from a cursor on; for who comes after the end, the completion. */
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

/** Ends as the turn did. */
const unlessFailed = <A>(
  turn: RunningTurn,
  stream: Stream.Stream<A, TurnStreamError>
): Stream.Stream<A, TurnError> => Stream.concat(stream, Stream.fromEffectDrain(Deferred.await(turn.result)))
