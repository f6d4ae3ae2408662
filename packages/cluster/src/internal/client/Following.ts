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
 * subscribes again after the last event. The first element carries the cursor where it begins.
 */
export const follow = (
  events: (from: Cursor | null) => Stream.Stream<WireEvents, HostedError>,
  from: Cursor | null
): Stream.Stream<Followed, HostedError> =>
  Stream.suspend(() => {
    let last = from
    let begun = false
    const subscription = Stream.suspend(() => {
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
      let end: Cursor | undefined
      let newest: Cursor | undefined
      let at: Cursor | undefined
      let isInside = false
      let isCompleted = false
      let hasEnded = false

      const belongs = (event: Followed): event is HostedEvent => {
        at = event.cursor
        if (event.method === "$here") {
          newest = event.end
          return false
        }
        if (event.method === "$turnStarted") {
          isInside = event.turnKey === turnKey
          isCompleted = false
          return isInside
        }
        if (event.method === "turn/completed") isCompleted = event.params.turn.status === "completed"
        if (event.method !== "$turnEnded") return isInside
        const isOurs = isInside && event.turnKey === turnKey
        isInside = false
        hasEnded ||= isOurs
        return isOurs
      }
      const isAt = (end: Cursor) => at !== undefined && isUpTo(end, at)
      const isPast = () => end === undefined ? hasEnded : isAt(end)

      yield* Stream.runForEachArray(followed, (events) =>
        Effect.gen(function*() {
          yield* Queue.offerAll(queue, events.filter(belongs))
          if (newest !== undefined && isAt(newest)) yield* Deferred.succeed(current, undefined)
          if (isPast()) yield* Deferred.succeed(passed, undefined)
          if (hasEnded && isCompleted) yield* Deferred.succeed(certain, undefined)
        })).pipe(
          Effect.onError((cause) => Effect.andThen(Deferred.failCause(current, cause), Queue.failCause(queue, cause))),
          Effect.forkScoped
        )

      const exit = yield* Effect.uninterruptibleMask((restore) =>
        Effect.andThen(
          begin,
          Effect.onInterrupt(restore(Effect.raceFirst(Effect.exit(answer), Deferred.await(certain))), () => stop)
        )
      )
      if (exit === undefined) return yield* Queue.end(queue)
      if (Exit.isSuccess(exit)) {
        if (exit.value.end !== null) {
          end = exit.value.end
          if (!isPast()) yield* Deferred.await(passed)
        }
        return yield* Queue.end(queue)
      }
      const failed = exit.cause.reasons.some((reason) =>
        reason._tag === "Fail" && reason.error._tag === "TurnFailedError"
      )
      if (!failed) return yield* Queue.failCause(queue, exit.cause)
      yield* Deferred.await(current)
      if (isInside) yield* Effect.timeoutOption(Deferred.await(passed), "5 seconds")
      return yield* Queue.end(queue)
    }), { bufferSize: 1024 })
