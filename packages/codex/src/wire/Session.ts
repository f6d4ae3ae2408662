/**
 * One connection after another: connects, shakes hands, watches for the end, and connects again if the client is to.
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
  /** The connection in use. Waits so long while the server is started again; fails at once when there will be none. */
  readonly connection: (within: Duration.Duration) => Effect.Effect<Connection, CodexConnectionError>
  /** Ends when the connection in use is lost, or closed. */
  readonly closed: Effect.Effect<CodexConnectionError>
  /** How many connections there have been. */
  readonly connections: () => number
  /** Of the connection in use, or of the last one. */
  readonly metadata: () => Metadata.Metadata
}

interface Opened {
  readonly connection: Connection
  readonly metadata: Metadata.Metadata
  readonly lost: Effect.Effect<CodexConnectionError>
}

/** A connection that lived this long was sound: the schedule of restarts begins anew. */
const soundAfter = Duration.seconds(30)

/** The first connection is there when this succeeds. All end with the scope. */
export const make = Effect.fnUntraced(function*(
  options: ClientOptions.ClientOptions<unknown>,
  deadlines: Deadlines
): Effect.fn.Return<Session, ConnectError, Transport | Router.Router | Scope.Scope> {
  const transport = yield* Transport
  const router = yield* Router.Router
  const scope = yield* Effect.scope

  /** The connection in use; while there is none, the next one. */
  let current = Deferred.makeUnsafe<Connection, CodexConnectionError>()
  let isInUse = false

  const use = (connection: Connection) => {
    isInUse = true
    Deferred.doneUnsafe(current, Exit.succeed(connection))
  }

  /** Who asks for a connection from now on gets the next one. */
  const leave = () => {
    if (isInUse) current = Deferred.makeUnsafe()
    isInUse = false
  }

  const connect = Effect.fnUntraced(function*(connectionScope: Scope.Scope) {
    const connection = yield* Scope.provide(transport.connect, connectionScope)
    const lost = Deferred.makeUnsafe<CodexConnectionError>()
    router.open(connection.hide)
    yield* connection.receive(router.accept).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          const error = lossOf(exit)
          // First: who hears of the loss may ask for a connection at once.
          leave()
          router.fail(error)
          Deferred.doneUnsafe(lost, Exit.succeed(error))
        })
      ),
      Effect.exit,
      Effect.forkIn(connectionScope)
    )
    const metadata = yield* handshake({ router, deadlines, connection }, options)
    return { connection, metadata, lost: Deferred.await(lost) }
  })

  /** Ends the connection in use. */
  let close = Effect.void

  /** Connects in a scope of its own, which is closed at once if that fails. */
  const open: Effect.Effect<Opened, ConnectError> = Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Scope.make(), (connectionScope) =>
      restore(connect(connectionScope)).pipe(
        Effect.onExit((exit) => {
          const closing = Scope.close(connectionScope, exit)
          if (Exit.isFailure(exit)) return closing
          close = closing
          return Effect.void
        })
      ))
  )

  yield* Effect.addFinalizer(() => Effect.suspend(() => close))

  const first = yield* open
  let connections = 1
  let metadata = first.metadata
  let closed = Deferred.makeUnsafe<CodexConnectionError>()
  use(first.connection)

  /** From now on there is no connection, or not yet. */
  const lose = (error: CodexConnectionError) => {
    leave()
    // Last: it resumes who waits at once, and for them the connection is gone.
    Deferred.doneUnsafe(closed, Exit.succeed(error))
  }

  /** From now on there will be none. */
  const giveUp = (error: CodexConnectionError) => {
    lose(error)
    if (Deferred.isDoneUnsafe(current)) current = Deferred.makeUnsafe()
    Deferred.doneUnsafe(current, Exit.fail(error))
  }

  /** Ends what is left of a lost connection, before there is another. */
  const clear = (error: CodexConnectionError) => {
    lose(error)
    return Effect.andThen(close, Effect.logWarning("Starting the app-server again.", error.message))
  }

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      const error = new CodexConnectionError({ reason: { _tag: "Closed" } })
      giveUp(error)
      router.fail(error)
    })
  )

  /** Connects again, and succeeds when a connection is lost that was sound. */
  const reconnect = Effect.gen(function*() {
    const opened = yield* open
    yield* Metric.update(Telemetry.restarts, 1)
    connections++
    metadata = opened.metadata
    closed = Deferred.makeUnsafe()
    use(opened.connection)
    const [lifetime, error] = yield* Effect.timed(opened.lost)
    yield* clear(error)
    if (Duration.isLessThan(lifetime, soundAfter)) return yield* error
  })

  yield* Effect.gen(function*() {
    const error = yield* first.lost
    if (options.restart === undefined || options.restart === false) {
      giveUp(error)
      return yield* close
    }
    yield* clear(error)
    const last = yield* Effect.flip(Effect.forever(Effect.retry(reconnect, options.restart)))
    giveUp(last._tag === "CodexConnectionError" ? last : error)
  }).pipe(Effect.forkIn(scope))

  return {
    connection: (within) => {
      const lost = closed
      return current.effect ?? Effect.timeoutOrElse(Deferred.await(current), {
        duration: within,
        orElse: () => Effect.flatMap(Deferred.await(lost), Effect.fail)
      })
    },
    closed: Effect.suspend(() => Deferred.await(closed)),
    connections: () => connections,
    metadata: () => metadata
  }
})

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
