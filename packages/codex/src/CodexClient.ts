/**
 * The client of one app-server, with every method of the protocol as a typed request.
 *
 * Most programs use `Codex`, which is built on it. Use the client for methods that `Codex` does not cover.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as Deadlines from "./base/Deadlines.ts"
import { findMistake } from "./base/options.ts"
import * as Requests from "./client/Requests.ts"
import * as Transports from "./client/transports.ts"
import * as ClientOptions from "./model/connection/ClientOptions.ts"
import type { ConnectionState } from "./model/connection/ConnectionState.ts"
import type { Metadata } from "./model/connection/Metadata.ts"
import * as RemoteOptions from "./model/connection/RemoteOptions.ts"
import type * as SocketOptions from "./model/connection/SocketOptions.ts"
import { Transport } from "./model/connection/Transport.ts"
import { check } from "./model/errors/check.ts"
import {
  type CodexConnectionError,
  type ConnectError,
  InvalidInputError,
  type RequestError
} from "./model/errors/CodexError.ts"
import { declineAll } from "./model/requests/ApprovalHandlers.ts"
import type { Method, RequestArgs, Response } from "./model/requests/Request.ts"
import * as ServerRequests from "./model/requests/ServerRequests.ts"
import * as Limits from "./model/turns/Limits.ts"
import type * as Notification from "./model/turns/Notification.ts"
import type * as ProcessOptions from "./node/ProcessOptions.ts"
import type * as SharedOptions from "./node/SharedOptions.ts"
import * as Router from "./Router.ts"
import * as Answering from "./wire/Answering.ts"
import { Client } from "./wire/Client.ts"
import * as ForeignTurns from "./wire/ForeignTurns.ts"
import * as Handlers from "./wire/Handlers.ts"
import * as QueuedTurns from "./wire/QueuedTurns.ts"
import { encode } from "./wire/RoundTrip.ts"
import * as Wire from "./wire/Router.ts"
import * as Session from "./wire/Session.ts"
import * as Subagents from "./wire/Subagents.ts"
import * as TurnControls from "./wire/TurnControls.ts"
import * as TurnEnds from "./wire/TurnEnds.ts"
import * as TurnStarts from "./wire/TurnStarts.ts"

export type { ConnectionState } from "./model/connection/ConnectionState.ts"
export type { Metadata } from "./model/connection/Metadata.ts"
export type { Method, Params, RequestArgs, RequestOptions, Response } from "./model/requests/Request.ts"

/**
 * The client of one app-server.
 *
 * @category services
 */
export class CodexClient extends Context.Service<CodexClient, {
  /** The server's response to the handshake; after a restart, to the last one. */
  readonly metadata: Metadata
  /**
   * Sends a request, and returns the response. `Methods.ClientRequests` of `@effect-codex/protocol` describes the methods.
   *
   * Fails with `CodexRpcError` if the server refuses the request, `CodexTimeoutError` if it does not respond in time,
   * `CodexDecodeError` if the response does not match the protocol, `CodexConnectionError` if the connection is lost, and
   * `InvalidInputError` if the parameters cannot be sent.
   *
   * @example
   * ```ts
   * import * as Effect from "effect/Effect"
   * import { CodexClient } from "effect-codex"
   *
   * const skills = Effect.gen(function*() {
   *   const client = yield* CodexClient.CodexClient
   *   const { data } = yield* client.request("skills/list", { cwds: ["."] })
   *   return data
   * })
   * ```
   */
  readonly request: <M extends Method>(method: M, ...args: RequestArgs<M>) => Effect.Effect<Response<M>, RequestError>
  /** Sends a notification. The protocol has only `initialized`, which the client sends itself. */
  readonly notify: (method: string, params?: unknown) => Effect.Effect<void, CodexConnectionError | InvalidInputError>
  /** Every notification from the server, from the moment the stream is run. Fails when the connection is lost. */
  readonly notifications: Stream.Stream<Notification.Notification, CodexConnectionError>
  /** Waits for the end of the connection, and returns how it ended. */
  readonly closed: Effect.Effect<CodexConnectionError>
  /**
   * Waits for a connection while the client reconnects, for at most `requestTimeout`, and returns the number of connections so far.
   * Sends nothing. Fails with `CodexConnectionError` if there is none in time, or none will follow.
   */
  readonly connected: Effect.Effect<number, CodexConnectionError>
  /** The state of the connection, and each later one: see {@link ConnectionState}. Ends when no other connection follows. */
  readonly connection: Stream.Stream<ConnectionState>
}>()("effect-codex/CodexClient") {}

