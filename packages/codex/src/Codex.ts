/**
 * The service to start from: threads, models and accounts of one app-server.
 *
 * @example
 * ```ts
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 * import { Codex } from "effect-codex"
 *
 * const program = Effect.gen(function*() {
 *   const codex = yield* Codex.Codex
 *   const thread = yield* codex.threadStart()
 *   const result = yield* thread.run("What does this project do?")
 *   yield* Console.log(result.finalResponse)
 * }).pipe(Effect.provide(Codex.layer()))
 * ```
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { refuseAwait } from "./base/refuseAwait.ts"
import * as Account from "./capabilities/Account.ts"
import * as Models from "./capabilities/Models.ts"
import * as OpenThreads from "./capabilities/OpenThreads.ts"
import * as StoredThreads from "./capabilities/StoredThreads.ts"
import * as WatchThread from "./capabilities/WatchThread.ts"
import * as StopShared from "./client/stopShared.ts"
import * as Transports from "./client/transports.ts"
import * as CodexClient from "./CodexClient.ts"
import * as Hooks from "./Hooks.ts"
import * as Login from "./Login.ts"
import * as Mcp from "./Mcp.ts"
import type { TransportOptions } from "./model/connection/RemoteOptions.ts"
import type { Transport } from "./model/connection/Transport.ts"
import {
  type CodexConnectionError,
  type ConnectError,
  type OpenThreadError,
  type RequestError,
  type ThreadError
} from "./model/errors/CodexError.ts"
import type * as Notification from "./model/turns/Notification.ts"
import type * as SharedOptions from "./node/SharedOptions.ts"
import type * as Options from "./Options.ts"
import * as RateLimits from "./RateLimits.ts"
import type * as Router from "./Router.ts"
import * as Search from "./Search.ts"
import * as Skills from "./Skills.ts"
import * as Thread from "./Thread.ts"
import type * as Tools from "./Tools.ts"
import { Client } from "./wire/Client.ts"
import * as Wire from "./wire/Router.ts"

/**
 * Threads, models and accounts of one app-server.
 *
 * @category services
 */
