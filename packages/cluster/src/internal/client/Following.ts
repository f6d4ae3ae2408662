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
import { type Followed, fromWire, type HostedEvent } from "../model/events.ts"
import type { Cursor, RunAnswer, WireEvents } from "../model/rpcs.ts"

/** True if the cursor `at` is behind `than`, or the same. */
const isUpTo = (at: Cursor, than: Cursor): boolean =>
  at.epoch < than.epoch || (at.epoch === than.epoch && at.seq <= than.seq)

/** True if a later subscription can go on where the failed one stopped. */
const canGoOn = (cause: Cause.Cause<HostedError>): boolean =>
  cause.reasons.every((reason) =>
    reason._tag === "Interrupt"
    || (reason._tag === "Fail" && reason.error._tag === "ThreadUnavailableError" &&
      reason.error.reason === "Unreachable")
  )

/**
 * Emits the events after a cursor, or from now on, for ever: where a subscription ends or fails for want of a runner, the next one
 * goes on. The first element says where it begins.
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
        Stream.map(fromWire),
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

/**
 * Emits the events of one run. `run` is run once the subscription has begun; the stream ends with the last event of its turn, and
 * fails with its error. A failed turn is no error: its events end like those of any other.
 */
export const ofRun = (
  followed: Stream.Stream<Followed, HostedError>,
  turnKey: string,
  run: Effect.Effect<RunAnswer, HostedError>
): Stream.Stream<HostedEvent, HostedError> =>
  Stream.callback<HostedEvent, HostedError>((queue) =>
    Effect.gen(function*() {
      const ready = yield* Deferred.make<void, HostedError>()
      const passed = yield* Deferred.make<void>()
      let end: Cursor | undefined
      let at: Cursor | undefined
      let isInside = false
      let hasEnded = false

      const belongs = (event: Followed): event is HostedEvent => {
        at = event.cursor
        if (event.method === "$here") return false
        if (event.method === "$turnStarted") {
          isInside = event.turnKey === turnKey
          return isInside
        }
        if (event.method !== "$turnEnded") return isInside
        const isOurs = isInside && event.turnKey === turnKey
        isInside = false
        hasEnded ||= isOurs
        return isOurs
      }
      const isPast = () => end === undefined ? hasEnded : at !== undefined && !isUpTo(at, end) || sameAs(at, end)

      yield* Stream.runForEachArray(followed, (events) =>
        Effect.gen(function*() {
          if (events.some((event) => event.method === "$here")) yield* Deferred.succeed(ready, undefined)
          yield* Queue.offerAll(queue, events.filter(belongs))
          if (isPast()) yield* Deferred.succeed(passed, undefined)
        })).pipe(
          Effect.onError((cause) => Effect.andThen(Deferred.failCause(ready, cause), Queue.failCause(queue, cause))),
          Effect.forkScoped
        )

      yield* Deferred.await(ready)
      const exit = yield* Effect.exit(run)
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
      if (isInside) yield* Effect.timeoutOption(Deferred.await(passed), "5 seconds")
      return yield* Queue.end(queue)
    }), { bufferSize: 1024 })

const sameAs = (one: Cursor | undefined, other: Cursor): boolean =>
  one !== undefined && one.epoch === other.epoch && one.seq === other.seq
