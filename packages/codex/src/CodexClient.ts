/**
 * The client of one app-server: its process, the handshake, and every method of the protocol as a typed request.
 *
 * Most programs use `Codex` above it. This is for the rest of the protocol's methods.
 */
import { layerStdio } from "#process"
import * as Methods from "@effect-codex/protocol/Methods"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as Deadlines from "./base/Deadlines.ts"
import { describe } from "./base/issue.ts"
import { ErrorCode } from "./base/JsonRpc.ts"
import { notPositive, positiveDuration } from "./base/options.ts"
import { declineAll } from "./model/ApprovalHandlers.ts"
import { check } from "./model/check.ts"
import * as ClientOptions from "./model/ClientOptions.ts"
import {
  type CodexConnectionError,
  CodexDecodeError,
  type ConnectError,
  InvalidInputError,
  type RequestError
} from "./model/CodexError.ts"
import type { Limits } from "./model/Limits.ts"
import type { Metadata } from "./model/Metadata.ts"
import type * as Notification from "./model/Notification.ts"
import * as ServerRequests from "./model/ServerRequests.ts"
import { type PathKind, Transport } from "./model/Transport.ts"
import * as ProcessOptions from "./node/ProcessOptions.ts"
import * as Answering from "./wire/Answering.ts"
import * as Handlers from "./wire/Handlers.ts"
import { encode, roundTrip } from "./wire/RoundTrip.ts"
import * as Router from "./wire/Router.ts"
import * as Session from "./wire/Session.ts"
import { Slots } from "./wire/Slots.ts"
import * as Subagents from "./wire/Subagents.ts"
import * as Telemetry from "./wire/Telemetry.ts"
import * as TurnControls from "./wire/TurnControls.ts"
import * as TurnEnds from "./wire/TurnEnds.ts"
import * as TurnStarts from "./wire/TurnStarts.ts"

export type { Metadata } from "./model/Metadata.ts"

/** A method of the protocol that a client can call. */
export type Method = Methods.ClientRequestMethod

/** The parameters of a method. */
export type Params<M extends Method> = Methods.ClientRequests[M]["params"]

/** The answer to a method. */
export type Response<M extends Method> = Methods.ClientRequests[M]["response"]

/**
 * Options of one request.
 *
 * @category models
 */
export interface RequestOptions {
  /** How long to wait for the answer, and before for a server that is being started again. Default: `requestTimeout`. */
  readonly timeout?: Duration.Input | undefined
  /**
   * When to send again what an overloaded server refused. Default: twice, after about 250 and 500 ms, if the request is
   * safe to repeat; `false` for never. A schedule given here is followed whatever the method.
   */
  readonly retry?: Schedule.Schedule<unknown, RequestError> | false | undefined
}

/** The arguments of `request`: parameters are left out where the method has none, and are `{}` where all are optional. */
export type RequestArgs<M extends Method> = undefined extends Params<M> ? [params?: Params<M>, options?: RequestOptions]
  : [params: Params<M>, options?: RequestOptions]

/**
 * The client of one app-server.
 *
 * @category services
 */
