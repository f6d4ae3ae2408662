/**
 * The shared app-server: the running one, or a new one that outlives this program.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Path from "node:path"
import { type Connection, Transport } from "../model/connection/Transport.ts"
import { check } from "../model/errors/check.ts"
import type { CodexConnectError, InvalidInputError } from "../model/errors/CodexError.ts"
import { look } from "./Binary.ts"
import * as Detached from "./Detached.ts"
import * as files from "./privateFiles.ts"
import { identify, isRunning } from "./processes.ts"
import { realPath } from "./realPath.ts"
import {
  type Deadline,
  deadline,
  failure,
  listens,
  locked,
  none,
  pause,
  type Place,
  poll,
  unreachable
} from "./SharedLock.ts"
import * as SharedOptions from "./SharedOptions.ts"
import * as SharedPlace from "./SharedPlace.ts"
import * as SharedRecord from "./SharedRecord.ts"
import { connectUnix } from "./Sockets.ts"

/** The time limit, in milliseconds, for a server to listen after the program that started it was killed. */
const maxAwaken = 3000

/** Waits until a server listens: one that runs, or one that this program or another one starts. */
const ensure = (place: Place, limit: Deadline, mayStart: () => boolean): Effect.Effect<void, CodexConnectError> => {
  const there = Effect.map(listens(place), (answer) => answer ? true as const : undefined)
  const start = Effect.suspend(() => {
    if (!mayStart()) return Effect.fail(unreachable(place, "the shared server was stopped with stopShared"))
    const sweep = Effect.try(() => files.sweep(Path.dirname(place.record), (pid) => identify(pid) === undefined))
    return Effect.flatMap(
      Effect.andThen(Effect.ignore(sweep), awaken(place, limit)),
      (found) => found ? Effect.succeed(true as const) : Effect.as(started(place, limit), true as const)
    )
  })
  const own = Effect.flatMap(there, (found) => found === true ? Effect.succeed(found) : start)
  return Effect.flatMap(locked(place, limit, there, own), (found) =>
    found === true ? Effect.void : Effect.fail(
      unreachable(
        place,
        `another program is starting the shared server, and it did not listen within ${limit.millis} ms`
      )
    ))
}

/**
 * Waits for a server that runs without listening: the program that has started it was killed meanwhile. Returns false if there is
 * none. It terminates a server that has lost its socket, because no program can reach it any more.
 */
const awaken = (place: Place, limit: Deadline): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    const record = SharedRecord.read(place)
    if (record === undefined) return Effect.succeed(false)
    const look = Effect.map(listens(place), (found) => found || (isRunning(record) ? undefined : false))
    return Effect.map(poll(deadline(Math.min(maxAwaken, limit.left() / 2)), look), (found) => {
      if (found === undefined && !record.isStopping) terminate(record.pid)
      return found ?? false
    })
  })

const terminate = (pid: number): void => {
  try {
    process.kill(pid, "SIGTERM")
  } catch {
    // It has ended meanwhile.
  }
}

/** Starts a server, and waits until it listens. The holder of the lock runs it. */
const started = (place: Place, limit: Deadline): Effect.Effect<void, CodexConnectError> =>
  Effect.suspend(() => {
    const before = SharedRecord.read(place)
    const spawn = Detached.spawn(place, (pid) => {
      const server = identify(pid)
      // It may have ended already.
      if (server !== undefined) SharedRecord.write(place, { ...server, isStopping: false })
    })
    return Effect.acquireUseRelease(
      spawn,
      (server) =>
        poll(
          limit,
          Effect.flatMap(listens(place), (found) => {
            if (found) return Effect.succeed(true as const)
            if (!Deferred.isDoneUnsafe(server.ended)) return none
            return Effect.flatMap(Deferred.await(server.ended), (end) =>
              // It may have found another server, which has begun to listen.
              Effect.flatMap(listens(place), (other) =>
                other
                  ? Effect.succeed(true as const)
                  : Effect.fail(failure(place, { _tag: "Exited", ...end, stderr: server.stderr() }))))
          })
        ).pipe(Effect.flatMap((found) =>
          found === true ? Effect.void : Effect.fail(
            failure(place, { _tag: "HandshakeTimeout", timeoutMs: limit.millis, stderr: server.stderr() })
          )
        )),
      (server, exit) =>
        Effect.sync(() => {
          server.release()
          if (Exit.isSuccess(exit) && !Deferred.isDoneUnsafe(server.ended)) return
          server.terminate()
          SharedRecord.write(place, before !== undefined && isRunning(before) ? before : undefined)
        }).pipe(Effect.catchDefect(() => Effect.void))
    )
  })

/** Connects in a scope of its own, which is closed at once if that fails. */
const attempt = (place: Place): Effect.Effect<Connection, CodexConnectError, Scope.Scope> =>
  Effect.uninterruptibleMask((interruptibly) =>
    Effect.flatMap(Effect.scope, (outer) =>
      Effect.flatMap(Scope.fork(outer), (scope) =>
        Effect.onError(
          interruptibly(Scope.provide(connectUnix(place.socket), scope)),
          (cause) => Scope.close(scope, Exit.failCause(cause))
        )))
  )

const connect = Effect.fnUntraced(function*(
  place: Place,
  limit: Deadline,
  hasJoined: boolean
): Effect.fn.Return<Connection, CodexConnectError, Scope.Scope> {
  // A draining server accepts no new threads: only clients with turns on it go back to it.
  if (!hasJoined) {
    const gone = yield* poll(limit, Effect.sync(() => SharedRecord.isDraining(place) ? undefined : true))
    if (gone !== true) {
      return yield* unreachable(
        place,
        `the shared server (process ${SharedRecord.read(place)?.pid}) is being stopped, and waits for its running turns`
      )
    }
  }
  const mayStart = () => !hasJoined || SharedRecord.read(place)?.isStopping !== true
  const join: Effect.Effect<Connection, CodexConnectError, Scope.Scope> = Effect.catchIf(
    attempt(place),
    // Nothing listens, or the server is just ending.
    ({ reason }) => reason._tag === "Unreachable" && !limit.isOver(),
    () => Effect.andThen(ensure(place, limit, mayStart), Effect.andThen(pause, join))
  )
  const connection = yield* join
  return { ...connection, serverVersion: place.version, hide: place.hide }
})

/**
 * The shared app-server of this user: the one that runs for the same CODEX_HOME, version and options, or else a new one. It
 * outlives this program, and closing a connection leaves it running. A server that was killed is started again by the next
 * connection; one that was stopped with `stopShared` only by a new Layer.
 *
 * @category layers
 */
export const layerShared = (options: SharedOptions.SharedOptions = {}): Layer.Layer<Transport, InvalidInputError> =>
  Layer.effect(
    Transport,
    Effect.map(check(options, SharedOptions.checks), () => {
      // Later connections resolve paths against the same directory.
      const directory = process.cwd()
      const timeout = Duration.toMillis(
        Duration.fromInputUnsafe(options.handshakeTimeout ?? SharedOptions.defaults.handshakeTimeout)
      )
      let hasJoined = false
      return Transport.of({
        target: "the shared codex app-server",
        directory: Path.resolve(directory, options.cwd ?? ""),
        look: (path) => Path.isAbsolute(path) ? look(path) : "relative",
        realPath,
        connect: Effect.gen(function*() {
          // The rest of the time is for the handshake itself, and for reporting why a start failed.
          const limit = deadline(timeout * 0.9)
          const place = yield* SharedPlace.resolve(options, directory)
          const connection = yield* connect(place, limit, hasJoined)
          hasJoined = true
          return connection
        })
      })
    })
  )