export class Codex extends Context.Service<Codex, {
  /** The server's response to the handshake; after a restart, to the last one. */
  readonly metadata: CodexClient.Metadata
  /**
   * Starts a thread (`thread/start`), and returns its handle. Requires the services of the handlers in `serverRequests` and of
   * the `tools`.
   */
  readonly threadStart: <R = never, T extends Tools.ByName = {}, RT = never>(
    options?: Options.ThreadStartOptions<R, T, RT>
  ) => Effect.Effect<Thread.Thread, ThreadError, R | RT | Tools.Services<T>>
  /**
   * Loads a stored thread (`thread/resume`), and returns its handle. Fails with reason `ThreadNotFound` if the thread never had
   * a turn. If the server has the thread loaded already, options that differ are brought into force for its next turn
   * (`thread/settings/update`); the call fails with `OptionsNotInForceError` if that is not possible, as for `config`.
   */
  readonly threadResume: <R = never, T extends Tools.ByName = {}, RT = never>(
    threadId: string,
    options?: Options.ThreadResumeOptions<R, T, RT>
  ) => Effect.Effect<Thread.Thread, OpenThreadError, R | RT | Tools.Services<T>>
  /**
   * Starts a thread with the history of another one (`thread/fork`), and returns its handle. The other thread stays unchanged.
   * Its handlers, limits and `config` also apply to the fork, unless the options have their own. Fails with
   * `OptionsNotInForceError` if the server does not accept an option.
   */
  readonly threadFork: <R = never, T extends Tools.ByName = {}, RT = never>(
    threadId: string,
    options?: Options.ThreadForkOptions<R, T, RT>
  ) => Effect.Effect<Thread.Thread, OpenThreadError, R | RT | Tools.Services<T>>
  /**
   * Emits every stored thread that passes the filter (`thread/list`), and reads pages as they are needed. Servers before 0.169
   * page by whole seconds, so threads created in the same second may be missing after the end of a page.
   */
  readonly threadList: (
    filter?: Omit<Protocol.ThreadListParams, "cursor">
  ) => Stream.Stream<Protocol.Thread, ThreadError>
  /** Returns one page of stored threads (`thread/list`): `data`, and `nextCursor` for the next page. */
  readonly threadListPage: (
    filter?: Protocol.ThreadListParams
  ) => Effect.Effect<Protocol.ThreadListResponse, ThreadError>
  /** Reads a thread from the server (`thread/read`). With `includeTurns`, the result has its turns and their items. */
  readonly threadRead: (
    threadId: string,
    options?: { readonly includeTurns?: boolean | undefined }
  ) => Effect.Effect<Protocol.Thread, ThreadError>
  /**
   * Watches a thread that the server has loaded, such as one of another client: its notifications from now on, and the thread with its
   * turns so far. Watching answers no requests, and changes nothing. Fails with `InvalidInputError` if the thread is not loaded,
   * because resuming it would load it. The scope ends it. Before the first turn of another client's thread, the server passes on no
   * events; watching then begins in the middle of that turn.
   *
   * @example
   * ```ts
   * import * as Console from "effect/Console"
   * import * as Effect from "effect/Effect"
   * import * as Stream from "effect/Stream"
   * import { Codex } from "effect-codex"
   *
   * const watch = (threadId: string) =>
   *   Effect.gen(function*() {
   *     const codex = yield* Codex.Codex
   *     const { notifications, thread } = yield* codex.threadWatch(threadId)
   *     yield* Console.log(`${thread.turns.length} turns so far`)
   *     yield* Stream.runForEach(notifications, ({ method }) => Console.log(method))
   *   }).pipe(Effect.scoped)
   * ```
   */
  readonly threadWatch: (threadId: string) => Effect.Effect<WatchThread.WatchedThread, RequestError, Scope.Scope>
  /** Archives a thread (`thread/archive`), and interrupts its running turn. */
  readonly threadArchive: (threadId: string) => Effect.Effect<void, RequestError>
  /** Restores an archived thread (`thread/unarchive`) without loading it: resume it before its next turn. */
  readonly threadUnarchive: (threadId: string) => Effect.Effect<Protocol.Thread, RequestError>
  /** Deletes a thread permanently (`thread/delete`). */
  readonly threadDelete: (threadId: string) => Effect.Effect<void, RequestError>
  /** Returns a handle of a thread that the server has loaded already. Sends no request. */
  readonly thread: (threadId: string) => Thread.Thread
  /** Emits every available model (`model/list`), and reads pages as they are needed. */
  readonly models: (options?: Omit<Protocol.ModelListParams, "cursor">) => Stream.Stream<Protocol.Model, RequestError>
  /**
   * Returns the account in use (`account/read`). `account` is null without a login, and for model providers that need no OpenAI
   * account. `refreshToken` first renews the token of a ChatGPT login.
   */
  readonly account: (
    options?: { readonly refreshToken?: boolean | undefined }
  ) => Effect.Effect<Protocol.GetAccountResponse, RequestError>
  /**
   * Returns whether turns can run as far as the login is concerned (`account/read`): an account is in use, or the configured model
   * provider needs none.
   *
   * @example
   * ```ts
   * import * as Effect from "effect/Effect"
   * import { Codex } from "effect-codex"
   *
   * const check = Effect.gen(function*() {
   *   const codex = yield* Codex.Codex
   *   if (!(yield* codex.isLoggedIn)) return yield* Effect.fail("Run `npx codex login` first.")
   * })
   * ```
   */
  readonly isLoggedIn: Effect.Effect<boolean, RequestError>
  /** Logs in with an API key (`account/login/start`). The server stores it in CODEX_HOME. It never appears in an error, log or span. */
  readonly loginApiKey: (apiKey: Redacted.Redacted<string>) => Effect.Effect<void, RequestError>
  /**
   * Starts a login with ChatGPT in the browser (`account/login/start`). Show its `authUrl` to the person, then `wait`.
   *
   * @example
   * ```ts
   * import * as Console from "effect/Console"
   * import * as Effect from "effect/Effect"
   * import { Codex } from "effect-codex"
   *
   * const login = Effect.gen(function*() {
   *   const codex = yield* Codex.Codex
   *   const attempt = yield* codex.loginChatgpt
   *   yield* Console.log(`Please log in: ${attempt.authUrl}`)
   *   const { error, success } = yield* attempt.wait.pipe(Effect.onInterrupt(() => Effect.ignore(attempt.cancel)))
   *   return success ? "welcome" : `not logged in: ${error}`
   * })
   * ```
   */
  readonly loginChatgpt: Effect.Effect<Login.ChatgptLogin, RequestError>
  /** Starts a login with ChatGPT on another device (`account/login/start`). Show its `verificationUrl` and `userCode`, then `wait`. */
  readonly loginChatgptDeviceCode: Effect.Effect<Login.DeviceCodeLogin, RequestError>
  /** Logs out, and deletes the stored key or token (`account/logout`). */
  readonly logout: Effect.Effect<void, RequestError>
  /** Searches of files by parts of their names, and of stored threads by their text. */
  readonly search: Search.Search
  /** Every notification that belongs to no turn, from the moment the stream is run. */
  readonly notifications: Stream.Stream<Notification.Notification, CodexConnectionError>
  /** Usage limits of the account. */
  readonly rateLimits: RateLimits.RateLimits
  /** MCP servers: their state, logins, resources and tools. */
  readonly mcp: Mcp.Mcp
  /** Skills that the server finds. */
  readonly skills: Skills.Skills
  /** Hooks of the user's configuration, and their runs. */
  readonly hooks: Hooks.Hooks
  /**
   * The state of the connection, and each later one: `Connected`, `Lost` and `Reconnecting`, with their reasons. Ends when no other
   * connection follows.
   *
   * @example
   * ```ts
   * import * as Console from "effect/Console"
   * import * as Effect from "effect/Effect"
   * import * as Stream from "effect/Stream"
   * import { Codex } from "effect-codex"
   *
   * const log = Effect.gen(function*() {
   *   const codex = yield* Codex.Codex
   *   yield* Stream.runForEach(codex.connection, (state) => Console.log(state._tag))
   * })
   * ```
   */
  readonly connection: Stream.Stream<CodexClient.ConnectionState>
  /** The client on which this service is built, for the other methods of the protocol. */
  readonly client: CodexClient.CodexClient["Service"]
}>()("effect-codex/Codex") {}