export class CodexClient extends Context.Service<CodexClient, {
  /** What the server said of itself in the handshake; after a restart, in the last one. */
  readonly metadata: Metadata
  /**
   * Calls a method of the protocol.
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
  /** Sends a notification. The protocol has one, `initialized`, which the client sends itself. */
  readonly notify: (method: string, params?: unknown) => Effect.Effect<void, CodexConnectionError | InvalidInputError>
  /** Every notification of the server, from the moment the stream is run. Fails when the connection is lost. */
  readonly notifications: Stream.Stream<Notification.Notification, CodexConnectionError>
  /** Ends when the connection does, with the way it ended. */
  readonly closed: Effect.Effect<CodexConnectionError>
  /** How many connections there have been: 1, and one more for each restart. */
  readonly connections: () => number
  /** Waits for a connection, if the server is being started again, and tells its number. */
  readonly connected: Effect.Effect<number, CodexConnectionError>
  /**
   * Answers requests of this thread with these handlers, and those of its sub-agents and forks. Methods without a handler
   * fall back to the nearest thread above, then to the client's. The handlers hold until the thread is archived, deleted
   * or closed, and longer while a sub-agent or fork of it is loaded. Returns a function that unregisters them.
   */
  readonly handle: (threadId: string, handlers: ServerRequests.ServerRequestHandlers) => () => void
  /** Limits for the turns of all threads. */
  readonly limits: Limits | undefined
  /**
   * Tells what there is at a path on the server's machine; undefined where only the server can know. See
   * `Transport.look`.
   */
  readonly look: ((path: string) => PathKind) | undefined
  /** How sub-agents are kept within what the turns of their thread allow. */
  readonly subagents: Subagents.Subagents
  /**
   * Whether the server still sends this client the events of a thread that it has loaded: false from `thread/unsubscribe`
   * until the thread is resumed. At most the latest 1,000 threads are remembered.
   */
  readonly isSubscribed: (threadId: string) => boolean
  /** How turns are started, steered and stopped: the ground of `Thread` and `Turn`. */
  readonly turns: TurnStarts.TurnStarts & TurnControls.TurnControls
}>()("effect-codex/CodexClient") {}

/** The default of {@link RequestOptions.retry}. */
const whenOverloaded = Schedule.min([Schedule.exponential("250 millis"), Schedule.spaced("2 seconds")]).pipe(
  Schedule.jittered,
  Schedule.upTo({ times: 2 })
)

/** What follows the first failure of an effect: nothing, or the effect again, as the schedule says. */
const again = <A>(
  effect: () => Effect.Effect<A, RequestError>,
  error: RequestError,
  options: {
    readonly schedule: Schedule.Schedule<unknown, RequestError>
    readonly while: (error: RequestError) => boolean
  }
): Effect.Effect<A, RequestError> => {
  if (!options.while(error)) return Effect.fail(error)
  let attempts = 0
  return Effect.retry(Effect.suspend(() => attempts++ === 0 ? Effect.fail(error) : effect()), options)
}

/** Requests that change nothing: sending one twice does no harm. */
const isSafeToRepeat = (method: string): boolean => /\/(list|read|get|status|search|readiness|detect)$/.test(method)

/** Whether a request may be sent again; `always` is the caller's word that it does no harm. */
const mayRepeat = (method: string, error: RequestError, always: boolean): boolean =>
  error._tag === "CodexRpcError" && error.reason._tag === "Overloaded"
  // With this code the server refuses before it looks at a request.
  && (always || error.code === ErrorCode.overloaded || isSafeToRepeat(method))

const decode = <M extends Method>(method: M) => (result: unknown): Exit.Exit<Response<M>, CodexDecodeError> => {
  const response = Methods.decode<Response<M>>(Methods.clientRequests.get(method).response, result)
  return Result.isSuccess(response)
    ? Exit.succeed(response.success)
    : Exit.fail(new CodexDecodeError({ method, issue: describe(response.failure), raw: result }))
}

