/**
 * The connections of a client, one after another: it connects, performs the handshake, waits for the end, and reconnects by the
 * schedule.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Broadcast } from "../base/Broadcast.ts"
import type { Deadlines } from "../base/Deadlines.ts"
import * as ClientOptions from "../model/connection/ClientOptions.ts"
import type { ConnectionState } from "../model/connection/ConnectionState.ts"
import * as Metadata from "../model/connection/Metadata.ts"
import { type Connection, Transport } from "../model/connection/Transport.ts"
import {
  CodexConnectError,
  CodexConnectionError,
  type ConnectError,
  type ConnectReason,
  type RequestError
} from "../model/errors/CodexError.ts"
import { rejoin, rejoinAll } from "./Rejoin.ts"
import { roundTrip, type Wire } from "./RoundTrip.ts"
import * as Router from "./Router.ts"
import * as Telemetry from "./Telemetry.ts"

export interface Session {
  /** Connects and performs the handshake. Run it once; the scope ends every connection. */
  readonly open: Effect.Effect<void, ConnectError, Scope.Scope>
  /** Returns the connection in use. While the server restarts, waits for at most this long. Fails at once if there will be none. */
  readonly connection: (within: Duration.Duration) => Effect.Effect<Connection, CodexConnectionError>
  /** Returns the connection in use. Undefined while there is none. */
  readonly connected: () => Connection | undefined
  /** Ends when the connection in use is lost or closed. If turns outlive it, ends when there will be no further one. */
  readonly closed: Effect.Effect<CodexConnectionError>
  /** The present state, and each later one. Ends when there will be no other connection. */
  readonly states: Stream.Stream<ConnectionState>
  /** Returns true if turns outlive the connection in use, or the last one: there may be another one. */
  readonly survives: () => boolean
  /** Resumes a thread on the connection in use, and brings its turns up to date. */
  readonly rejoin: (threadId: string) => Effect.Effect<void, RequestError>
  /** Returns the number of connections so far. */
  readonly connections: () => number
  /** Returns the metadata of the connection in use, or of the last one. */
  readonly metadata: () => Metadata.Metadata
  /** Returns the connection in use, or the last one. Undefined before the first. */
  readonly last: () => Connection | undefined
}

interface Opened {
  readonly connection: Connection
  readonly metadata: Metadata.Metadata
  readonly lost: Deferred.Deferred<CodexConnectionError>
  /** Ends the connection, if something of it is left. */
  readonly close: Effect.Effect<void>
}

/** The next connection, for the callers that wait for it. */
type Next = Deferred.Deferred<Connection, CodexConnectionError>

/**
 * The state of the session. `last` is the previous connection, whose end the next one waits for.
 *
 * Connecting -> Connected <-> Reconnecting -> Closed, and from each to Closed.
 */
type State =
  | { readonly _tag: "Connecting"; readonly next: Next }
  | { readonly _tag: "Connected"; readonly last: Opened; readonly ready: Effect.Effect<Connection> }
  | {
    readonly _tag: "Reconnecting"
    readonly last: Opened
    readonly error: CodexConnectionError
    readonly next: Next
  }
  | { readonly _tag: "Closed"; readonly last: Opened | undefined; readonly error: CodexConnectionError }

/** Returns the lifetime after which the schedule of restarts begins anew. A process that cannot run may take longer to end. */
const soundAfter = (isSurvivable: boolean) => isSurvivable ? Duration.seconds(5) : Duration.seconds(30)

/** The metadata before the first handshake. */
const unknown: Metadata.Metadata = {
  userAgent: "unknown",
  serverName: "unknown",
  serverVersion: "unknown",
  codexHome: undefined,
  platformFamily: undefined,
  platformOs: undefined
}

