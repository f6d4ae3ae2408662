/**
 * The start of turns, one at a time for each thread.
 *
 * It is a scoped acquisition in two steps: first of the thread, for which a fiber may wait, then of the turn. Closing the scope
 * releases a thread without a turn, and stops a turn.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import { ThreadGate } from "../base/ThreadGate.ts"
import { type RequestError, type StartTurnError, ThreadBusyError } from "../model/errors/CodexError.ts"
import type { TurnLimits } from "../model/turns/Limits.ts"
import * as Enforcement from "./Enforcement.ts"
import type { ForeignTurns } from "./ForeignTurns.ts"
import type { QueuedTurns } from "./QueuedTurns.ts"
import type { Router, StartedTurn } from "./Router.ts"
import type { RunningTurn } from "./RunningTurn.ts"
import * as Telemetry from "./Telemetry.ts"
import type { Send, TurnControls } from "./TurnControls.ts"
import * as TurnRequests from "./TurnRequests.ts"

/** The request to acquire a thread. */
export interface ThreadRequest {
  readonly threadId: string
  readonly whenBusy?: "wait" | "fail" | undefined
  /** True if the server allows the turn to be steered. */
  readonly steerable: boolean
  readonly agent?: Telemetry.Agent | undefined
  /** The limits of the turn. */
  readonly limits?: TurnLimits | undefined
}

/** A thread that is reserved for one caller: until the scope closes or, after a turn has started, until that turn has ended. */
export interface AcquiredThread {
  /** Starts a turn by a request. The scope stops it. After a failure, it can be called again. */
  readonly start: (
    request: TurnRequests.TurnRequest
  ) => Effect.Effect<StartedTurn, RequestError | ThreadBusyError, Scope.Scope>
  /** As {@link start}, for a turn that starts by other means. `starting` continues if the caller is interrupted. */
  readonly begin: <E extends StartTurnError>(
    starting: Effect.Effect<StartedTurn, E>
  ) => Effect.Effect<StartedTurn, E, Scope.Scope>
  /** Runs a preparation of the turn in its span. */
  readonly prepare: <A, E extends StartTurnError>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>
}

export interface TurnStarts {
  /** Waits until a thread is free, and acquires it. */
  readonly acquire: (request: ThreadRequest) => Effect.Effect<AcquiredThread, ThreadBusyError, Scope.Scope>
  /** Steers the running turn. Returns undefined if there is none that can be steered, or if it ended before the input reached it. */
  readonly join: (
    threadId: string,
    input: ReadonlyArray<Protocol.UserInputInput>,
    events: boolean
  ) => Effect.Effect<StartedTurn | undefined, StartTurnError>
  /**
   * Finds a turn by the `clientUserMessageId` of its start, which another program may have sent, and takes it over. Undefined if
   * the thread has none.
   */
  readonly find: (
    threadId: string,
    clientId: string,
    limits: TurnLimits | undefined
  ) => Effect.Effect<StartedTurn | undefined, RequestError>
  /** Waits until a thread is free, and runs an effect while no turn of this client can start on it. */
  readonly exclusively: <A, E>(
    threadId: string,
    whenBusy: "wait" | "fail",
    effect: Effect.Effect<A, E>
  ) => Effect.Effect<A, E | ThreadBusyError>
  /** Runs a function at a moment at which no turn of this client is about to start on a thread. */
  readonly between: <A>(threadId: string, f: () => A) => Effect.Effect<A>
  /** Interrupts a turn that reaches one of its limits. */
  readonly enforce: (turn: RunningTurn, limits: TurnLimits) => Effect.Effect<void>
  /** The span of the turn that runs on a thread. */
  readonly spanOf: (threadId: string) => Tracer.Span | undefined
}

/** The turn on a busy thread. */
interface Occupant {
  /** Done when the turn has started; undefined if it could not be started. */
  readonly turn: Deferred.Deferred<RunningTurn | undefined>
  readonly steerable: boolean
  readonly limits: TurnLimits | undefined
  watched?: Telemetry.WatchedTurn
  /** True from the moment at which the thread is free until the scope closes: the server must start no other turn meanwhile. */
  isNext: boolean
  state: "idle" | "starting" | "started"
  /** The reason why the turn could not be started; until one is known, the caller's interruption. */
  failure: Exit.Exit<never, StartTurnError>
  /** True after the scope has closed: no turn can be started with it any more. */
  isLeft: boolean
}

