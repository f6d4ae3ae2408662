/**
 * Requests that start turns: each is written until its response, or after a lost connection the next one, shows the turn.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import { CodexDecodeError, type RequestError, ThreadBusyError } from "../model/errors/CodexError.ts"
import type { Router, StartedTurn } from "./Router.ts"
import type { Send, TurnControls } from "./TurnControls.ts"

/** A request that starts a turn. */
export type TurnRequest =
  & (
    | { readonly method: "turn/start"; readonly params: Protocol.TurnStartParams }
    | { readonly method: "review/start"; readonly params: Protocol.ReviewStartParams }
  )
  & {
    /** True if the turn keeps its events; false for its result alone. */
    readonly events: boolean
    readonly timeout?: Duration.Input | undefined
  }

/** The survival of turns over a lost connection. */
export interface Survival {
  /** Returns true if turns outlive the connection. */
  readonly survives: () => boolean
  /** Resumes a thread, and brings its turns up to date. */
  readonly rejoin: (threadId: string) => Effect.Effect<void, RequestError>
}

/** Returns the function that starts a turn by its request. The reader claims the turn, so that none of its events is missed. */
export const make = ({ controls, fork, rejoining, router, send }: {
  readonly router: Router["Service"]
  readonly send: Send
  readonly controls: TurnControls
  readonly rejoining: Survival
  /** Runs an effect in the background. */
  readonly fork: (effect: Effect.Effect<void>) => void
}) =>
({ events, method, params, timeout }: TurnRequest): Effect.Effect<StartedTurn, RequestError | ThreadBusyError> =>
  Effect.suspend(() => {
    const { threadId } = params
    // The history contains the id only with a message.
    const clientId = method === "turn/start" && params.input.length > 0
      ? params.clientUserMessageId ?? undefined
      : undefined
    const expected = router.expectTurn(threadId, clientId === undefined ? undefined : { clientId, events })
    const foreignTurn = router.foreign(threadId)
    let isTaken: boolean | undefined
    type Response = Exit.Exit<Exit.Exit<StartedTurn, ThreadBusyError>, RequestError>
    const sent = Effect.flatten(send(method, params, (result): Response => {
      const turnId = turnIdOf(result)
      if (turnId === undefined) return Exit.fail(unnamed(method, threadId, result))
      // Another client has started it after the thread was found free: the server has added the input to it.
      if (turnId === foreignTurn) return Exit.succeed(Exit.fail(new ThreadBusyError({ threadId, turnId })))
      return Exit.succeed(Exit.succeed(expected.claim(turnId, events)))
    }, {
      timeout,
      onSend: (is) => {
        isTaken = is
      },
      // The caller has gone. Without this, the turn would continue, and the next one would steer it.
      late: (result) => {
        const turnId = turnIdOf(result)
        if (turnId === undefined || turnId === foreignTurn) return
        fork(controls.stop(router.expectTurn(threadId).claim(turnId, false).turn))
      }
    }))
    /** After a lost connection the next one shows whether the turn has started. If not, it is started again. */
    const attempt: Effect.Effect<StartedTurn, RequestError | ThreadBusyError> = Effect.suspend(() => {
      isTaken = undefined
      return sent
    }).pipe(Effect.catchTag("CodexConnectionError", (error) => {
      if (clientId === undefined || isTaken === undefined || !rejoining.survives()) return Effect.fail(error)
      if (!isTaken) return Effect.andThen(Effect.yieldNow, attempt)
      return Effect.flatMap(
        expected.outcome ?? Effect.fail(error),
        (started) => started === undefined ? attempt : Effect.succeed(started)
      )
    }))
    return Effect.ensuring(attempt, Effect.sync(expected.close))
  })

/** Returns the id of the turn in a response. The rest of the response is not needed, so it is not checked. */
const turnIdOf = (result: unknown): string | undefined => {
  const turn = Predicate.isObject(result) ? result["turn"] : undefined
  const id = Predicate.isObject(turn) ? turn["id"] : undefined
  return typeof id === "string" ? id : undefined
}

const unnamed = (method: string, threadId: string, raw: unknown): CodexDecodeError =>
  new CodexDecodeError({ method, issue: "the answer does not name a turn", raw, threadId })