/** Creates a session that has not connected yet. */
export const make = Effect.fnUntraced(function*(
  options: ClientOptions.ClientOptions<unknown>,
  deadlines: Deadlines
): Effect.fn.Return<Session, never, Transport | Router.Router> {
  const transport = yield* Transport
  const router = yield* Router.Router
  const { restart = false } = options
  const handshakeTimeout = Duration.fromInputUnsafe(options.handshakeTimeout ?? ClientOptions.defaults.handshakeTimeout)

  /** Returns true if turns outlive a connection. */
  const isSurvivable = (connection: Connection) => connection.serverContinues === true && restart !== false
  /** Done when there will be no further connection. */
  const gone = Deferred.makeUnsafe<CodexConnectionError>()
  let connections = 0
  let present: ConnectionState | undefined
  const states = new Broadcast<ConnectionState, never>()
  const announce = (next: ConnectionState) => {
    present = next
    states.push(next)
  }
  let state: State = { _tag: "Connecting", next: Deferred.makeUnsafe() }

  const use = (opened: Opened) => {
    const before = state
    if (before._tag === "Closed") return
    connections++
    state = { _tag: "Connected", last: opened, ready: Effect.succeed(opened.connection) }
    announce({ _tag: "Connected", connections })
    if (before._tag !== "Connected") Deferred.doneUnsafe(before.next, Exit.succeed(opened.connection))
  }

  /** The connection in use is lost: later callers wait for the next one, or fail. */
  const lose = (error: CodexConnectionError) => {
    if (state._tag !== "Connected") return
    const { last } = state
    announce({ _tag: "Lost", error })
    state = restart === false
      ? { _tag: "Closed", last, error }
      : { _tag: "Reconnecting", last, error, next: Deferred.makeUnsafe() }
    if (state._tag === "Closed") finish(error)
  }

  const finish = (error: CodexConnectionError) => {
    Deferred.doneUnsafe(gone, Exit.succeed(error))
    states.end(Exit.void)
  }

  /** Ends the session: there will be no further connection. */
  const end = (error: CodexConnectionError) => {
    const before = state
    if (before._tag === "Closed") return
    state = { _tag: "Closed", last: before._tag === "Connecting" ? undefined : before.last, error }
    announce({ _tag: "Lost", error })
    finish(error)
    if (before._tag === "Connected") Deferred.doneUnsafe(before.last.lost, Exit.succeed(error))
    else Deferred.doneUnsafe(before.next, Exit.fail(error))
  }

  const connect = Effect.fnUntraced(function*(connectionScope: Scope.Closeable) {
    const connection = yield* Effect.timeoutOrElse(Scope.provide(transport.connect, connectionScope), {
      duration: handshakeTimeout,
      orElse: () =>
        Effect.fail(
          new CodexConnectError({
            reason: { _tag: "HandshakeTimeout", timeoutMs: Duration.toMillis(handshakeTimeout) },
            target: transport.target ?? "codex app-server"
          })
        )
    })
    const lost = Deferred.makeUnsafe<CodexConnectionError>()
    router.open(connection)
    yield* connection.receive(router.accept).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          const error = lossOf(exit)
          // First, because a caller that fails with the loss may request a connection at once.
          if (state._tag === "Connected" && state.last.connection === connection) lose(error)
          if (state._tag === "Reconnecting" && isSurvivable(connection)) router.suspend(error)
          else router.fail(error)
          Deferred.doneUnsafe(lost, Exit.succeed(error))
        })
      ),
      Effect.exit,
      // At once: a transport may have messages already.
      Effect.forkIn(connectionScope, { startImmediately: true })
    )
    const metadata = yield* handshake({ router, deadlines, connection }, options, handshakeTimeout)
    router.identify(metadata.serverVersion)
    // Before anyone else gets the connection. Sub-agents that were spawned meanwhile are found on the way.
    if (state._tag === "Reconnecting" && isSurvivable(connection)) {
      yield* rejoinAll({ router, deadlines, connection }, metadata)
    }
    return { connection, metadata, lost, close: Scope.close(connectionScope, Exit.void) }
  })

  /** Connects in its own scope, which is closed at once if that fails. Counts the connection, and uses it. */
  const open = (count: Effect.Effect<void>) =>
    Effect.uninterruptibleMask((interruptibly) =>
      Effect.flatMap(Scope.make(), (connectionScope) =>
        interruptibly(connect(connectionScope)).pipe(
          Effect.onError((cause) => Scope.close(connectionScope, Exit.failCause(cause))),
          Effect.tap(count),
          Effect.tap((opened) => {
            use(opened)
            // It may have been lost right after the handshake.
            return Deferred.isDoneUnsafe(opened.lost) ? Effect.map(Deferred.await(opened.lost), lose) : Effect.void
          })
        ))
    )

  /** The attempts since the connection was lost, and the failure of the latest one. */
  let attempts = 0
  let failure: ConnectError | undefined

  /** Connects again, and succeeds when a connection is lost that was sound. */
  const reconnect = Effect.gen(function*() {
    if (state._tag === "Reconnecting") {
      announce({ _tag: "Reconnecting", attempt: ++attempts, error: failure ?? state.error })
    }
    const opened = yield* open(Metric.update(Telemetry.restarts, 1))
    attempts = 0
    failure = undefined
    const [lifetime, error] = yield* Effect.timed(watch(opened))
    yield* warn(opened, error)
    if (Duration.isLessThan(lifetime, soundAfter(isSurvivable(opened.connection)))) return yield* error
  }).pipe(Effect.tapError((error) =>
    Effect.sync(() => {
      failure = error
    })
  ))

  return {
    open: Effect.gen(function*() {
      yield* Effect.addFinalizer(() =>
        Effect.suspend(() => {
          const error = new CodexConnectionError({ reason: { _tag: "Closed" } })
          end(error)
          router.fail(error)
          return state._tag === "Closed" && state.last !== undefined ? state.last.close : Effect.void
        })
      )
      const first = yield* open(Effect.void)
      yield* Effect.gen(function*() {
        const error = yield* watch(first)
        if (restart === false) return
        yield* warn(first, error)
        const last = yield* Effect.flip(
          Effect.forever(Effect.retry(reconnect, { schedule: restart, while: mayConnectLater }))
        )
        const final = last._tag === "CodexConnectionError"
          ? last
          : isSurvivable(first.connection)
          ? new CodexConnectionError({ reason: { _tag: "Disconnected" }, cause: last })
          : error
        end(final)
        // Turns have waited for a connection.
        router.fail(final)
      }).pipe(Effect.forkScoped)
    }),
    connection: (within) => {
      switch (state._tag) {
        case "Connected":
          return state.ready
        case "Closed":
          return Effect.fail(state.error)
        case "Connecting":
          return Deferred.await(state.next)
        case "Reconnecting": {
          const { error, next } = state
          return Effect.timeoutOrElse(Deferred.await(next), { duration: within, orElse: () => Effect.fail(error) })
        }
      }
    },
    connected: () => state._tag === "Connected" ? state.last.connection : undefined,
    closed: Effect.suspend(() => {
      switch (state._tag) {
        case "Connected":
          return Deferred.await(isSurvivable(state.last.connection) ? gone : state.last.lost)
        case "Connecting":
          return Effect.flip(Effect.andThen(Deferred.await(state.next), Effect.never))
        case "Reconnecting":
          return isSurvivable(state.last.connection) ? Deferred.await(gone) : Effect.succeed(state.error)
        case "Closed":
          return Effect.succeed(state.error)
      }
    }),
    states: Stream.unwrap(Effect.sync(() => {
      const later = states.cursor()
      return present === undefined ? later.stream : Stream.concat(Stream.succeed(present), later.stream)
    })),
    survives: () =>
      (state._tag === "Connected" || state._tag === "Reconnecting") && isSurvivable(state.last.connection),
    rejoin: (threadId) =>
      Effect.suspend(() =>
        state._tag === "Connected"
          ? rejoin({ router, deadlines, connection: state.last.connection }, state.last.metadata, threadId)
          : Effect.void
      ),
    connections: () => connections,
    metadata: () => state._tag === "Connecting" ? unknown : state.last?.metadata ?? unknown,
    last: () => state._tag === "Connecting" ? undefined : state.last?.connection
  }
})