/** @internal Connects and performs the handshake. Closing the scope ends the connection. */
export const make = Effect.fnUntraced(function*<R = never>(
  options: RemoteOptions.TransportOptions<R> = {}
): Effect.fn.Return<
  CodexClient["Service"] & Client["Service"],
  ConnectError,
  Transport | Wire.Router | Scope.Scope | R
> {
  yield* check(options, RemoteOptions.transportChecks)
  const { directory, look, realPath } = yield* Transport
  const router = yield* Wire.Router
  const context = yield* Effect.context<R>()
  // Later work does not belong to the span in which the client is built.
  const fork = Effect.runForkWith(Context.omit(Tracer.ParentSpan)(context))
  const requestTimeout = Duration.fromInputUnsafe(options.requestTimeout ?? ClientOptions.defaults.requestTimeout)

  const handlers = ServerRequests.orElse(
    ServerRequests.provideContext(options.serverRequests ?? {}, context),
    declineAll
  )
  const { family } = router
  const unsubscribed = new Set<string>()
  /** Keeps track of the threads whose events the server leaves out. Runs in the reader. */
  const noteSubscription = (method: Method, params: unknown) => {
    if (method !== "thread/unsubscribe" && method !== "thread/resume") return
    const threadId = Predicate.isObject(params) ? params["threadId"] : undefined
    if (typeof threadId !== "string") return
    unsubscribed.delete(threadId)
    if (method === "thread/resume") return
    unsubscribed.add(threadId)
    for (const oldest of unsubscribed) {
      if (unsubscribed.size <= 1000) break
      unsubscribed.delete(oldest)
    }
  }
  const deadlines = yield* Deadlines.make
  const session = yield* Session.make(options, deadlines)
  const connected = Effect.suspend(() => session.connection(requestTimeout))
  const maxInFlight = options.maxInFlight ?? ClientOptions.defaults.maxInFlight
  const send = Requests.make({ router, deadlines, session, requestTimeout, maxInFlight, fork })
  const sendLine = (message: string) => Effect.flatMap(connected, (connection) => connection.send(message))
  const subagents = Subagents.make({
    family,
    fork,
    send: (method, params) => send(method, params, () => Exit.void)
  })
  const controls = TurnControls.make(send, subagents)
  const isShared = () => session.last()?.isShared === true
  const foreign = ForeignTurns.make({ router, send, controls, isShared, rejoin: session.rejoin })
  const queued = QueuedTurns.make({
    router,
    send,
    onTurn: (turn) => {
      const { members } = family.lineage(turn.threadId)
      const limits = Limits.resolve([...members.map(({ limits }) => limits), options.limits])
      if (limits !== undefined) fork(starts.enforce(turn, limits))
    }
  })
  const starts = TurnStarts.make({ router, send, controls, foreign, queued, rejoining: session, fork })
  router.serve(
    yield* Answering.make({
      fork,
      repeats: session.survives,
      maxBytes: () => session.last()?.maxMessageBytes,
      asks: (threadId) => family.asks(threadId),
      // A sub-agent works within the turn of the outermost thread.
      spanOf: (threadId) =>
        threadId === undefined ? undefined : starts.spanOf(threadId) ?? starts.spanOf(family.rootOf(threadId)),
      find: Handlers.make({
        client: handlers,
        family,
        isShared,
        realPath,
        read: (threadId) =>
          send(
            "thread/read",
            { threadId },
            (result) => Exit.map(Requests.decode("thread/read")(result), ({ thread }) => thread),
            { control: true }
          )
      }),
      send: (message) => Effect.ignore(sendLine(message))
    })
  )
  router.watch(TurnEnds.make({ router, deadlines, send, controls, fork }))
  yield* session.open
  yield* Effect.addFinalizer(() =>
    session.last()?.serverContinues === true && options.detach !== true
      ? Effect.forEach(router.running(), controls.stop, { concurrency: "unbounded", discard: true })
      : Effect.void
  )

  return {
    get metadata() {
      return session.metadata()
    },
    request: (method, ...[params, options]) => {
      const mistake = options === undefined ? undefined : findMistake(options, Requests.checks)
      if (mistake !== undefined) return Effect.fail(new InvalidInputError(mistake))
      const read = Requests.decode(method)
      return send(method, params, (result) => {
        noteSubscription(method, params)
        return read(result)
      }, options)
    },
    requestWith: (method, params, { onResponse, ...hooks }) => {
      const read = Requests.decode(method)
      return send(method, params, (result) => {
        const response = read(result)
        if (Exit.isSuccess(response)) onResponse?.(response.value)
        return response
      }, hooks)
    },
    isSubscribed: (threadId) => !unsubscribed.has(threadId),
    notify: (method, params) =>
      Effect.flatMap(connected, (connection): Effect.Effect<void, CodexConnectionError | InvalidInputError> => {
        const message = encode({ method, params }, connection)
        return typeof message === "string" ? connection.send(message) : Effect.fail(message)
      }),
    notifications: router.notifications,
    closed: session.closed,
    connection: session.states,
    survives: session.survives,
    rejoin: session.rejoin,
    connections: session.connections,
    connected: Effect.map(connected, session.connections),
    handle: (threadId, own) => {
      const member = family.ensure(threadId)
      const before = member.handlers
      member.handlers = own
      return () => {
        if (member.handlers !== own) return
        member.handlers = before
        family.release(member)
      }
    },
    limits: options.limits,
    look,
    directory,
    subagents,
    queued,
    turns: { ...starts, ...controls }
  }
})