export const make = ({ controls, foreign, fork, queued, rejoining, router, send }: {
  readonly router: Router["Service"]
  readonly send: Send
  readonly controls: TurnControls
  /** The turns of other clients. */
  readonly foreign: ForeignTurns
  /** The turns that the server starts from queues. */
  readonly queued: QueuedTurns
  readonly rejoining: TurnRequests.Survival
  /** Runs an effect in the background. */
  readonly fork: (effect: Effect.Effect<void>) => void
}): TurnStarts => {
  const gate = new ThreadGate<Occupant>()
  const write = TurnRequests.make({ controls, fork, rejoining, router, send })

  /** Frees a thread on which no turn was started. */
  const release = (threadId: string, { failure, turn, watched }: Occupant) => {
    watched?.failed(failure)
    gate.release(threadId)
    Deferred.doneUnsafe(turn, Exit.succeed(undefined))
  }

  /** Interrupts a turn that reaches one of its limits. */
  const enforce = (turn: RunningTurn, limits: TurnLimits): Effect.Effect<void> =>
    Effect.map(
      Effect.forkDetach(Effect.flatMap(Enforcement.reached(turn, limits, router.family), (limit) => {
        turn.limit = limit
        return controls.stop(turn)
      })),
      (watching) => turn.whenEnded(() => watching.interruptUnsafe())
    )

  const settle = (threadId: string, occupant: Occupant, exit: Exit.Exit<StartedTurn, StartTurnError>) => {
    if (Exit.isFailure(exit)) {
      occupant.state = "idle"
      occupant.failure = Exit.failCause(exit.cause)
      if (occupant.isLeft) release(threadId, occupant)
      return
    }
    const { turn } = exit.value
    occupant.state = "started"
    occupant.watched?.named(turn.turnId)
    turn.whenEnded((end) => {
      occupant.watched?.ended(end, turn.tokens, turn.subagents.usage)
      gate.release(threadId)
    })
    Deferred.doneUnsafe(occupant.turn, Exit.succeed(turn))
  }

  const leave = (threadId: string, occupant: Occupant): Effect.Effect<void> =>
    Effect.suspend(() => {
      occupant.isLeft = true
      if (occupant.state !== "idle") return Effect.void
      // Runs outside the stack of the releasing caller: any number of callers may wait for the thread and fail, one after the other.
      return Effect.andThen(Effect.yieldNow, Effect.sync(() => release(threadId, occupant)))
    })

  const acquired = (threadId: string, occupant: Occupant, { span }: Telemetry.WatchedTurn): AcquiredThread => {
    const inSpan = Effect.withParentSpan(span, { captureStackTrace: false })
    const begin: AcquiredThread["begin"] = (starting) => {
      const settled = inSpan(Effect.onExit(starting, (exit) => {
        const { limits } = occupant
        settle(threadId, occupant, exit)
        return limits === undefined || Exit.isFailure(exit) ? Effect.void : enforce(exit.value.turn, limits)
      }))
      const forked = Effect.uninterruptible(Effect.flatMap(Effect.scope, (scope) => {
        occupant.state = "starting"
        // Runs in its own fiber, which awaits the response to a written request even if the caller is interrupted.
        return Effect.tap(
          Effect.forkDetach(settled, { startImmediately: true }),
          (fiber) => Scope.addFinalizer(scope, controls.abandon(fiber))
        )
      }))
      return Effect.flatMap(forked, Fiber.join)
    }
    return {
      begin,
      prepare: (effect) =>
        Effect.onError(inSpan(effect), (cause) => Effect.sync(() => occupant.failure = Exit.failCause(cause))),
      start: (request) => begin(write(request))
    }
  }

  /** Waits until neither a queued turn nor another client keeps a thread busy. */
  const free = (
    threadId: string,
    whenBusy: "wait" | "fail",
    occupant: Occupant
  ): Effect.Effect<void, ThreadBusyError> =>
    queued.free(threadId, whenBusy).pipe(
      Effect.andThen(foreign.free(threadId, whenBusy)),
      Effect.andThen(() => {
        if (queued.isDue(threadId)) return free(threadId, whenBusy, occupant)
        occupant.isNext = true
        return Effect.void
      })
    )

  /** Acquires a thread for an occupant, which leaves it with the scope. */
  const occupy = <A>(
    { steerable, threadId, whenBusy = "wait" }: Omit<ThreadRequest, "agent">,
    limits: TurnLimits | undefined,
    use: (occupant: Occupant) => Effect.Effect<A>
  ): Effect.Effect<A, ThreadBusyError, Scope.Scope> =>
    Effect.uninterruptibleMask((interruptibly) => {
      const occupant: Occupant = {
        turn: Deferred.makeUnsafe(),
        steerable,
        limits,
        isNext: false,
        state: "idle",
        failure: Exit.interrupt(),
        isLeft: false
      }
      const occupying = Effect.flatMap(Effect.scope, (scope) =>
        Effect.andThen(Scope.addFinalizer(scope, leave(threadId, occupant)), use(occupant)))
      const acquiring = Effect.tap(occupying, interruptibly(free(threadId, whenBusy, occupant)))
      if (gate.tryAcquire(threadId, occupant)) {
        return acquiring
      }
      if (whenBusy === "fail") {
        return Effect.fail(new ThreadBusyError({ threadId }))
      }
      return Effect.andThen(Telemetry.waiting(interruptibly(gate.acquire(threadId, occupant))), acquiring)
    })

  const acquire: TurnStarts["acquire"] = ({ agent = {}, ...request }) =>
    occupy(
      request,
      request.limits,
      (occupant) =>
        Effect.map(Telemetry.watchTurn(request.threadId, agent), (watched) => {
          occupant.watched = watched
          return acquired(request.threadId, occupant, watched)
        })
    )

  const exclusively: TurnStarts["exclusively"] = (threadId, whenBusy, effect) =>
    Effect.scoped(
      Effect.andThen(occupy({ threadId, whenBusy, steerable: false }, undefined, () => Effect.void), effect)
    )

  const between: TurnStarts["between"] = (threadId, f) =>
    Effect.suspend(() => {
      const occupant = gate.occupant(threadId)
      return occupant?.isNext === true && occupant.state !== "started"
        ? Effect.andThen(Deferred.await(occupant.turn), between(threadId, f))
        : Effect.sync(f)
    })

  const join: TurnStarts["join"] = (threadId, input, events) =>
    Effect.suspend(() => {
      const occupant = gate.occupant(threadId)
      const running = queued.running(threadId)
      if (running === undefined && occupant !== undefined && !occupant.steerable) return Effect.succeed(undefined)
      const joined = running === undefined && occupant === undefined ?
        foreign.join(threadId, input, events) :
        Effect.flatMap(running === undefined ? Deferred.await(occupant!.turn) : Effect.succeed(running), (turn) => {
          if (turn === undefined) return Effect.succeed(undefined)
          const cursor = events ? turn.keepEvents().cursor() : null
          return controls.steer(turn, input).pipe(
            Effect.as({ turn, cursor }),
            Effect.onError(() => Effect.sync(() => cursor?.close()))
          )
        })
      return joined.pipe(
        Effect.catchTag("CodexRpcError", (error) =>
          error.reason._tag === "NoActiveTurn" || error.reason._tag === "TurnMismatch"
            ? Effect.succeed(undefined)
            : Effect.fail(error))
      )
    })

  const find: TurnStarts["find"] = (threadId, clientId, limits) =>
    Effect.suspend(() => {
      const expected = router.expectTurn(threadId, { clientId, events: true })
      const outcome = expected.search()
      return rejoining.rejoin(threadId).pipe(
        // The next connection resumes the thread.
        Effect.catchTag("CodexConnectionError", (error) => rejoining.survives() ? Effect.void : Effect.fail(error)),
        Effect.andThen(outcome),
        Effect.tap((started) => started === undefined ? Effect.void : keep(started.turn, limits)),
        Effect.ensuring(Effect.sync(expected.close))
      )
    })

  /** Keeps the thread of a turn that was found for it, until it ends. */
  const keep = (turn: RunningTurn, limits: TurnLimits | undefined): Effect.Effect<void> => {
    const occupant: Occupant = {
      turn: Deferred.makeUnsafe(),
      steerable: true,
      limits,
      state: "started",
      failure: Exit.interrupt(),
      isLeft: false,
      isNext: false
    }
    // Whoever holds it waits for the end of the turn, or has started it.
    if (turn.ended || !gate.tryAcquire(turn.threadId, occupant)) return Effect.void
    Deferred.doneUnsafe(occupant.turn, Exit.succeed(turn))
    turn.whenEnded(() => gate.release(turn.threadId))
    return limits === undefined ? Effect.void : enforce(turn, limits)
  }

  return {
    acquire,
    find,
    join,
    exclusively,
    between,
    enforce,
    spanOf: (threadId) => gate.occupant(threadId)?.watched?.span
  }
}
