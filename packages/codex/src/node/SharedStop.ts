/**
 * The end of the shared server.
 *
 * After SIGTERM the server ends with its last running turn, often before that turn's completion has reached its client. So the
 * signal waits until no turn is running, within the time limit.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { check } from "../model/errors/check.ts"
import type { ConnectError } from "../model/errors/CodexError.ts"
import { codeOf } from "./errno.ts"
import { identify, isRunning } from "./processes.ts"
import { deadline, failure, listens, locked, none, type Place, poll, unreachable } from "./SharedLock.ts"
import { defaults, stopChecks, type StopOptions, type Stopped } from "./SharedOptions.ts"
import * as SharedPlace from "./SharedPlace.ts"
import * as SharedRecord from "./SharedRecord.ts"
import { withinMillis } from "./withinMillis.ts"

/** The time limit for the lock at the end, in milliseconds. */
const lockMillis = 1000

/**
 * Stops the shared server that the same options would join, and waits until it has ended. `untilIdle` waits until no turn is
 * running on the server at a socket.
 */
export const stopShared = Effect.fnUntraced(function*(
  options: StopOptions,
  untilIdle: (socket: string) => Effect.Effect<void>
): Effect.fn.Return<Stopped, ConnectError> {
  yield* check(options, stopChecks)
  const limit = deadline(Duration.toMillis(Duration.fromInputUnsafe(options.timeout ?? defaults.timeout)))
  const place = yield* SharedPlace.resolve(options, process.cwd())
  const found = yield* held(place, locked(place, limit, none, announce(place)))
  if (found._tag === "NotRunning") return found
  yield* withinMillis(limit.left(), untilIdle(place.socket)).pipe(
    Effect.onInterrupt(() => Effect.ignore(locked(place, deadline(lockMillis), none, withdraw(place))))
  )
  const { record } = yield* held(
    place,
    locked(place, deadline(lockMillis), none, Effect.as(signal(place, found.record), found))
  )
  const gone = yield* poll(limit, Effect.sync(() => isRunning(record) ? undefined : true))
  return { _tag: gone === true ? "Stopped" : "Draining", pid: record.pid }
})

const held = <A, E>(place: Place, effect: Effect.Effect<A | undefined, E>) =>
  Effect.flatMap(effect, (result) =>
    result === undefined
      ? Effect.fail(unreachable(place, "another program is starting or stopping the shared server, and takes too long"))
      : Effect.succeed(result))

/** Announces to other programs that the server is about to end: new ones wait for the next server. */
const announce = Effect.fnUntraced(function*(place: Place) {
  const record = SharedRecord.read(place)
  if (record === undefined || !isRunning(record)) {
    if (yield* listens(place)) {
      return yield* failure(place, {
        _tag: "Other",
        detail: "this package did not start the server that listens there; stop it where it was started"
      })
    }
    return { _tag: "NotRunning" as const }
  }
  yield* write(place, { ...record, stopper: identify(process.pid) })
  return { _tag: "Running" as const, record }
})

/** Withdraws the announcement. */
const withdraw = (place: Place) =>
  Effect.suspend(() => {
    const record = SharedRecord.read(place)
    return Effect.as(record === undefined ? Effect.void : write(place, { ...record, stopper: undefined }), true)
  })

const write = (place: Place, record: SharedRecord.SharedRecord) =>
  SharedPlace.onFiles(
    place.record,
    "the record of the shared server cannot be written",
    () => SharedRecord.write(place, record)
  )

/** Sends SIGTERM, unless another program has done so or the server has ended. */
const signal = (place: Place, { pid }: SharedRecord.SharedRecord) =>
  Effect.suspend(() => {
    const record = SharedRecord.read(place)
    if (record?.pid !== pid || record.isStopping || !isRunning(record)) return Effect.void
    return Effect.andThen(
      Effect.try({
        try: () => process.kill(pid, "SIGTERM"),
        catch: (error) =>
          failure(place, {
            _tag: "Other",
            detail: `process ${pid} cannot be stopped (${codeOf(error)})`
          })
      }),
      write(place, { ...record, isStopping: true })
    )
  })