/**
 * Connects and shakes hands. The scope ends the connection.
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function*<R = never>(
  options: ClientOptions.ClientOptions<R> = {}
): Effect.fn.Return<
  CodexClient["Service"],
  ConnectError,
  Transport | Router.Router | Scope.Scope | R
> {
  yield* ClientOptions.validate(options)
  const { look } = yield* Transport
  const router = yield* Router.Router
  const context = yield* Effect.context<R>()
  // The span in which the client is made has nothing to do with what it does later.
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
  const slots = new Slots(options.maxInFlight ?? ClientOptions.defaults.maxInFlight)
  const session = yield* Session.make(options, deadlines)
  const connected = Effect.suspend(() => session.connection(requestTimeout))
  const sendLine = (message: string) => Effect.flatMap(connected, (connection) => connection.send(message))
  const send = <A>(
    method: string,
    params: unknown,
    read: (result: unknown) => Exit.Exit<A, RequestError>,
    options: RequestOptions & { readonly late?: (result: unknown) => void; readonly control?: boolean } = {}
  ): Effect.Effect<A, RequestError> => {
    const { control, late } = options
    const timeout = options.timeout === undefined ? requestTimeout : positiveDuration(options.timeout)
    if (timeout === undefined) {
      return Effect.fail(new InvalidInputError({ field: "timeout", detail: notPositive }))
    }
    return Telemetry.request(method, (span) => {
      const once = () =>
        Effect.flatMap(
          session.connection(timeout),
          (connection) =>
            roundTrip(
              { router, deadlines, connection, slots },
              { method, params, read, timeout, late, control, span }
            )
        )
      // What succeeds at once pays for none of this.
      return Effect.catch(once(), (error) => {
        if (options.retry === false) return Effect.fail(error)
        return again(once, error, {
          schedule: options.retry ?? whenOverloaded,
          while: (error) => mayRepeat(method, error, options.retry !== undefined)
        })
      })
    })
  }

  const subagents = Subagents.make({
    family,
    fork,
    send: (method, params) => send(method, params, () => Exit.void)
  })
  const controls = TurnControls.make(send, subagents)
  const starts = TurnStarts.make({ router, send, controls, fork })
  router.serve(
    yield* Answering.make({
      fork,
      asks: (threadId) => family.asks(threadId),
      // A sub-agent works within the turn of the outermost thread.
      spanOf: (threadId) =>
        threadId === undefined ? undefined : starts.spanOf(threadId) ?? starts.spanOf(family.rootOf(threadId)),
      find: Handlers.make({
        client: handlers,
        family,
        isShared: session.isShared,
        read: (threadId) =>
          send("thread/read", { threadId }, (result) => Exit.map(decode("thread/read")(result), ({ thread }) => thread))
      }),
      send: (message) => Effect.ignore(sendLine(message))
    })
  )
  router.watch(TurnEnds.make({ router, deadlines, send, controls, fork }))
  yield* session.open

  return CodexClient.of({
    get metadata() {
      return session.metadata()
    },
    request: (method, ...[params, options]) => {
      const read = decode(method)
      return send(method, params, (result) => {
        noteSubscription(method, params)
        return read(result)
      }, options)
    },
    isSubscribed: (threadId) => !unsubscribed.has(threadId),
    notify: (method, params) => {
      const message = encode({ method, params })
      return typeof message === "string" ? sendLine(message) : Effect.fail(message)
    },
    notifications: router.notifications,
    closed: session.closed,
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
    subagents,
    turns: { ...starts, ...controls }
  })
})

/**
 * A client over any Transport.
 *
 * @category layers
 */
export const layerTransport = <R = never>(
  options: ClientOptions.ClientOptions<R> = {}
): Layer.Layer<CodexClient | Router.Router, ConnectError, Transport | R> =>
  Layer.effect(CodexClient, make(options)).pipe(Layer.provideMerge(Router.layer))

/**
 * The options of a client and of the process that it starts. All may be left out.
 *
 * @category models
 */
export interface LayerOptions<out R = never> extends ClientOptions.ClientOptions<R>, ProcessOptions.ProcessOptions {}

/**
 * A client of the `codex app-server` that it starts. Building the Layer starts the process and shakes hands; closing it
 * ends the process, and waits until it is gone.
 *
 * @category layers
 */
export const layer = <R = never>(
  options: LayerOptions<R> = {}
): Layer.Layer<CodexClient | Router.Router, ConnectError, R> =>
  Layer.unwrap(Effect.as(
    check(options, { ...ClientOptions.checks, ...ProcessOptions.checks }),
    layerTransport(ClientOptions.pick<R>(options)).pipe(Layer.provide(layerStdio(ProcessOptions.pick(options))))
  ))
