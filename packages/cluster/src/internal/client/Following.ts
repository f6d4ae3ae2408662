/**
 * The events of a thread at a client: one stream over moves and lost connections, and the part of it that belongs to one run.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { HostedError } from "../model/errors.ts"
import type { Followed, HostedEvent } from "../model/events.ts"
import type { Cursor, RunAnswer, WireEvents } from "../model/rpcs.ts"
import * as Wire from "../model/wire.ts"

/** Returns true if `at` is not after `than`. */
const isUpTo = (at: Cursor, than: Cursor): boolean =>
  at.epoch < than.epoch || (at.epoch === than.epoch && at.seq <= than.seq)

/** Returns true if a new subscription can continue where the failed one stopped. */
const canGoOn = (cause: Cause.Cause<HostedError>): boolean =>
  cause.reasons.every((reason) =>
    reason._tag === "Interrupt"
    || (reason._tag === "Fail" && reason.error._tag === "ThreadUnavailableError" &&
      reason.error.reason === "Unreachable")
  )

/**
 * Emits the events after a cursor, or from now on, and does not end: if a subscription ends, or no runner can be reached, it
 * subscribes again after the last event. The first element carries the cursor where it begins. Fails with
 * `lastError` once there is one, because no subscription can follow.
 */
export const follow = (
  events: (from: Cursor | null) => Stream.Stream<WireEvents, HostedError>,
  from: Cursor | null,
  lastError: () => HostedError | undefined
): Stream.Stream<Followed, HostedError> =>
  Stream.suspend(() => {
    let last = from
    let begun = false
    const subscription = Stream.suspend(() => {
      const error = lastError()
      if (error !== undefined) return Stream.fail(error)
      let begins = 0
      return events(last).pipe(
        Stream.map(Wire.read),
        Stream.flattenIterable,
        // The cluster starts a stream anew on the next runner, with its first cursor.
        Stream.takeUntil((event) => event.method === "$here" && ++begins > 1, { excludeLast: true }),
        Stream.filter((event) => {
          if (event.method === "$here") {
            last ??= event.cursor
            const isFirst = !begun
            begun = true
            return isFirst
          }
          if (last !== null && isUpTo(event.cursor, last)) return false
          last = event.cursor
          return true
        }),
        Stream.catchCause((cause) => canGoOn(cause) ? Stream.empty : Stream.failCause(cause))
      )
    })
    return Stream.repeat(subscription, Schedule.spaced("100 millis"))
  })

/** True if the same call may succeed later. */
const isRetryable = (cause: Cause.Cause<HostedError>): boolean =>
  cause.reasons.some((reason) =>
    reason._tag === "Fail" && reason.error._tag === "ThreadUnavailableError" && reason.error.isRetryable
  )

/** A run, as its caller sees it. */
export interface Run {
  /** Asks for the run. */
  readonly begin: Effect.Effect<void>
  /** Waits for its answer. */
  readonly answer: Effect.Effect<RunAnswer, HostedError>
  /** Interrupts it, and waits for that answer. */
  readonly stop: Effect.Effect<void>
}

/**
 * Emits the events of one run. Both begin at the same time, so `followed` has to go back to the beginning of the turn. The stream ends
 * with the last event of the turn, and fails with the error of the run. A failed turn is no error: its events end like those of any
 * other.
 */
