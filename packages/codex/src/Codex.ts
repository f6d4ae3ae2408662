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
import { stopShared as stop } from "#process"
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { pick } from "./base/options.ts"
import { maxSecret } from "./base/secrets.ts"
import * as CodexClient from "./CodexClient.ts"
import * as Login from "./Login.ts"
import { declineAll } from "./model/ApprovalHandlers.ts"
import { check } from "./model/check.ts"
import {
  type CodexConnectionError,
  type ConnectError,
  InvalidInputError,
  type OpenThreadError,
  type RequestError,
  type ThreadError
} from "./model/CodexError.ts"
import type { Limits } from "./model/Limits.ts"
import type * as Notification from "./model/Notification.ts"
import * as RemoteOptions from "./model/RemoteOptions.ts"
import * as ServerRequests from "./model/ServerRequests.ts"
import * as Settings from "./model/Settings.ts"
import type { Transport } from "./model/Transport.ts"
import * as SharedOptions from "./node/SharedOptions.ts"
import type * as Options from "./Options.ts"
import * as optionChecks from "./options/checks.ts"
import * as Params from "./options/params.ts"
import { supported } from "./options/supported.ts"
import type { ThreadOptions } from "./options/ThreadOptions.ts"
import type * as Router from "./Router.ts"
import { untilIdle } from "./SharedServer.ts"
import * as Thread from "./Thread.ts"
import type * as Tools from "./Tools.ts"
import { prepare as prepareTools } from "./tools/Toolkits.ts"
import { Client } from "./wire/Client.ts"
import type { FixedOptions } from "./wire/Family.ts"
import * as OptionsInForce from "./wire/OptionsInForce.ts"
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
   * because resuming it would load it. The scope ends it.
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
  readonly threadWatch: (threadId: string) => Effect.Effect<WatchedThread, RequestError, Scope.Scope>
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
  /** Every notification that belongs to no turn, from the moment the stream is run. */
  readonly notifications: Stream.Stream<Notification.Notification, CodexConnectionError>
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

/**
 * A thread that is watched: see {@link Codex}.
 *
 * @category models
 */
export interface WatchedThread {
  /** The thread as it was when watching began, with its turns and their items. */
  readonly thread: Protocol.Thread
  /** Every notification of the thread since then. Run it once. Fails when the connection is lost for good. */
  readonly notifications: Stream.Stream<Notification.Notification, CodexConnectionError>
}

/** Emits every entry of a paged list. */
const pages = <A, E, P extends { readonly data: ReadonlyArray<A>; readonly nextCursor?: string | null }>(
  page: (cursor: string | undefined) => Effect.Effect<P, E>
): Stream.Stream<A, E> =>
  Stream.paginate(
    undefined as string | undefined,
    (cursor) => Effect.map(page(cursor), ({ data, nextCursor }) => [data, Option.fromNullishOr(nextCursor)] as const)
  )

const invalidKey = (detail: string) => Effect.fail(new InvalidInputError({ field: "apiKey", detail }))

