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
import type { Deadlines } from "../base/Deadlines.ts"
import * as ClientOptions from "../model/ClientOptions.ts"
import {
  CodexConnectError,
  CodexConnectionError,
  type ConnectError,
  type ConnectReason,
  type RequestError
} from "../model/CodexError.ts"
import * as Metadata from "../model/Metadata.ts"
import { type Connection, Transport } from "../model/Transport.ts"
import { roundTrip, type Wire } from "./RoundTrip.ts"
import * as Router from "./Router.ts"
import * as Telemetry from "./Telemetry.ts"

export interface Session {
  /** Connects and shakes hands. To be run once; the scope ends every connection. */
  readonly open: Effect.Effect<void, ConnectError, Scope.Scope>
  /** The connection in use. Waits at most that long while the server is started again; fails at once when there will be none. */
  readonly connection: (within: Duration.Duration) => Effect.Effect<Connection, CodexConnectionError>
  /** Ends when the connection in use is lost, or closed. */
  readonly closed: Effect.Effect<CodexConnectionError>
  /** How many connections there have been. */
  readonly connections: () => number
  /** Of the connection in use, or of the last one. */
  readonly metadata: () => Metadata.Metadata
  /** Whether other clients use the server of the connection in use, or of the last one. */
  readonly isShared: () => boolean
}

interface Opened {
  readonly connection: Connection
  readonly metadata: Metadata.Metadata
  readonly lost: Deferred.Deferred<CodexConnectionError>
  /** Ends what is left of the connection. */
  readonly close: Effect.Effect<void>
}

/** The next connection, for those who wait for it. */
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

/** A connection that lived this long was sound: the schedule of restarts begins anew. */
const soundAfter = Duration.seconds(30)

/** Before the first handshake. */
const unknown: Metadata.Metadata = {
  userAgent: "unknown",
  serverName: "unknown",
  serverVersion: "unknown",
  codexHome: undefined,
  platformFamily: undefined,
  platformOs: undefined
}

/** A session that has not connected yet. */
export const make = Effect.fnUntraced(function*(
  options: ClientOptions.ClientOptions<unknown>,
  deadlines: Deadlines
): Effect.fn.Return<Session, never, Transport | Router.Router> {
  const transport = yield* Transport
  const router = yield* Router.Router
  const { restart = false } = options

  let connections = 0
  let state: State = { _tag: "Connecting", next: Deferred.makeUnsafe() }

  const use = (opened: Opened) => {
    const before = state
    if (before._tag === "Closed") return
    connections++
    state = { _tag: "Connected", last: opened, ready: Effect.succeed(opened.connection) }
    if (before._tag !== "Connected") Deferred.doneUnsafe(before.next, Exit.succeed(opened.connection))
  }

  /** The connection in use is lost: later callers wait for the next one, or fail. */
  const lose = (error: CodexConnectionError) => {
    if (state._tag !== "Connected") return
    const { last } = state
    state = restart === false
      ? { _tag: "Closed", last, error }
      : { _tag: "Reconnecting", last, error, next: Deferred.makeUnsafe() }
  }

  /** There will be no other connection. */
  const end = (error: CodexConnectionError) => {
    const before = state
    if (before._tag === "Closed") return
    state = { _tag: "Closed", last: before._tag === "Connecting" ? undefined : before.last, error }
    if (before._tag === "Connected") Deferred.doneUnsafe(before.last.lost, Exit.succeed(error))
    else Deferred.doneUnsafe(before.next, Exit.fail(error))
  }

  const connect = Effect.fnUntraced(function*(connectionScope: Scope.Closeable) {
    const connection = yield* Scope.provide(transport.connect, connectionScope)
    const lost = Deferred.makeUnsafe<CodexConnectionError>()
    router.open(connection.hide)
    yield* connection.receive(router.accept).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          const error = lossOf(exit)
          // First: whoever hears of the loss may ask for a connection at once.
          if (state._tag === "Connected" && state.last.connection === connection) lose(error)
          router.fail(error)
          Deferred.doneUnsafe(lost, Exit.succeed(error))
        })
      ),
      Effect.exit,
      // At once: a transport may have messages already.
      Effect.forkIn(connectionScope, { startImmediately: true })
    )
    const metadata = yield* handshake({ router, deadlines, connection }, options)
    return { connection, metadata, lost, close: Scope.close(connectionScope, Exit.void) }
  })

  /** Connects in a scope of its own, which is closed at once if that fails. Counts the connection, and uses it. */
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

  /** Connects again, and succeeds when a connection is lost that was sound. */
  const reconnect = Effect.gen(function*() {
    const opened = yield* open(Metric.update(Telemetry.restarts, 1))
    const [lifetime, error] = yield* Effect.timed(watch(opened))
    yield* warn(error)
    if (Duration.isLessThan(lifetime, soundAfter)) return yield* error
  })

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
        yield* warn(error)
        const last = yield* Effect.flip(Effect.forever(Effect.retry(reconnect, restart)))
        end(last._tag === "CodexConnectionError" ? last : error)
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
    closed: Effect.suspend(() => {
      switch (state._tag) {
        case "Connected":
          return Deferred.await(state.last.lost)
        case "Connecting":
          return Effect.flip(Effect.andThen(Deferred.await(state.next), Effect.never))
        case "Reconnecting":
        case "Closed":
          return Effect.succeed(state.error)
      }
    }),
    connections: () => connections,
    metadata: () => state._tag === "Connecting" ? unknown : state.last?.metadata ?? unknown,
    isShared: () => state._tag !== "Connecting" && state.last?.connection.isShared === true
  }
})

/** Waits until a connection is lost, and ends what is left of it. */
const watch = (opened: Opened) => Effect.tap(Deferred.await(opened.lost), () => Effect.uninterruptible(opened.close))

const warn = (error: CodexConnectionError) => Effect.logWarning("Starting the app-server again.", error.message)

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
  options: ClientOptions.ClientOptions<unknown>
): Effect.fn.Return<Metadata.Metadata, CodexConnectError> {
  const target = wire.connection.target ?? "codex app-server"
  const failed = (error: RequestError) => new CodexConnectError({ ...handshakeFailure(error), target })
  const response = yield* roundTrip(wire, {
    method: "initialize",
    params: ClientOptions.initializeParams(options),
    read: Exit.succeed,
    timeout: Duration.fromInputUnsafe(options.handshakeTimeout ?? ClientOptions.defaults.handshakeTimeout),
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