export const ofRun = (
  followed: Stream.Stream<Followed, HostedError>,
  turnKey: string,
  { answer, begin, stop }: Run
): Stream.Stream<HostedEvent, HostedError> =>
  Stream.callback<HostedEvent, HostedError>((queue) =>
    Effect.gen(function*() {
      // Succeeds when all events from before the subscription have been read.
      const current = yield* Deferred.make<void, HostedError>()
      const passed = yield* Deferred.make<void>()
      // Succeeds at the end of a completed turn. Its result is final, and the answer arrives later than the events: do not wait for it.
      const certain = yield* Deferred.make<undefined>()
      let newest: Cursor | undefined
      let at: Cursor | undefined
      /** The last event of the run, once its answer names it. */
      let end: Cursor | undefined
      let isInside = false
      // A key may have several turns: these tell of the last one.
      let started = { attempt: 0, epoch: 0 }
      let isCompleted = false
      let hasEnded = false
      let isLost = false

      const isAt = (cursor: Cursor) => at !== undefined && isUpTo(cursor, at)
      const isCertain = () => hasEnded && isCompleted

      const belongs = (event: Followed): event is HostedEvent => {
        at = event.cursor
        if (event.method === "$here") {
          newest = event.end
          return false
        }
        // The end of the turn may be among the events that this consumer has missed.
        if (end !== undefined && !isUpTo(at, end)) return false
        if (event.method === "$turnStarted") {
          isInside = event.turnKey === turnKey
          if (isInside) {
            started = { attempt: event.attempt, epoch: at.epoch }
            isCompleted = hasEnded = isLost = false
          }
          return isInside
        }
        if (!isInside) return false
        if (event.method === "turn/completed") isCompleted = event.params.turn.status === "completed"
        if (event.method === "$moved") isLost = true
        if (event.method !== "$turnEnded") return true
        isInside = false
        hasEnded = event.turnKey === turnKey
        return hasEnded
      }

      /** True if the events have failed, but the consumer may ask for them again, and for the same run. */
      let isLeft = false

      /** Returns true if the last event of the run has been read. Undefined until the run is answered. */
      let isPast: (() => boolean) | undefined
      const pastWhen = (condition: () => boolean) =>
        Effect.suspend(() => {
          isPast = condition
          return condition() ? Effect.void : Deferred.await(passed)
        })
      const patience = "5 seconds"
      /** Waits for the last event of a run whose answer names it. A thread that is not open has none, unless it is opened just now. */
      const upTo = (last: Cursor) =>
        Effect.flatMap(Deferred.await(current), () => {
          const past = pastWhen(() => isAt(last))
          return at?.epoch === 0 ? Effect.asVoid(Effect.timeoutOption(past, patience)) : past
        })
      /** Waits for the last event of a run whose answer does not name it, if its turn is not over yet. */
      const over = (condition: () => boolean) =>
        Effect.suspend(() => isInside ? Effect.timeoutOption(pastWhen(condition), patience) : Effect.void)
      /** True if the last of a number of attempts is over. Each loss begins an epoch, and may hide the attempts between. */
      const isCutOff = (attempts: number) =>
        (started.attempt >= attempts && (hasEnded || isLost))
        || (at?.epoch ?? 0) - started.epoch > attempts - started.attempt

      yield* Stream.runForEachArray(followed, (events) =>
        Effect.gen(function*() {
          yield* Queue.offerAll(queue, events.filter(belongs))
          if (newest !== undefined && isAt(newest)) yield* Deferred.succeed(current, undefined)
          if (isPast?.()) yield* Deferred.succeed(passed, undefined)
          if (isCertain()) yield* Deferred.succeed(certain, undefined)
        })).pipe(
          Effect.onError((cause) => {
            isLeft = isRetryable(cause)
            return Effect.andThen(Deferred.failCause(current, cause), Queue.failCause(queue, cause))
          }),
          Effect.forkScoped
        )

      const exit = yield* Effect.uninterruptibleMask((restore) =>
        Effect.andThen(
          begin,
          Effect.onInterrupt(
            restore(Effect.raceFirst(Effect.exit(answer), Deferred.await(certain))),
            // At the last event there is nothing to stop.
            () => isLeft || isCertain() ? Effect.void : stop
          )
        )
      )
      if (exit === undefined) return yield* Queue.end(queue)
      if (Exit.isSuccess(exit)) {
        const last = exit.value.end
        end = last ?? undefined
        // Without an end, the answer was found in the history, after a loss.
        yield* last === null ? over(() => hasEnded || isLost) : upTo(last)
        return yield* Queue.end(queue)
      }
      const errors = exit.cause.reasons.flatMap((reason) => reason._tag === "Fail" ? [reason.error] : [])
      const hasFailed = errors.some(({ _tag }) => _tag === "TurnFailedError")
      const cutOff = errors.find((error) => error._tag === "TurnCutOffError")
      // These turns have begun, and their events have an end.
      if (hasFailed || cutOff !== undefined || errors.some(({ _tag }) => _tag === "TurnLimitError")) {
        yield* Deferred.await(current)
        yield* over(() => cutOff === undefined ? hasEnded : isCutOff(cutOff.attempts))
      }
      return yield* hasFailed ? Queue.end(queue) : Queue.failCause(queue, exit.cause)
    }), { bufferSize: 1024 })
