/**
 * Turns that other clients run on threads of a shared server. They keep a thread busy, and are never taken for turns of this client.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import { type RequestError, ThreadBusyError } from "../model/errors/CodexError.ts"
import * as Place from "./Place.ts"
import type { Router, StartedTurn } from "./Router.ts"
import type { Send, TurnControls } from "./TurnControls.ts"

export interface ForeignTurns {
  /** Waits until no other client runs a turn of a thread, or fails. Must be used by the holder of the thread. */
  readonly free: (threadId: string, whenBusy: "wait" | "fail") => Effect.Effect<void, ThreadBusyError>
  /** Adds input to the turn of another client. Undefined if none runs, or it cannot be steered. */
  readonly join: (
    threadId: string,
    input: ReadonlyArray<Protocol.UserInputInput>,
    events: boolean
  ) => Effect.Effect<StartedTurn | undefined, RequestError>
}

/** The wait for a notification before the server is asked again, because some clients do not receive all of them. */
const askAgain = "5 seconds"

export const make = ({ controls, isShared, rejoin, router, send }: {
  readonly router: Router["Service"]
  readonly send: Send
  readonly controls: TurnControls
  /** Returns true if other clients use the same server. */
  readonly isShared: () => boolean
  /** Resumes a thread, and brings its turns up to date. */
  readonly rejoin: (threadId: string) => Effect.Effect<void, RequestError>
}): ForeignTurns => {
  const read = <A>(threadId: string, includeTurns: boolean, look: (thread: unknown) => A) =>
    send(
      "thread/read",
      { threadId, includeTurns },
      (result) => Exit.succeed(look(Predicate.isObject(result) ? result["thread"] : undefined)),
      { control: true }
    )

  /** Asks the server only if the latest status is unknown, or reports a running turn. */
  const isBusy = (threadId: string): Effect.Effect<boolean> =>
    Effect.suspend(() =>
      !isShared() || router.family.get(threadId)?.status === "idle"
        ? Effect.succeed(false)
        // If the server does not report it here, the start of the turn will.
        : Effect.catch(read(threadId, false, isActive), () => Effect.succeed(false))
    )

  const ended = (threadId: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const done = Deferred.makeUnsafe<void>()
      const end = () => Deferred.doneUnsafe(done, Exit.void)
      const unfollow = router.follow(threadId, {
        offer: (raw) => {
          if (raw["method"] === "turn/completed" || Place.saysIdle(raw["method"], raw["params"])) end()
        },
        suspend: () => true,
        fail: end
      })
      return Effect.ensuring(
        Effect.asVoid(Effect.timeoutOption(Deferred.await(done), askAgain)),
        Effect.sync(unfollow)
      )
    })

  const free: ForeignTurns["free"] = (threadId, whenBusy) =>
    Effect.flatMap(isBusy(threadId), (busy) => {
      if (!busy) return Effect.void
      if (whenBusy === "fail") return Effect.fail(new ThreadBusyError({ threadId }))
      return Effect.andThen(ended(threadId), free(threadId, whenBusy))
    })

  return {
    free,
    join: (threadId, input, events) =>
      Effect.flatMap(isBusy(threadId), (busy) => {
        if (!busy) return Effect.succeed(undefined)
        return Effect.flatMap(read(threadId, true, runningTurn), (turnId) => {
          if (turnId === undefined) return Effect.succeed(undefined)
          const turn = router.observe(threadId, turnId)
          const cursor = events ? turn.keepEvents().cursor() : null
          // Earlier events are in the history.
          return Effect.ignore(rejoin(threadId)).pipe(
            Effect.andThen(controls.steer(turn, input)),
            Effect.as({ turn, cursor }),
            Effect.onError(() => Effect.sync(() => cursor?.close()))
          )
        })
      })
  }
}

const isActive = (thread: unknown): boolean => {
  const status = Predicate.isObject(thread) ? thread["status"] : undefined
  return Predicate.isObject(status) && status["type"] === "active"
}

const runningTurn = (thread: unknown): string | undefined => {
  const turns = Predicate.isObject(thread) ? thread["turns"] : undefined
  const turn: unknown = Array.isArray(turns) ? turns.at(-1) : undefined
  return Predicate.isObject(turn) && turn["status"] === "inProgress" && typeof turn["id"] === "string"
    ? turn["id"]
    : undefined
}