/** A client with the internal services on which `Codex` is built. */
type Services = CodexClient | Router.Router | Client | Wire.Router

/** @internal {@link layerTransport} with the internal services. */
export const wireTransport = <R = never>(
  options: RemoteOptions.TransportOptions<R> = {}
): Layer.Layer<Services, ConnectError, Transport | R> =>
  Layer.effectContext(
    Effect.map(make(options), (client) => Context.make(CodexClient, client).pipe(Context.add(Client, client)))
  ).pipe(Layer.provideMerge(Router.layerWire))

/**
 * A client over any Transport.
 *
 * @category layers
 */
export const layerTransport = <R = never>(
  options: RemoteOptions.TransportOptions<R> = {}
): Layer.Layer<CodexClient | Router.Router, ConnectError, Transport | R> => wireTransport(options)

/**
 * Options of {@link layer}: those of the client, and of the process that it starts. All are optional.
 *
 * @category models
 */
export interface LayerOptions<out R = never> extends ClientOptions.ClientOptions<R>, ProcessOptions.ProcessOptions {}

/**
 * A client that starts `codex app-server`. Building the Layer starts the process and performs the handshake. Closing it ends the
 * process, and waits until the process is gone.
 *
 * @category layers
 */
export const layer = <R = never>(
  options: LayerOptions<R> = {}
): Layer.Layer<CodexClient | Router.Router, ConnectError, R> => Transports.childProcess(options, wireTransport)

/**
 * Options of {@link layerWebSocket}: those of the WebSocket, and of a client of a running server.
 *
 * @category models
 */
export interface WebSocketLayerOptions<out R = never>
  extends SocketOptions.WebSocketOptions, RemoteOptions.RemoteOptions<R>
{}

/**
 * A client of a running app-server, over a WebSocket. Closing the Layer leaves the server running. It interrupts the turns of
 * this client unless `detach` is set.
 *
 * @category layers
 */
export const layerWebSocket = <R = never>(
  options: WebSocketLayerOptions<R>
): Layer.Layer<CodexClient | Router.Router, ConnectError, R> => Transports.webSocket(options, wireTransport)

/**
 * Options of {@link layerUnixSocket}: those of the socket, and of a client of a running server.
 *
 * @category models
 */
export interface UnixSocketLayerOptions<out R = never>
  extends SocketOptions.UnixSocketOptions, RemoteOptions.RemoteOptions<R>
{}

/**
 * A client of a running app-server, over its Unix socket. Closing the Layer leaves the server running. It interrupts the turns
 * of this client unless `detach` is set.
 *
 * @category layers
 */
export const layerUnixSocket = <R = never>(
  options: UnixSocketLayerOptions<R>
): Layer.Layer<CodexClient | Router.Router, ConnectError, R> => Transports.unixSocket(options, wireTransport)

/**
 * Options of {@link layerShared}: those of the shared server, and of a client of a running server. All are optional.
 *
 * @category models
 */
export interface SharedLayerOptions<out R = never>
  extends SharedOptions.SharedOptions, RemoteOptions.RemoteOptions<R>
{}

/**
 * A client of the shared app-server of this user, which is started if none is running, and outlives this program. Closing the
 * Layer interrupts the turns of this client unless `detach` is set.
 *
 * @category layers
 */
export const layerShared = <R = never>(
  options: SharedLayerOptions<R> = {}
): Layer.Layer<CodexClient | Router.Router, ConnectError, R> => Transports.shared(options, wireTransport)