/** @internal The service on a client. */
export const make: Effect.Effect<Codex["Service"], never, CodexClient.CodexClient | Client | Wire.Router> = Effect.gen(
  function*() {
    const client = yield* Client
    const router = yield* Wire.Router
    const codexClient = yield* CodexClient.CodexClient
    const thread = (threadId: string) => Thread.make({ client, router }, threadId)

    /** Prepares the handlers of a thread, and the declarations of its tools. */
    const prepare = Effect.fnUntraced(function*<R, T extends Tools.ByName, RT>(
      { serverRequests, tools }: ThreadOptions<R, T, RT>
    ) {
      if (tools === undefined) {
        return {
          dynamicTools: undefined,
          handlers: serverRequests && ServerRequests.provideContext(serverRequests, yield* Effect.context<R>())
        }
      }
      const { dynamicTools, handler } = yield* prepareTools(
        tools,
        serverRequests?.["item/tool/call"] ?? declineAll["item/tool/call"],
        client.metadata.serverVersion
      )
      const context = yield* Effect.context<R | Tools.Services<T>>()
      return {
        dynamicTools,
        handlers: ServerRequests.provideContext({ ...serverRequests, "item/tool/call": handler }, context)
      }
    })

    /** Registers a thread that the server has loaded, and returns its handle. */
    const opened = (
      response: Protocol.ThreadStartResponse | Protocol.ThreadResumeResponse | Protocol.ThreadForkResponse,
      { handlers, limits, openedWith }: {
        readonly handlers: ServerRequests.ServerRequestHandlers | undefined
        readonly limits: Limits | undefined
        readonly openedWith?: FixedOptions | undefined
      }
    ) => {
      const { model, modelProvider, thread } = response
      const member = router.family.open(thread)
      member.settings = Settings.update(member.settings, response)
      if (openedWith !== undefined) member.openedWith = openedWith
      if (limits !== undefined) member.limits = limits
      if (handlers !== undefined) client.handle(thread.id, handlers)
      return Thread.make({ client, router }, thread.id, { model, provider: modelProvider })
    }

    const withoutTurns = () => OptionsInForce.withoutTurns(client.metadata.serverVersion)

    /** A thread that this client has open. A restarted server does not know what holds on it. */
    const openedBefore = (threadId: string) => {
      const member = router.family.get(threadId)
      return member?.isOpened === true && !member.isClosed ? member : undefined
    }

    const threadListPage = (filter: Protocol.ThreadListParams = {}) =>
      check(filter, optionChecks.threadList).pipe(
        Effect.andThen(() => supported(filter, client.metadata.serverVersion)),
        Effect.flatMap((params) => client.request("thread/list", params))
      )

    return Codex.of({
      get metadata() {
        return client.metadata
      },
      threadStart: Effect.fnUntraced(function*(options = {}) {
        yield* Params.checkThread("threadStart", options, client.look)
        const cwd = options.cwd ?? client.directory
        const params = yield* Params.threadParams({ ...options, cwd }, client.metadata.serverVersion)
        const { dynamicTools, handlers } = yield* prepare(options)
        const response = yield* client.request("thread/start", {
          ...params,
          ...(dynamicTools && { dynamicTools: [...options.dynamicTools ?? [], ...dynamicTools] })
        })
        return opened(response, {
          handlers,
          limits: options.limits,
          openedWith: OptionsInForce.inherit({}, params)
        })
      }),
      threadResume: Effect.fnUntraced(function*(threadId, options = {}) {
        yield* Params.checkThread("threadResume", options, client.look)
        const params = yield* Params.threadParams(options, client.metadata.serverVersion)
        const { handlers } = yield* prepare(options)
        // A turn of it may be running, and ask at once.
        const takeBack = handlers === undefined ? undefined : client.handle(threadId, handlers)
        return yield* Effect.gen(function*() {
          const { openedWith: fixed = {}, settings: inherited } = openedBefore(threadId) ?? {}
          const wasLoaded = yield* OptionsInForce.isLoaded(client.request, threadId, params)
          const openedWith = OptionsInForce.inherit(fixed, params)
          const response = yield* client.request("thread/resume", {
            ...withoutTurns(),
            ...params,
            config: openedWith.config,
            threadId
          })
          const thread = opened(response, {
            handlers,
            limits: options.limits,
            openedWith: wasLoaded ? undefined : openedWith
          })
          const member = router.family.ensure(threadId)
          const changes = yield* OptionsInForce.bring(client.request, params, response, {
            wasLoaded,
            opened: fixed,
            inherited
          })
          member.settings = Settings.update(member.settings, changes)
          return thread
        }).pipe(Effect.onError(() => Effect.sync(() => takeBack?.())))
      }),
      threadFork: Effect.fnUntraced(function*(threadId, options = {}) {
        yield* Params.checkThread("threadFork", options, client.look)
        const params = yield* Params.threadParams(options, client.metadata.serverVersion)
        const { handlers } = yield* prepare(options)
        const openedWith = OptionsInForce.inherit(router.family.get(threadId)?.openedWith, params)
        const response = yield* client.request("thread/fork", {
          ...withoutTurns(),
          ...params,
          config: openedWith.config,
          threadId
        })
        const member = router.family.open(response.thread)
        router.family.fork(member, threadId)
        const fork = opened(response, { handlers, limits: options.limits, openedWith })
        const changes = yield* OptionsInForce.bring(client.request, params, response, {
          wasLoaded: false,
          inherited: router.family.get(threadId)?.settings
        })
        member.settings = Settings.update(member.settings, changes)
        return fork
      }),
      threadList: (filter) => pages((cursor) => threadListPage({ ...filter, cursor })),
      threadListPage,
      threadRead: (threadId, options) => thread(threadId).read(options),
      threadWatch: Effect.fnUntraced(function*(threadId) {
        const { thread: { status } } = yield* client.request("thread/read", { threadId })
        if (status.type === "notLoaded") {
          return yield* new InvalidInputError({
            field: "threadId",
            detail: `thread ${threadId} is not loaded, and watching does not load it; use threadResume`
          })
        }
        // The subscription is there before the first notification.
        const events = yield* router.subscribe(threadId)
        yield* Effect.acquireRelease(
          Effect.sync(() => router.watchThread(threadId)),
          (unwatch) =>
            Effect.suspend(() => {
              unwatch()
              // A thread of this client, or one that is watched elsewhere, is still needed.
              return router.family.get(threadId)?.isOpened === true || router.isWatched(threadId)
                ? Effect.void
                : Effect.ignore(client.request("thread/unsubscribe", { threadId }, { timeout: "3 seconds" }))
            })
        )
        const { thread } = yield* client.request("thread/resume", { threadId })
        return { thread, notifications: events }
      }),
      threadArchive: (threadId) => Effect.asVoid(client.request("thread/archive", { threadId })),
      threadUnarchive: (threadId) =>
        Effect.map(client.request("thread/unarchive", { threadId }), ({ thread }) => thread),
      threadDelete: (threadId) => Effect.asVoid(client.request("thread/delete", { threadId })),
      thread,
      models: (options = {}) =>
        pages((cursor) =>
          Effect.andThen(check(options, optionChecks.models), client.request("model/list", { ...options, cursor }))
        ),
      account: (options = {}) =>
        Effect.andThen(check(options, optionChecks.account), client.request("account/read", options)),
      loginApiKey: (apiKey) =>
        Effect.suspend(() => {
          if (!Redacted.isRedacted(apiKey)) {
            return invalidKey(
              "it is not redacted; pass Redacted.make(key), so that it never appears in an error, log or span"
            )
          }
          const key = Redacted.value(apiKey)
          if (typeof key !== "string" || key.trim() === "") return invalidKey("it is empty, or not a string")
          if (key.length > maxSecret) return invalidKey(`it has ${key.length} characters, and so is no API key`)
          router.errors.keepSecret(key)
          return Effect.asVoid(client.request("account/login/start", { type: "apiKey", apiKey: key }))
        }),
      loginChatgpt: Login.chatgpt({ client, router }),
      loginChatgptDeviceCode: Login.chatgptDeviceCode({ client, router }),
      logout: Effect.asVoid(client.request("account/logout")),
      notifications: router.globals,
      connection: codexClient.connection,
      client: codexClient
    })
  }
)

