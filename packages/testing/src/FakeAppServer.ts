/**
 * An in-memory app-server, for tests that need no real binary and for situations that the real one can't be made to
 * produce.
 *
 * By default it behaves like a small Codex: it starts, resumes, forks and lists threads, and answers a turn with a text
 * that you script. Your test controls everything else: handlers by method, notifications, requests to the client, raw
 * bytes, a crash.
 *
 * ```ts
 * it.effect("greets", () =>
 *   Effect.gen(function*() {
 *     const server = yield* FakeAppServer.FakeAppServer
 *     yield* server.enqueue(["Hel", "lo."])
 *     const codex = yield* Codex.Codex
 *     const thread = yield* codex.threadStart({ model: "gpt-5.5" })
 *     const result = yield* thread.run("Say hello")
 *     assert.strictEqual(result.finalResponse, "Hello.")
 *     const request = yield* server.awaitRequest("thread/start")
 *     assert.strictEqual(request.params.model, "gpt-5.5")
 *   }).pipe(Effect.provide(FakeAppServer.layerCodex())))
 * ```
 */
import type * as Methods from "@effect-codex/protocol/Methods"
import type { ClientOptions } from "effect-codex/ClientOptions"
import * as Codex from "effect-codex/Codex"
import { CodexConnectionError, type ConnectError, type InvalidInputError } from "effect-codex/CodexError"
import * as Transport from "effect-codex/Transport"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { History } from "./base/History.ts"
import { checkNames, type Names } from "./base/options.ts"
import {
  type Method,
  type Params,
  type Raw,
  type Request,
  type Response,
  RpcError,
  type TurnScript
} from "./server/exchange.ts"
import * as Fixture from "./server/Fixture.ts"
import * as SmallCodex from "./server/SmallCodex.ts"

export {
  type Method,
  type Params,
  type Raw,
  type Request,
  type Response,
  RpcError,
  type TurnScript
} from "./server/exchange.ts"

/** The parameters of a notification from the server. */
export type NotificationParams<M extends string> = M extends Methods.ServerNotificationMethod
  ? Methods.ServerNotifications[M]
  : unknown

/** The parameters of a request from the server. */
export type QuestionParams<M extends string> = M extends Methods.ServerRequestMethod
  ? Methods.ServerRequests[M]["params"]
  : unknown

/** The client's response to a request from the server, as the client sent it. It is not validated. */
export type QuestionResponse<M extends string> = M extends Methods.ServerRequestMethod
  ? Methods.ServerRequests[M]["response"]
  : unknown

/** A value that is sent unchanged where a typed one is expected: see {@link verbatim}. */
export class Verbatim {
  /** The value to send. */
  readonly value: unknown

  constructor(value: unknown) {
    this.value = value
  }
}

/**
 * Wraps a value that the types forbid, such as a response without its fields or an unknown enum value.
 *
 * ```ts
 * yield* server.on("model/list", () => FakeAppServer.verbatim({ data: "none" }))
 * ```
 */
export const verbatim = (value: unknown): Verbatim => new Verbatim(value)

/** The error with which an overloaded server refuses a request. */
export const overloaded = new RpcError({ code: -32001, message: "Server overloaded; retry later." })

/**
 * Answers a method with a value, or with an Effect of one. An Effect that never ends leaves the request unanswered (see
 * {@link Service.respond}). If the Effect dies, the server responds with error -32603.
 */
export type Handler<M extends string = string> = (
  params: Params<M>,
  request: Request<M>
) => Response<M> | Verbatim | Effect.Effect<Response<M> | Verbatim, RpcError>

/** Handlers by method. */
export type Handlers = { readonly [M in Method]?: Handler<M> }

/** Options of {@link make} and {@link layer}. */
export interface Options {
  /** The version in the server's user agent. Default: `Fixture.version`, the version of the protocol. */
  readonly version?: string | undefined
  /** Handlers that are registered before the client connects: see {@link Service.on}. */
  readonly handlers?: Handlers | undefined
  /**
   * Returns the script of a turn when none is enqueued. `(text) => text` is an echo. Default: a fixed greeting.
   */
  readonly reply?: ((text: string, request: Request<"turn/start">) => TurnScript) | undefined
  /** Ids of stored threads. A client can resume, read and list them. Default: none. */
  readonly threads?: ReadonlyArray<string> | undefined
}

