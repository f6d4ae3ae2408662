/**
 * Starts turns, one at a time for each thread, and claims their events; stops them.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import type * as Tracer from "effect/Tracer"
import { ThreadGate } from "../base/ThreadGate.ts"
import {
  CodexConnectionError,
  CodexDecodeError,
  type RequestError,
  type RunError,
  type StartTurnError,
  ThreadBusyError
} from "../model/CodexError.ts"
import type { TurnResult } from "../model/TurnResult.ts"
import type { Claimed, Router } from "./Router.ts"
import type { RunningTurn } from "./RunningTurn.ts"
import * as Telemetry from "./Telemetry.ts"

/**
 * What to do while another turn of the thread runs: await its end, fail with `ThreadBusyError`, or steer that turn. What can't
 * be steered, a review or a compaction, is awaited.
 */
export type WhenBusy = "wait" | "fail" | "steer"

/** A request that starts a turn. */
export type TurnRequest =
  & (
    | { readonly method: "turn/start"; readonly params: Protocol.TurnStartParams }
    | { readonly method: "review/start"; readonly params: Protocol.ReviewStartParams }
  )
  & {
    /** Runs when it is the request's turn, before it is sent. It can be interrupted. */
    readonly prepare: Effect.Effect<void, RequestError>
    /** Whether the turn's events are wanted, or its result alone. */
    readonly events: boolean
    readonly whenBusy?: WhenBusy | undefined
    readonly timeout?: Duration.Input | undefined
    readonly agent?: Telemetry.Agent | undefined
  }

/** A turn that is to be started in some other way than by one request. */
export interface TurnBeginning {
  readonly threadId: string
  /** Runs first, when the thread is free. It can be interrupted: then nothing was begun. */
  readonly prepare: Effect.Effect<void, RequestError>
  /** Starts the turn. It is not interrupted. */
  readonly begin: Effect.Effect<Claimed, StartTurnError>
  /** Whether the server lets others steer the turn. Default: true. */
  readonly steerable?: boolean | undefined
  readonly whenBusy?: Exclude<WhenBusy, "steer"> | undefined
  readonly agent?: Telemetry.Agent | undefined
}

export interface TurnStarts {
  /**
   * Starts a turn when the thread is free. To be run where interruption is off, with the `restore` of that region:
   * interrupted while it waits, it stops the turn if its start was written already; what it gives is never lost.
   */
  readonly start: (request: TurnRequest, restore: Restore) => Effect.Effect<Claimed, StartTurnError>
  /** As {@link start}, in some other way. The thread is busy until the turn has ended. */
  readonly begin: (beginning: TurnBeginning, restore: Restore) => Effect.Effect<Claimed, StartTurnError>
  /** Asks the server to interrupt a turn; nothing is to be done for one that has ended. */
  readonly interrupt: (queue: RunningTurn) => Effect.Effect<void, RequestError>
  /** Gives a running turn more input. */
  readonly steer: (
    queue: RunningTurn,
    input: ReadonlyArray<Protocol.UserInputInput>
  ) => Effect.Effect<void, RequestError>
  /** Interrupts a turn, and waits until it has ended; a server that does not end it is given {@link stopTimeout}. */
  readonly stop: (queue: RunningTurn) => Effect.Effect<void>
  /** Stops a turn whose consumer has gone; one that is somebody else's is left alone. */
  readonly abandon: (claimed: Claimed) => Effect.Effect<void>
  /** Starts a turn and awaits its result. Interrupted, it abandons the turn. */
  readonly run: (starting: Starting) => Effect.Effect<TurnResult, RunError>
}

/** A start of a turn, where interruption is off. */
export type Starting = (restore: Restore) => Effect.Effect<Claimed, StartTurnError>

/** What `Effect.uninterruptibleMask` gives. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export const stopTimeout = "10 seconds"

/** How requests are sent: the result is read in the reader. */
export interface Send {
  <A>(
    method: string,
    params: unknown,
    read: (result: unknown) => Exit.Exit<A, RequestError>,
    options?: { readonly timeout?: Duration.Input | undefined; readonly late?: (result: unknown) => void }
  ): Effect.Effect<A, RequestError>
}

/** The server refuses to steer or interrupt a turn before it has begun; one that seems never to begin is asked all the same. */
const whenStarted = (queue: RunningTurn) => Effect.timeoutOption(Deferred.await(queue.started), stopTimeout)

