/**
 * The controls of running turns: steer, interrupt, stop, and abandon.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { RequestError } from "../model/errors/CodexError.ts"
import type { RunningTurn, StartedTurn } from "./RunningTurn.ts"
import type { Subagents } from "./Subagents.ts"

/** Internal options of a request. */
export interface SendOptions {
  /** Receives a result that arrives after the time limit. */
  readonly late?: (result: unknown) => void
  /** True if it does not count among the requests in flight. */
  readonly control?: boolean
  /** Receives the id of the request before it is written. */
  readonly onId?: (id: number) => void
  /** Runs when the connection has accepted the request, or has not. */
  readonly onSend?: (isAccepted: boolean) => void
  /** True if it is sent again after a lost connection, because repeating it does no harm. */
  readonly repeats?: boolean
}

/** Sends a request; `read` reads the result, in the reader. */
export interface Send {
  <A>(
    method: string,
    params: unknown,
    read: (result: unknown) => Exit.Exit<A, RequestError>,
    options?: { readonly timeout?: Duration.Input | undefined } & SendOptions
  ): Effect.Effect<A, RequestError>
}

export interface TurnControls {
  /** Asks the server to interrupt a turn, and then its sub-agents, from the top, unless the turn leaves them. */
  readonly interrupt: (turn: RunningTurn) => Effect.Effect<void, RequestError>
  /** Sends more input to a running turn. */
  readonly steer: (
    turn: RunningTurn,
    input: ReadonlyArray<Protocol.UserInputInput>
  ) => Effect.Effect<void, RequestError>
  /**
   * Interrupts a turn and its sub-agents, and waits until all have ended, for at most {@link waitForStop}. The rest happens in the
   * background: a turn that the server does not end within {@link stopTimeout} is given up.
   */
  readonly stop: (turn: RunningTurn) => Effect.Effect<void>
  /**
   * Stops a turn whose caller has gone while a fiber may still be starting it. Waits for the response to the start, for at most
   * {@link waitForStart}; a later response stops the turn in the background.
   */
  readonly abandon: (starting: Fiber.Fiber<StartedTurn, unknown>) => Effect.Effect<void>
}

/** The time limit for the server to end a turn that is being stopped. After that, its thread is free again. */
export const stopTimeout = "10 seconds"

/** The time for which an interrupted fiber waits for the end of its turn. */
export const waitForStop = "3 seconds"

/** The times for which an interrupted fiber waits for the response to a start that it has sent, and then for the end of the turn. */
const waitForStart = "1 second"
const waitForLateStop = "2 seconds"

/** Waits for the start of a turn, before which the server refuses to steer or interrupt it, for at most {@link stopTimeout}. */
const whenStarted = (turn: RunningTurn) => Effect.timeoutOption(Deferred.await(turn.started), stopTimeout)

export const make = (send: Send, subagents: Subagents): TurnControls => {
  const interruptOwn = (turn: RunningTurn): Effect.Effect<void, RequestError> => {
    if (turn.control !== null) return turn.control.interrupt
    const { threadId } = turn
    const ask = (turnId: string): Effect.Effect<void, RequestError> =>
      turn.ended ? Effect.void : send("turn/interrupt", { threadId, turnId }, () => Exit.void, { repeats: true })
    return Effect.andThen(whenStarted(turn), Effect.suspend(() => ask(turn.turnId))).pipe(
      // A review runs in a turn with another id, which the server reports only in its refusal.
      Effect.catchTag("CodexRpcError", (error) => {
        const active = error.reason._tag === "TurnMismatch" ? error.reason.runningTurnId : undefined
        return active === undefined ? Effect.fail(error) : Effect.suspend(() => ask(active))
      }),
      // The turn ended during the request; its completion may not have arrived yet.
      Effect.catchTag(
        "CodexRpcError",
        (error) =>
          turn.ended || (error.reason._tag === "NoActiveTurn" && Deferred.isDoneUnsafe(turn.started))
            ? Effect.void
            : Effect.fail(error)
      )
    )
  }

  /** Interrupts the turn first, which would otherwise continue with the results of its sub-agents, then those that outlive it. */
  const interrupt = (turn: RunningTurn): Effect.Effect<void, RequestError> =>
    turn.leavesSubagents
      ? interruptOwn(turn)
      : subagents.interrupt(turn.roots, Effect.suspend(() => turn.ended ? Effect.void : interruptOwn(turn)))

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
      Effect.andThen(turn.leavesSubagents ? Effect.void : subagents.ended(turn.roots)),
      Effect.timeoutOption(stopTimeout),
      // A turn that does not end in time is given up, so that its thread is free again.
      Effect.andThen(Effect.sync(() => turn.giveUp()))
    )

  /** The fibers that stop turns, also after their end: a limit and the caller may both stop a turn. */
  const endings = new WeakMap<RunningTurn, Fiber.Fiber<void>>()

  /** Starts to stop a turn, in its own fiber: a timeout has no effect in a fiber that was interrupted. */
  const ending = (turn: RunningTurn): Effect.Effect<Fiber.Fiber<void>> =>
    Effect.suspend(() => {
      const before = endings.get(turn)
      if (before !== undefined) return Effect.succeed(before)
      return Effect.tap(
        Effect.forkDetach(end(turn)),
        (fiber) => Effect.sync(() => endings.set(turn, fiber))
      )
    })

  const stop = (turn: RunningTurn): Effect.Effect<void> =>
    Effect.suspend(() =>
      // The sub-agents of a stopped turn may not have ended yet.
      turn.ended && !endings.has(turn)
        ? Effect.void
        : ending(turn).pipe(
          Effect.flatMap((fiber) => Effect.forkDetach(Effect.timeoutOption(Fiber.await(fiber), waitForStop))),
          Effect.flatMap(Fiber.await),
          Effect.asVoid
        )
    )

  const stopStarted = (exit: Exit.Exit<StartedTurn, unknown>): Effect.Effect<void> =>
    Exit.isSuccess(exit) ? stop(exit.value.turn) : Effect.void

  const abandon: TurnControls["abandon"] = (starting) =>
    Effect.suspend(() => {
      const exit = starting.pollUnsafe()
      if (exit !== undefined) return stopStarted(exit)
      return Effect.forkDetach(Effect.flatMap(Fiber.await(starting), stopStarted)).pipe(
        Effect.flatMap((stopping) =>
          Effect.timeoutOption(Fiber.await(starting), waitForStart).pipe(
            Effect.andThen((answered) =>
              Option.isNone(answered) ? Effect.void : Effect.timeoutOption(Fiber.await(stopping), waitForLateStop)
            ),
            // Runs in its own fiber: a timeout has no effect in a fiber that was interrupted.
            Effect.forkDetach
          )
        ),
        Effect.flatMap(Fiber.await),
        Effect.asVoid
      )
    })

  return { interrupt, steer, stop, abandon }
}
