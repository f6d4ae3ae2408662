/**
 * Steering, interrupting and stopping turns that run.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { CodexConnectionError, type RequestError } from "../model/CodexError.ts"
import { runningTurn } from "../model/Refusal.ts"
import type { RunningTurn } from "./RunningTurn.ts"

/** How requests are sent: `read` reads the result, in the reader. */
export interface Send {
  <A>(
    method: string,
    params: unknown,
    read: (result: unknown) => Exit.Exit<A, RequestError>,
    options?: {
      readonly timeout?: Duration.Input | undefined
      /** Takes a result that comes when the time is up. */
      readonly late?: (result: unknown) => void
      /** Whether it does not count among the requests in flight. */
      readonly control?: boolean
    }
  ): Effect.Effect<A, RequestError>
}

export interface TurnControls {
  /** Asks the server to interrupt a turn. Does nothing for one that has ended. */
  readonly interrupt: (turn: RunningTurn) => Effect.Effect<void, RequestError>
  /** Sends a running turn more input. */
  readonly steer: (
    turn: RunningTurn,
    input: ReadonlyArray<Protocol.UserInputInput>
  ) => Effect.Effect<void, RequestError>
  /**
   * Interrupts a turn, and waits until it has ended, but no longer than {@link waitForStop}. The rest goes on in the background:
   * a turn that the server does not end within {@link stopTimeout} is given up.
   */
  readonly stop: (turn: RunningTurn) => Effect.Effect<void>
}

/** How long the server may take to end a turn that is stopped. Then its thread is free again. */
export const stopTimeout = "10 seconds"

/** How long a fiber that was interrupted waits for the end of its turn. */
export const waitForStop = "3 seconds"

/** The server refuses to steer or interrupt a turn before it has begun; one that seems never to begin is asked all the same. */
const whenStarted = (turn: RunningTurn) => Effect.timeoutOption(Deferred.await(turn.started), stopTimeout)

export const make = (send: Send): TurnControls => {
  const interrupt = (turn: RunningTurn): Effect.Effect<void, RequestError> => {
    if (turn.control !== null) return turn.control.interrupt
    const { threadId } = turn
    const ask = (turnId: string): Effect.Effect<void, RequestError> =>
      turn.ended ? Effect.void : send("turn/interrupt", { threadId, turnId }, () => Exit.void)
    return Effect.andThen(whenStarted(turn), Effect.suspend(() => ask(turn.turnId))).pipe(
      // A review runs in a turn of another id, which the server tells only when it refuses.
      Effect.catchTag("CodexRpcError", (error) => {
        const active = runningTurn(error)
        return active === undefined ? Effect.fail(error) : Effect.suspend(() => ask(active))
      }),
      // It ended while it was asked; its completion may still be on its way.
      Effect.catchTag(
        "CodexRpcError",
        (error) =>
          turn.ended || (error.reason === "NoActiveTurn" && Deferred.isDoneUnsafe(turn.started))
            ? Effect.void
            : Effect.fail(error)
      )
    )
  }

  const steer: TurnControls["steer"] = (turn, input) =>
    turn.control !== null
      ? turn.control.steer(input)
      : Effect.andThen(
        whenStarted(turn),
        send("turn/steer", { threadId: turn.threadId, expectedTurnId: turn.turnId, input }, () => Exit.void)
      )

  const end = (turn: RunningTurn): Effect.Effect<void> =>
    interrupt(turn).pipe(
      Effect.ignore,
      Effect.andThen(Effect.exit(Deferred.await(turn.result))),
      Effect.timeoutOption(stopTimeout),
      // A turn that does not end in time is given up: the thread shall not stay blocked.
      Effect.andThen(Effect.sync(() => turn.fail(new CodexConnectionError({ reason: "Disconnected" }))))
    )

  const stop = (turn: RunningTurn): Effect.Effect<void> =>
    Effect.suspend(() =>
      turn.ended
        ? Effect.void
        // In fibers of their own: the one that was interrupted can't be timed any more.
        : Effect.forkDetach(end(turn)).pipe(
          Effect.flatMap((ending) => Effect.forkDetach(Effect.timeoutOption(Fiber.await(ending), waitForStop))),
          Effect.flatMap(Fiber.await),
          Effect.asVoid
        )
    )

  return { interrupt, steer, stop }
}