const names: Names<Options> = { handlers: true, reply: true, threads: true, version: true }

/** The service. Operations that write to the client wait until one is connected. */
export interface Service {
  /** Registers a handler for a method. It replaces the server's default behavior. Any string is a valid method. */
  readonly on: <M extends string>(method: M, handler: Handler<M>) => Effect.Effect<void>
  /** Appends scripts. Each started turn takes the next one. */
  readonly enqueue: (...scripts: ReadonlyArray<TurnScript>) => Effect.Effect<void>

  /** Every message that the client has sent, over all connections. */
  readonly received: Effect.Effect<ReadonlyArray<Raw>>
  /** Forgets the messages received so far. Use it in tests so long that the messages would fill the memory. */
  readonly clear: Effect.Effect<void>
  /** Waits for the first message, past or future, that satisfies the predicate. */
  readonly awaitMessage: (holds: (message: Raw) => boolean) => Effect.Effect<Raw>
  /** The requests that the client has sent, without notifications and responses. */
  readonly requests: Effect.Effect<ReadonlyArray<Request>>
  /** Waits for the request with that method and index. The index counts from 0. Default: 0. */
  readonly awaitRequest: <M extends string>(method: M, index?: number) => Effect.Effect<Request<M>>
  /** The number of connections so far. */
  readonly connections: Effect.Effect<number>

  /** Sends a notification. */
  readonly notify: <M extends string>(method: M, params: NotificationParams<M> | Verbatim) => Effect.Effect<void>
  /** Sends notifications in one chunk, as a pipe delivers them under load. */
  readonly notifyAll: (notifications: ReadonlyArray<Fixture.Notification>) => Effect.Effect<void>
  /**
   * Sends a request to the client and waits for its response. Interruption withdraws the request: the server sends
   * `serverRequest/resolved`. Without an `id`, requests are numbered from 0.
   *
   * Fails with `RpcError` if the client responds with an error, and with `CodexConnectionError` if the connection is lost
   * first.
   */
  readonly ask: <M extends string>(
    method: M,
    params: QuestionParams<M> | Verbatim,
    options?: { readonly id?: string | number | undefined }
  ) => Effect.Effect<QuestionResponse<M>, RpcError | CodexConnectionError>
  /** Responds to a request directly. Use it for a handler that never ends, a duplicate response or an unknown id. */
  readonly respond: (id: string | number, result: unknown) => Effect.Effect<void>
  /** Responds to a request directly, with an error. */
  readonly refuse: (id: string | number, error: RpcError) => Effect.Effect<void>
  /** Writes text or bytes unchanged, in any chunks. A line break ends a message. */
  readonly write: (data: string | Uint8Array) => Effect.Effect<void>

  /** Ends the connection after everything written so far, like a dying process. Default error: killed by SIGKILL. */
  readonly crash: (error?: CodexConnectionError) => Effect.Effect<void>
  /** Serves one connection. {@link layer} passes it to `Transport.layerMemory`. */
  readonly serve: (connection: Transport.MemoryServer) => Effect.Effect<void>
}

/** The service tag of the in-memory app-server. */
export class FakeAppServer extends Context.Service<FakeAppServer, Service>()("@effect-codex/testing/FakeAppServer") {}

/** An open connection. */
interface Live {
  readonly number: number
  readonly wire: Transport.MemoryServer
  readonly scope: Scope.Scope
  readonly session: SmallCodex.Session
  /** The requests to the client that it has not answered. */
  readonly asked: Map<string | number, Deferred.Deferred<unknown, RpcError | CodexConnectionError>>
}

const killed = () =>
  new CodexConnectionError({ reason: { _tag: "Exited", exitCode: null, signal: "SIGKILL", stderr: "" } })

const methodNotFound = (method: string): RpcError =>
  new RpcError({
    code: -32600,
    message:
      `Invalid request: unknown variant \`${method}\`. To answer it, register a handler: server.on("${method}", ...)`
  })