/**
 * The services that the Layers provide: the one to start from, and those on which it is built.
 *
 * @category services
 */
export type Services = Codex | CodexClient.CodexClient | Router.Router

export type { WatchedThread } from "./capabilities/WatchThread.ts"

/** @internal The service on a client. */
export const make: Effect.Effect<Codex["Service"], never, CodexClient.CodexClient | Client | Wire.Router> = Effect.gen(
  function*() {
    const client = yield* Client
    const router = yield* Wire.Router
    const codexClient = yield* CodexClient.CodexClient
    const services = { client, router }
    const thread = (threadId: string) => Thread.make(services, threadId)

    const opens = OpenThreads.make(services)
    const handle = <E, R>(opening: Effect.Effect<OpenThreads.Opened, E, R>) =>
      Effect.map(opening, ({ agent, id }) => Thread.make(services, id, agent))

    return Codex.of({
      get metadata() {
        return client.metadata
      },
      threadStart: (options) => refuseAwait("codex.threadStart", handle(opens.start(options))),
      threadResume: (threadId, options) => refuseAwait("codex.threadResume", handle(opens.resume(threadId, options))),
      threadFork: (threadId, options) => refuseAwait("codex.threadFork", handle(opens.fork(threadId, options))),
      ...StoredThreads.make(services),
      threadRead: (threadId, options) => thread(threadId).read(options),
      threadWatch: WatchThread.make(services),
      thread,
      ...Models.make(services),
      ...Account.make(services),
      loginChatgpt: Login.chatgpt(services),
      loginChatgptDeviceCode: Login.chatgptDeviceCode(services),
      search: Search.make(services),
      notifications: router.globals,
      rateLimits: RateLimits.make(services),
      mcp: Mcp.make(services),
      skills: Skills.make(services),
      hooks: Hooks.make(services),
      connection: codexClient.connection,
      client: codexClient
    })
  }
)

/** Builds the services over any Transport. */
const build = <R>(options: TransportOptions<R>): Layer.Layer<Services, ConnectError, Transport | R> =>
  Layer.effect(Codex, make).pipe(Layer.provideMerge(CodexClient.wireTransport(options)))

/**
 * Codex over any Transport.
 *
 * @category layers
 */