/** Waits until a connection is lost, and then closes it. */
const watch = (opened: Opened) => Effect.tap(Deferred.await(opened.lost), () => Effect.uninterruptible(opened.close))

const warn = ({ connection }: Opened, error: CodexConnectionError) =>
  Effect.logWarning(
    connection.serverContinues === true ? "Connecting to the app-server again." : "Starting the app-server again.",
    error.message
  )

/** A server that refuses the token will refuse it again. */
const mayConnectLater = (error: ConnectError): boolean =>
  error._tag !== "CodexConnectError" || error.reason._tag !== "Unauthorized"

const lossOf = (exit: Exit.Exit<never, CodexConnectionError>): CodexConnectionError => {
  // It never succeeds.
  if (Exit.isSuccess(exit)) return exit.value
  const error = Exit.findErrorOption(exit)
  if (Option.isSome(error)) return error.value
  if (Exit.hasInterrupts(exit)) return new CodexConnectionError({ reason: { _tag: "Closed" } })
  // Reading died, as on a line that is longer than a string can be: the same data would do it again.
  const defect = Cause.squash(exit.cause)
  return new CodexConnectionError({ reason: { _tag: "Unreadable", detail: String(defect) }, cause: defect })
}

const handshake = Effect.fnUntraced(function*(
  wire: Wire,
  options: ClientOptions.ClientOptions<unknown>,
  timeout: Duration.Duration
): Effect.fn.Return<Metadata.Metadata, CodexConnectError> {
  const target = wire.connection.target ?? "codex app-server"
  const failed = (error: RequestError) => new CodexConnectError({ ...handshakeFailure(error), target })
  const response = yield* roundTrip(wire, {
    method: "initialize",
    params: ClientOptions.initializeParams(options),
    read: Exit.succeed,
    timeout,
    span: Option.getOrUndefined(yield* Effect.option(Effect.currentParentSpan))
  }).pipe(Effect.mapError(failed))
  const metadata = Metadata.fromResponse(response)
  if (metadata === undefined) {
    return yield* new CodexConnectError({
      reason: {
        _tag: "HandshakeRefused",
        detail: "its answer is missing required metadata (user agent, server name, server version)"
      },
      target
    })
  }
  const { serverVersion = metadata.serverVersion } = wire.connection
  if (metadata.serverVersion !== serverVersion) {
    return yield* new CodexConnectError({
      reason: {
        _tag: "HandshakeRefused",
        detail: `the server has version ${metadata.serverVersion} instead of ${serverVersion}`
      },
      target
    })
  }
  yield* wire.connection.send(`{"method":"initialized"}`).pipe(Effect.mapError(failed))
  return metadata
})

/** The reason why there was no handshake, and the error underneath. */
const handshakeFailure = (
  error: RequestError
): { readonly reason: ConnectReason; readonly cause?: RequestError } => {
  switch (error._tag) {
    case "CodexConnectionError":
      switch (error.reason._tag) {
        case "Exited":
          return { reason: error.reason }
        case "Disconnected":
          return {
            reason: { ...error.reason, _tag: "Unreachable", detail: "the connection broke during the handshake" },
            cause: error
          }
        default:
          return { reason: { _tag: "Other", detail: error.message }, cause: error }
      }
    case "CodexTimeoutError":
      return { reason: { _tag: "HandshakeTimeout", timeoutMs: error.timeoutMs } }
    case "CodexRpcError":
      return {
        reason: {
          _tag: "HandshakeRefused",
          code: error.code,
          detail: `the server answered with error ${error.code}: ${error.serverMessage}`
        },
        cause: error
      }
    default:
      return { reason: { _tag: "Other", detail: error.message }, cause: error }
  }
}
