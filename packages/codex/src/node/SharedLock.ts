/**
 * Steps of joining and of stopping a shared server: probing its socket, waiting, and taking the lock.
 */
import * as Effect from "effect/Effect"
import { CodexConnectError, type ConnectReason } from "../model/errors/CodexError.ts"
import { net } from "./builtin.ts"
import * as LockFile from "./LockFile.ts"
import * as SharedPlace from "./SharedPlace.ts"
import { withinMillis } from "./withinMillis.ts"

export type Place = SharedPlace.SharedPlace

/** The pause between two checks of the socket, the lock or a process. */
const pauseMillis = 15

/** Waits a moment. */
export const pause = withinMillis(pauseMillis, Effect.never)

/** A time limit, by the clock of the operating system. */
export interface Deadline {
  readonly millis: number
  readonly isOver: () => boolean
  readonly left: () => number
}

/** A time limit that begins now. */
export const deadline = (millis: number): Deadline => {
  const end = performance.now() + millis
  return { millis, isOver: () => performance.now() >= end, left: () => Math.max(0, end - performance.now()) }
}

/** Repeats a search until it finds something or the time is up. */
export const poll = <A, E>(limit: Deadline, find: Effect.Effect<A | undefined, E>): Effect.Effect<A | undefined, E> =>
  Effect.flatMap(
    find,
    (found) => found !== undefined || limit.isOver() ? Effect.succeed(found) : Effect.andThen(pause, poll(limit, find))
  )

/** Returns an error of the server at a place. */
export const failure = (place: Place, reason: ConnectReason) => new CodexConnectError({ reason, target: place.socket })

/** Returns the error of a server that may be reached later. */
export const unreachable = (place: Place, detail: string) => failure(place, { _tag: "Unreachable", detail })

/** Returns true if a server listens. */
export const listens = ({ socket }: Place): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const probe = net().connect({ path: socket })
    const end = (answer: boolean) => {
      probe.destroy()
      resume(Effect.succeed(answer))
    }
    probe.once("connect", () => end(true)).once("error", () => end(false))
    return Effect.sync(() => probe.destroy())
  })

/** Runs an effect under the lock. Returns undefined if another program holds the lock until the time is up. */
export const locked = <A, E>(
  place: Place,
  limit: Deadline,
  /** Runs while another program holds the lock, and ends the wait with what it finds. */
  meanwhile: Effect.Effect<A | undefined>,
  effect: Effect.Effect<A, E>
): Effect.Effect<A | undefined, E | CodexConnectError> =>
  poll(
    limit,
    Effect.uninterruptibleMask((interruptibly) =>
      Effect.flatMap(
        SharedPlace.onFiles(
          place.lock,
          "the lock of the shared server cannot be taken",
          () => LockFile.tryAcquire(place.lock)
        ),
        (release) =>
          release === undefined
            ? interruptibly(meanwhile)
            : Effect.ensuring(interruptibly(effect), Effect.ignore(Effect.try(release)))
      )
    )
  )

/** A search that finds nothing. */
export const none = Effect.succeed(undefined)