export const layerTransport = <R = never>(
  options: TransportOptions<R> = {}
): Layer.Layer<Services, ConnectError, Transport | R> => build(options)

/**
 * Options of {@link layer}: those of the client, and of the process that it starts. All are optional.
 *
 * @category models
 */
export interface LayerOptions<out R = never> extends CodexClient.LayerOptions<R> {}

/**
 * Codex with an app-server of its own. Building the Layer starts `codex app-server` and performs the handshake. Closing it ends the
 * process.
 *
 * @example
 * ```ts
 * import * as ManagedRuntime from "effect/ManagedRuntime"
 * import { Codex } from "effect-codex"
 *
 * const runtime = ManagedRuntime.make(Codex.layer({ codexHome: "/var/lib/my-agent" }))
 * ```
 *
 * @category layers
 */
export const layer = <R = never>(
  options: LayerOptions<R> = {}
): Layer.Layer<Services, ConnectError, R> => Transports.childProcess(options, build)

/**
 * Codex on a running app-server (`codex app-server --listen ws://...`), over a WebSocket.
 *
 * Closing the Layer leaves the server running. It interrupts the turns of this client unless `detach` is set.
 *
 * @example
 * ```ts
 * import * as Redacted from "effect/Redacted"
 * import { Codex } from "effect-codex"
 *
 * const layer = Codex.layerWebSocket({ url: "wss://codex.example.com", token: Redacted.make(process.env.CODEX_TOKEN ?? "") })
 * ```
 *
 * @category layers
 */
export const layerWebSocket = <R = never>(
  options: CodexClient.WebSocketLayerOptions<R>
): Layer.Layer<Services, ConnectError, R> => Transports.webSocket(options, build)

/**
 * Codex on a running app-server (`codex app-server --listen unix://PATH`), over its Unix socket.
 *
 * Closing the Layer leaves the server running. It interrupts the turns of this client unless `detach` is set.
 *
 * @category layers
 */
export const layerUnixSocket = <R = never>(
  options: CodexClient.UnixSocketLayerOptions<R>
): Layer.Layer<Services, ConnectError, R> => Transports.unixSocket(options, build)

/**
 * Codex on the shared app-server of this user: the one that runs for the same CODEX_HOME, version and options, or else a new one,
 * which outlives this program.
 *
 * Closing the Layer leaves the server running. It interrupts the turns of this client unless `detach` is set. {@link stopShared}
 * ends the server; it never ends by itself.
 *
 * @example
 * ```ts
 * import { Codex } from "effect-codex"
 *
 * const layer = Codex.layerShared({ config: { model: "gpt-5.5" } })
 * ```
 *
 * @category layers
 */
export const layerShared = <R = never>(
  options: CodexClient.SharedLayerOptions<R> = {}
): Layer.Layer<Services, ConnectError, R> => Transports.shared(options, build)

export type { Stopped } from "./node/SharedOptions.ts"

/**
 * Options of {@link stopShared}: those of the Layer, and how long to wait. All are optional.
 *
 * @category models
 */
export interface StopSharedOptions<out R = never>
  extends CodexClient.SharedLayerOptions<R>, SharedOptions.StopOptions
{}

/**
 * Stops the shared server that {@link layerShared} would join with the same options, and waits at most `timeout` until it has
 * ended. It accepts no more turns; those that run, also of other programs, end first. Clients that were connected do not start it
 * again; a new Layer does. Requires no services.
 *
 * Returns `Stopped` or, if turns are still running, `Draining`, each with the process id; `NotRunning` if there was no server.
 *
 * @example
 * ```ts
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 * import { Codex } from "effect-codex"
 *
 * const program = Effect.gen(function*() {
 *   const stopped = yield* Codex.stopShared({ timeout: "1 minute" })
 *   if (stopped._tag === "Draining") yield* Console.log(`process ${stopped.pid} still runs turns`)
 * })
 * ```
 *
 * @category shared server
 */
export const stopShared = <R = never>(
  options: StopSharedOptions<R> = {}
): Effect.Effect<SharedOptions.Stopped, ConnectError> =>
  StopShared.stopShared(options, (path) =>
    Effect.map(
      Layer.build(CodexClient.layerUnixSocket({ path, reconnect: false })),
      Context.get(CodexClient.CodexClient)
    ))