/** Starts of turns, on a client. */
export const make = ({ fork, router, send, spans }: {
  readonly router: Router["Service"]
  readonly send: Send
  /** Of the turns that run, by thread. */
  readonly spans: Map<string, Tracer.Span>
  /** Runs what nobody waits for. */
  readonly fork: (effect: Effect.Effect<void>) => void
}): TurnStarts => {
  const gate = new ThreadGate()
  /** The turn that can be steered, on each thread that is busy with one; undefined if it could not be started. */
  const started = new Map<string, Deferred.Deferred<RunningTurn | undefined>>()

  const release = (threadId: string) => {
    started.delete(threadId)
    spans.delete(threadId)
    gate.release(threadId)
  }

  /** Starts a turn by its request. */
  const write = ({ events, method, params, timeout }: TurnRequest): Effect.Effect<Claimed, RequestError> =>
    Effect.suspend(() => {
      const expected = router.expectTurn(params.threadId)
      const sent = send(method, params, (result) => {
        const turnId = turnIdOf(result)
        return turnId === undefined
          ? Exit.fail(unnamed(method, params.threadId, result))
          : Exit.succeed(expected.claim(turnId, events))
      }, {
        timeout,
        // Nobody waits for this turn any more: it shall not run on, to be steered by the next one.
        late: (result) => {
          const turnId = turnIdOf(result)
          if (turnId === undefined) return
          const expected = router.expectTurn(params.threadId)
          fork(stop(expected.claim(turnId, false).queue))
          expected.close()
        }
      })
      return Effect.ensuring(sent, Effect.sync(expected.close))
    })

  const interrupt = (queue: RunningTurn): Effect.Effect<void, RequestError> => {
    if (queue.control !== null) return queue.control.interrupt
    const { threadId } = queue
    const ask = (turnId: string): Effect.Effect<void, RequestError> =>
      queue.ended ? Effect.void : send("turn/interrupt", { threadId, turnId }, () => Exit.void)
    return Effect.andThen(whenStarted(queue), Effect.suspend(() => ask(queue.turnId))).pipe(
      // A review runs in a turn of another id, which the server tells only when it refuses.
      Effect.catchTag("CodexRpcError", (error) => {
        const active = error.reason._tag === "TurnMismatch" ? error.reason.runningTurnId : undefined
        return active === undefined ? Effect.fail(error) : Effect.suspend(() => ask(active))
      }),
      // It ended while it was asked; its completion may still be on its way.
      Effect.catchTag(
        "CodexRpcError",
        (error) =>
          queue.ended || (error.reason._tag === "NoActiveTurn" && Deferred.isDoneUnsafe(queue.started))
            ? Effect.void
            : Effect.fail(error)
      )
    )
  }

  const steer = (
    queue: RunningTurn,
    input: ReadonlyArray<Protocol.UserInputInput>
  ): Effect.Effect<void, RequestError> => {
    if (queue.control !== null) return queue.control.steer(input)
    return Effect.andThen(
      whenStarted(queue),
      send("turn/steer", { threadId: queue.threadId, expectedTurnId: queue.turnId, input }, () => Exit.void)
    )
  }

  /** Adds to the turn that runs. Undefined if it ended before the input could reach it. */
  const join = (
    threadId: string,
    input: ReadonlyArray<Protocol.UserInputInput>,
    events: boolean
  ): Effect.Effect<Claimed | undefined, StartTurnError> =>
    Effect.suspend(() => {
      const running = started.get(threadId)
      if (running === undefined) return Effect.succeed(undefined)
      return Effect.flatMap(Deferred.await(running), (queue) => {
        if (queue === undefined) return Effect.succeed(undefined)
        const cursor = events ? queue.keepEvents().cursor() : null
        return steer(queue, input).pipe(
          Effect.as({ queue, cursor, owned: false }),
          Effect.onError(() => Effect.sync(() => cursor?.close()))
        )
      }).pipe(
        Effect.catchTag("CodexRpcError", (error) =>
          error.reason._tag === "NoActiveTurn" || error.reason._tag === "TurnMismatch"
            ? Effect.succeed(undefined)
            : Effect.fail(error))
      )
    })

  const stop = (queue: RunningTurn): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (queue.ended) return Effect.void
      const stopping = interrupt(queue).pipe(
        Effect.ignore,
        Effect.andThen(Effect.exit(Deferred.await(queue.result))),
        Effect.timeoutOption(stopTimeout),
        // Who does not end in time is given up: the thread shall not stay blocked.
        Effect.ensuring(Effect.sync(() => queue.fail(new CodexConnectionError({ reason: { _tag: "Disconnected" } }))))
      )
      // In a fiber of its own: the one that was interrupted can't be timed any more.
      return Effect.asVoid(Effect.flatMap(Effect.forkDetach(stopping), Fiber.await))
    })

  const abandon = ({ cursor, owned, queue }: Claimed): Effect.Effect<void> =>
    owned ? stop(queue) : Effect.sync(() => cursor?.close())

  const run: TurnStarts["run"] = (starting) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        starting(restore),
        (claimed) => Effect.onInterrupt(restore(Deferred.await(claimed.queue.result)), () => abandon(claimed))
      )
    )

  /** Starts a turn on a thread that is ours; it is released when the turn has ended, or could not be started. */
  const occupy = (
    { agent = {}, begin, prepare, steerable = true, threadId }: TurnBeginning,
    restore: Restore
  ): Effect.Effect<Claimed, StartTurnError> =>
    Effect.suspend(() => {
      const turn = Deferred.makeUnsafe<RunningTurn | undefined>()
      // Before anything else: who comes from now on may steer it.
      if (steerable) started.set(threadId, turn)
      return Effect.flatMap(Telemetry.watchTurn(threadId, agent), (watched) => {
        spans.set(threadId, watched.span)
        const settle = (exit: Exit.Exit<Claimed, StartTurnError>) =>
          Effect.sync(() => {
            if (Exit.isSuccess(exit)) {
              const { queue } = exit.value
              watched.named(queue.turnId)
              queue.whenEnded((end) => {
                watched.ended(end, queue.tokens)
                release(threadId)
              })
            } else {
              watched.failed(exit)
              release(threadId)
            }
            Deferred.doneUnsafe(turn, Exit.succeed(Exit.isSuccess(exit) ? exit.value.queue : undefined))
          })
        return restore(prepare).pipe(
          // Not in the stack of who has released the thread: any number may wait for it, and fail one after the other.
          Effect.onError((cause) => Effect.andThen(Effect.yieldNow, settle(Exit.failCause(cause)))),
          // In a fiber of its own: what was written is awaited even if the caller is interrupted.
          Effect.andThen(Effect.forkDetach(Effect.onExit(begin, settle))),
          Effect.withParentSpan(watched.span, { captureStackTrace: false }),
          Effect.flatMap((fiber) =>
            Effect.onInterrupt(restore(Fiber.join(fiber)), () =>
              Effect.flatMap(Fiber.await(fiber), (exit) =>
                Exit.isSuccess(exit) ? stop(exit.value.queue) : Effect.void))
          )
        )
      })
    })

  const begin = (beginning: TurnBeginning, restore: Restore): Effect.Effect<Claimed, StartTurnError> =>
    Effect.suspend(() => {
      const { threadId, whenBusy } = beginning
      if (gate.tryAcquire(threadId)) return occupy(beginning, restore)
      if (whenBusy === "fail") return Effect.fail(new ThreadBusyError({ threadId }))
      return Effect.andThen(Telemetry.waiting(restore(gate.acquire(threadId))), occupy(beginning, restore))
    })

  const start = (request: TurnRequest, restore: Restore): Effect.Effect<Claimed, StartTurnError> =>
    Effect.suspend(() => {
      const { agent, events, method, params, prepare, whenBusy } = request
      const { threadId } = params
      const steers = whenBusy === "steer"
      const begun = begin({
        agent,
        threadId,
        prepare,
        begin: write(request),
        // The server does not steer a review.
        steerable: method === "turn/start",
        whenBusy: steers ? "wait" : whenBusy
      }, restore)
      if (!steers || method !== "turn/start" || !gate.isBusy(threadId)) return begun
      return Effect.flatMap(
        restore(join(threadId, params.input, events)),
        (claimed) => claimed === undefined ? begun : Effect.succeed(claimed)
      )
    })

  return { start, begin, interrupt, steer, stop, abandon, run }
}

/** The turn that an answer names. Nothing else of the answer is needed, so nothing else has to fit. */
const turnIdOf = (result: unknown): string | undefined => {
  const turn = Predicate.isObject(result) ? result["turn"] : undefined
  const id = Predicate.isObject(turn) ? turn["id"] : undefined
  return typeof id === "string" ? id : undefined
}

const unnamed = (method: string, threadId: string, raw: unknown): CodexDecodeError =>
  new CodexDecodeError({ method, issue: "the answer does not name a turn", raw, threadId })