const unwrapped = (value: unknown): unknown => value instanceof Verbatim ? value.value : value

const errorFields = ({ code, data, message }: RpcError) => ({
  code,
  message,
  ...(data === undefined ? {} : { data })
})

/** Creates a server that accepts connections: see {@link Service.serve}. Fails with `InvalidInputError` for an unknown option. */
export const make = (options: Options = {}): Effect.Effect<Service, InvalidInputError> =>
  Effect.map(checkNames(options, names), () => {
    const received = new History<Raw>()
    const requests = new History<Request>()
    const handlers = new Map<string, Handler>(Object.entries(options.handlers ?? {}) as Array<[string, Handler]>)
    const codex = SmallCodex.make(options)
    let current: Live | undefined
    let live = Deferred.makeUnsafe<Live>()
    let connections = 0
    let questions = 0

    const connected = Effect.suspend(() => Deferred.await(live))
    const write = (data: string | Uint8Array) => Effect.flatMap(connected, ({ wire }) => wire.write(data))
    const send = (message: object) => write(Fixture.line(message))

    /** From now on this connection is not there. */
    const forget = (gone: Live) => {
      if (current === gone) {
        current = undefined
        live = Deferred.makeUnsafe()
      }
      for (const answer of gone.asked.values()) {
        Deferred.doneUnsafe(answer, Exit.fail(new CodexConnectionError({ reason: { _tag: "Disconnected" } })))
      }
      gone.asked.clear()
    }

    /** A request, and the Effects to run once it is answered. */
    const requestOf = ({ number, session }: Live, id: string | number, method: string, message: Raw) => {
      const followUp: Array<Effect.Effect<void>> = []
      const request: Request = {
        id,
        method,
        params: message["params"],
        message,
        connection: number,
        byDefault: Effect.suspend(() => codex.answer(session, request, followUp) ?? Effect.fail(methodNotFound(method)))
      }
      return { request, followUp }
    }

    const answer = Effect.fnUntraced(function*(wire: Transport.MemoryServer, request: Request) {
      const { id, method, params } = request
      const handler = handlers.get(method)
      const exit = yield* Effect.exit(Effect.suspend(() => {
        const answer = handler === undefined ? request.byDefault : handler(params, request)
        return Effect.isEffect(answer) ? answer as Effect.Effect<unknown, RpcError> : Effect.succeed(answer)
      }))
      if (Exit.isSuccess(exit)) return yield* wire.write(Fixture.line({ id, result: unwrapped(exit.value) }))
      const error = Option.getOrElse(
        Cause.findErrorOption(exit.cause),
        () => new RpcError({ code: -32603, message: `The handler died: ${Cause.pretty(exit.cause)}` })
      )
      yield* wire.write(Fixture.line({ id, error: errorFields(error) }))
    })

    const onRequest = Effect.fnUntraced(function*(connection: Live, id: string | number, method: string, message: Raw) {
      const { followUp, request } = requestOf(connection, id, method, message)
      requests.add(request)
      yield* Effect.andThen(
        answer(connection.wire, request),
        Effect.suspend(() => Effect.all(followUp, { discard: true }))
      ).pipe(Effect.forkIn(connection.scope, { startImmediately: true }))
      // The handler has the request before `awaitRequest` returns it.
      requests.tell()
    })

    const onAnswer = (connection: Live, id: string | number, message: Raw) => {
      const answer = connection.asked.get(id)
      if (answer === undefined) return
      connection.asked.delete(id)
      const error = message["error"]
      Deferred.doneUnsafe(
        answer,
        Predicate.isObject(error)
          ? Exit.fail(
            new RpcError({
              code: Number(error["code"]),
              message: String(error["message"]),
              ...(error["data"] === undefined ? {} : { data: error["data"] })
            })
          )
          : Exit.succeed(message["result"])
      )
    }

    const onMessage = Effect.fnUntraced(function*(connection: Live, text: string) {
      const message: unknown = JSON.parse(text)
      if (!Predicate.isObject(message)) {
        return yield* Effect.die(new Error("The client sent a message that is not a JSON object."))
      }
      received.add(message)
      const { id, method } = message
      if (typeof id === "number" || typeof id === "string") {
        if (typeof method === "string") yield* onRequest(connection, id, method, message)
        else onAnswer(connection, id, message)
      }
      received.tell()
    })

    const serve = (wire: Transport.MemoryServer): Effect.Effect<void> =>
      Effect.scoped(Effect.gen(function*() {
        const scope = yield* Effect.scope
        const connection: Live = {
          number: ++connections,
          wire,
          scope,
          session: codex.connect((event) => wire.write(Fixture.line(event)), scope),
          asked: new Map()
        }
        yield* Effect.addFinalizer(() => Effect.sync(() => forget(connection)))
        current = connection
        Deferred.doneUnsafe(live, Exit.succeed(connection))
        yield* Stream.runForEach(wire.messages, (text) => onMessage(connection, text))
      }))

    const ask: Service["ask"] = (method, params, options) =>
      Effect.flatMap(connected, ({ asked, wire }) => {
        const id = options?.id ?? questions++
        const answer = Deferred.makeUnsafe<unknown, RpcError | CodexConnectionError>()
        const sent = unwrapped(params)
        asked.set(id, answer)
        return wire.write(Fixture.line({ id, method, params: sent })).pipe(
          Effect.andThen(Deferred.await(answer)),
          Effect.onInterrupt(() => {
            asked.delete(id)
            const threadId = Predicate.isObject(sent) ? sent["threadId"] : undefined
            return wire.write(
              Fixture.line({ method: "serverRequest/resolved", params: { threadId: threadId ?? "", requestId: id } })
            )
          }),
          // The client's response is not validated.
          Effect.map((result) => result as QuestionResponse<typeof method>)
        )
      })

    return FakeAppServer.of({
      on: (method, handler) => Effect.sync(() => void handlers.set(method, handler as unknown as Handler)),
      enqueue: (...scripts) => Effect.sync(() => void codex.scripts.push(...scripts)),
      received: Effect.sync(() => received.items.slice()),
      clear: Effect.sync(() => {
        received.clear()
        requests.clear()
      }),
      awaitMessage: (holds) => received.find((messages) => messages.find(holds)),
      requests: Effect.sync(() => requests.items.slice()),
      awaitRequest: <M extends string>(method: M, index = 0) =>
        // The filter below proves the type.
        requests.find((requests) =>
          requests.filter((request) => request.method === method)[index] as
            | Request<M>
            | undefined
        ),
      connections: Effect.sync(() => connections),
      notify: (method, params) => send({ method, params: unwrapped(params) }),
      notifyAll: (notifications) => write(notifications.map(Fixture.line).join("")),
      ask,
      respond: (id, result) => send({ id, result }),
      refuse: (id, error) => send({ id, error: errorFields(error) }),
      write,
      crash: (error = killed()) =>
        Effect.flatMap(connected, (connection) => {
          forget(connection)
          return connection.wire.close(error)
        }),
      serve
    })
  })

/**
 * A Layer of the server and of a Transport that connects to it. {@link layerCodex} adds Codex.
 */
export const layer = (options?: Options): Layer.Layer<FakeAppServer | Transport.Transport, InvalidInputError> =>
  Layer.unwrap(Effect.map(FakeAppServer, (server) => Transport.layerMemory(server.serve))).pipe(
    Layer.provideMerge(Layer.effect(FakeAppServer, make(options)))
  )

/**
 * A Layer of Codex on an in-memory server. The options are those of the server; `client` holds those of the client.
 *
 * ```ts
 * FakeAppServer.layerCodex({ reply: (text) => `You said: ${text}`, client: { requestTimeout: "5 seconds" } })
 * ```
 */
export const layerCodex = <R = never>(
  { client, ...options }: Options & { readonly client?: ClientOptions<R> | undefined } = {}
): Layer.Layer<
  Codex.Services | FakeAppServer | Transport.Transport,
  ConnectError,
  R
> => Codex.layerTransport(client).pipe(Layer.provideMerge(layer(options)))