/**
 * Codex over any Transport.
 *
 * @category layers
 */
export const layerTransport = <R = never>(
  options: RemoteOptions.TransportOptions<R> = {}
): Layer.Layer<Services, ConnectError, Transport | R> =>
  Layer.effect(Codex, make).pipe(Layer.provideMerge(CodexClient.wireTransport(options)))

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
): Layer.Layer<Services, ConnectError, R> =>
  Layer.effect(Codex, make).pipe(Layer.provideMerge(CodexClient.wireProcess(options)))

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
): Layer.Layer<Services, ConnectError, R> =>
  Layer.effect(Codex, make).pipe(Layer.provideMerge(CodexClient.wireWebSocket(options)))

/**
 * Codex on a running app-server (`codex app-server --listen unix://PATH`), over its Unix socket.
 *
 * Closing the Layer leaves the server running. It interrupts the turns of this client unless `detach` is set.
 *
 * @category layers
 */
export const layerUnixSocket = <R = never>(
  options: CodexClient.UnixSocketLayerOptions<R>
): Layer.Layer<Services, ConnectError, R> =>
  Layer.effect(Codex, make).pipe(Layer.provideMerge(CodexClient.wireUnixSocket(options)))

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
): Layer.Layer<Services, ConnectError, R> =>
  Layer.effect(Codex, make).pipe(Layer.provideMerge(CodexClient.wireShared(options)))

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
  Effect.andThen(
    check(options, { ...RemoteOptions.checks, ...SharedOptions.stopChecks }),
    stop(pick(options, SharedOptions.stopChecks), untilIdle)
  )
