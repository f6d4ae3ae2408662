/**
 * Codex: the service that a program starts from.
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
 *   const result = yield* thread.run("Say hello in one sentence.")
 *   yield* Console.log(result.finalResponse)
 * }).pipe(Effect.provide(Codex.layer()))
 * ```
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as CodexClient from "./CodexClient.ts"
import * as Login from "./Login.ts"
import { declineAll } from "./model/ApprovalHandlers.ts"
import type { ClientOptions } from "./model/ClientOptions.ts"
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
import * as ServerRequests from "./model/ServerRequests.ts"
import * as Settings from "./model/Settings.ts"
import { prepare as prepareTools } from "./model/Toolkits.ts"
import type { Transport } from "./model/Transport.ts"
import * as Options from "./Options.ts"
import * as OptionsInForce from "./OptionsInForce.ts"
import * as Thread from "./Thread.ts"
import type * as Tools from "./Tools.ts"
import type { FixedOptions } from "./wire/Family.ts"
import * as Router from "./wire/Router.ts"

/**
 * Threads, models and accounts of one app-server.
 *
 * @category services
 */
export class Codex extends Context.Service<Codex, {
  /** What the server said of itself in the handshake; after a restart, in the last one. */
  readonly metadata: CodexClient.Metadata
  /** Starts a thread (`thread/start`). It requires what the handlers in `serverRequests` and the `tools` do. */
  readonly threadStart: <R = never, T extends Tools.ByName = {}, RT = never>(
    options?: Options.ThreadStartOptions<R, T, RT>
  ) => Effect.Effect<Thread.Thread, ThreadError, R | RT | Tools.Services<T>>
  /**
   * Loads a stored thread (`thread/resume`). Fails with reason `ThreadNotFound` if it never had a turn. If the server has
   * the thread loaded already, options that differ are brought into force for its next turn (`thread/settings/update`);
   * fails with `OptionsNotInForceError` if one of them can't be, such as `config`.
   */
  readonly threadResume: <R = never, T extends Tools.ByName = {}, RT = never>(
    threadId: string,
    options?: Options.ThreadResumeOptions<R, T, RT>
  ) => Effect.Effect<Thread.Thread, OpenThreadError, R | RT | Tools.Services<T>>
  /**
   * Starts a thread with the history of another (`thread/fork`), which stays as it is. Handlers and limits of the other
   * thread hold for the fork too, where the options do not bring their own. Fails with `OptionsNotInForceError` if the
   * server does not take an option.
   */
  readonly threadFork: <R = never, T extends Tools.ByName = {}, RT = never>(
    threadId: string,
    options?: Options.ThreadForkOptions<R, T, RT>
  ) => Effect.Effect<Thread.Thread, OpenThreadError, R | RT | Tools.Services<T>>
  /**
   * Every stored thread that passes the filter (`thread/list`), page after page, read as the stream is pulled. Servers
   * before 0.169 page by whole seconds: threads made within one second may be missing after a page's end.
   */
  readonly threadList: (
    filter?: Omit<Protocol.ThreadListParams, "cursor">
  ) => Stream.Stream<Protocol.Thread, ThreadError>
  /** One page of `thread/list`: `data`, and `nextCursor` for the next one. */
  readonly threadListPage: (
    filter?: Protocol.ThreadListParams
  ) => Effect.Effect<Protocol.ThreadListResponse, ThreadError>
  /** A thread as the server has it (`thread/read`); with its turns and their items if `includeTurns`. */
  readonly threadRead: (
    threadId: string,
    options?: { readonly includeTurns?: boolean | undefined }
  ) => Effect.Effect<Protocol.Thread, ThreadError>
  /** Archives a thread (`thread/archive`). A running turn is interrupted. */
  readonly threadArchive: (threadId: string) => Effect.Effect<void, RequestError>
  /** Brings an archived thread back (`thread/unarchive`). It is not loaded: resume it before its next turn. */
  readonly threadUnarchive: (threadId: string) => Effect.Effect<Protocol.Thread, RequestError>
  /** Deletes a thread for good (`thread/delete`). */
  readonly threadDelete: (threadId: string) => Effect.Effect<void, RequestError>
  /** The handle of a thread that is loaded already, without a request. */
  readonly thread: (threadId: string) => Thread.Thread
  /** Every model that can be used (`model/list`), page after page. */
  readonly models: (options?: Omit<Protocol.ModelListParams, "cursor">) => Stream.Stream<Protocol.Model, RequestError>
  /**
   * The account in use (`account/read`): `account` is null when nobody is logged in, or the model provider needs no
   * OpenAI account. `refreshToken` renews the token of a ChatGPT login first.
   */
  readonly account: (
    options?: { readonly refreshToken?: boolean | undefined }
  ) => Effect.Effect<Protocol.GetAccountResponse, RequestError>
  /** Logs in with an API key (`account/login/start`). It is stored in CODEX_HOME, and never shows in an error, log or span. */
  readonly loginApiKey: (apiKey: Redacted.Redacted<string>) => Effect.Effect<void, RequestError>
  /**
   * Starts a login with ChatGPT in the browser (`account/login/start`): show the person its `authUrl`, and `wait`.
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
  /** Starts a login with ChatGPT on another device (`account/login/start`): show the person `verificationUrl` and `userCode`. */
  readonly loginChatgptDeviceCode: Effect.Effect<Login.DeviceCodeLogin, RequestError>
  /** Logs out, and forgets the key or token (`account/logout`). */
  readonly logout: Effect.Effect<void, RequestError>
  /** Every notification that belongs to no turn, from the moment the stream is run. */
  readonly notifications: Stream.Stream<Notification.Notification, CodexConnectionError>
  /** The client below, for the rest of the protocol's methods. */
  readonly client: CodexClient.CodexClient["Service"]
}>()("effect-codex/Codex") {}

/**
 * What the Layers give: the service to start from, and what is below it.
 *
 * @category services
 */
export type Services = Codex | CodexClient.CodexClient | Router.Router

/** Every entry of a list that comes in pages. */
const pages = <A, E, P extends { readonly data: ReadonlyArray<A>; readonly nextCursor?: string | null }>(
  page: (cursor: string | undefined) => Effect.Effect<P, E>
): Stream.Stream<A, E> =>
  Stream.paginate(
    undefined as string | undefined,
    (cursor) => Effect.map(page(cursor), ({ data, nextCursor }) => [data, Option.fromNullishOr(nextCursor)] as const)
  )

const notRedacted = new InvalidInputError({
  field: "apiKey",
  detail: "it is not redacted; pass Redacted.make(key), so that it never appears in an error, log or span"
})

/**
 * Codex, on a client that is there.
 *
 * @category constructors
 */
export const make: Effect.Effect<Codex["Service"], never, CodexClient.CodexClient | Router.Router> = Effect.gen(
  function*() {
    const client = yield* CodexClient.CodexClient
    const router = yield* Router.Router
    const thread = (threadId: string) => Thread.make({ client, router }, threadId)

    /** Who answers what the server asks on a thread, and the tools that the server is told of. */
    const prepare = Effect.fnUntraced(function*<R, T extends Tools.ByName, RT>(
      { serverRequests, tools }: Options.ThreadOptions<R, T, RT>
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

    /** The handle of a thread that the server has just loaded, or had loaded with other options. */
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
      if (openedWith !== undefined) {
        const { baseInstructions, config, developerInstructions } = openedWith
        member.openedWith = { baseInstructions, config, developerInstructions }
      }
      if (limits !== undefined) member.limits = limits
      if (handlers !== undefined) client.handle(thread.id, handlers)
      return Thread.make({ client, router }, thread.id, { model, provider: modelProvider })
    }

    /** Handles hold no turns: the response need not carry them. A long thread has megabytes of them. */
    const withoutTurns = () =>
      Options.isKnown("excludeTurns", client.metadata.serverVersion) ? { excludeTurns: true } : {}

    const threadListPage = (filter: Protocol.ThreadListParams = {}) =>
      Effect.suspend(() => Options.supported(filter, client.metadata.serverVersion)).pipe(
        Effect.flatMap((params) => client.request("thread/list", params))
      )

    return Codex.of({
      get metadata() {
        return client.metadata
      },
      threadStart: Effect.fnUntraced(function*(options = {}) {
        yield* Options.checkThread("threadStart", options, client.look)
        const params = yield* Options.threadParams(options, client.metadata.serverVersion)
        const { dynamicTools, handlers } = yield* prepare(options)
        const response = yield* client.request("thread/start", {
          ...params,
          ...(dynamicTools && { dynamicTools: [...options.dynamicTools ?? [], ...dynamicTools] })
        })
        return opened(response, { handlers, limits: options.limits, openedWith: params })
      }),
      threadResume: Effect.fnUntraced(function*(threadId, options = {}) {
        yield* Options.checkThread("threadResume", options, client.look)
        const params = yield* Options.threadParams(options, client.metadata.serverVersion)
        const { handlers } = yield* prepare(options)
        // A turn of it may be running, and ask at once.
        const takeBack = handlers === undefined ? undefined : client.handle(threadId, handlers)
        return yield* Effect.gen(function*() {
          const wasLoaded = yield* OptionsInForce.isLoaded(client, threadId, params)
          const response = yield* client.request("thread/resume", { ...withoutTurns(), ...params, threadId })
          const thread = opened(response, {
            handlers,
            limits: options.limits,
            openedWith: wasLoaded ? undefined : params
          })
          const member = router.family.ensure(threadId)
          const changes = yield* OptionsInForce.bring(client, params, response, {
            wasLoaded,
            opened: member.openedWith
          })
          member.settings = Settings.update(member.settings, changes)
          return thread
        }).pipe(Effect.onError(() => Effect.sync(() => takeBack?.())))
      }),
      threadFork: Effect.fnUntraced(function*(threadId, options = {}) {
        yield* Options.checkThread("threadFork", options, client.look)
        const params = yield* Options.threadParams(options, client.metadata.serverVersion)
        const { handlers } = yield* prepare(options)
        const response = yield* client.request("thread/fork", { ...withoutTurns(), ...params, threadId })
        const fork = opened(response, { handlers, limits: options.limits, openedWith: params })
        const member = router.family.ensure(fork.id)
        router.family.fork(member, threadId)
        const changes = yield* OptionsInForce.bring(client, params, response, {
          wasLoaded: false,
          inherited: router.family.get(threadId)?.settings
        })
        member.settings = Settings.update(member.settings, changes)
        return fork
      }),
      threadList: (filter) => pages((cursor) => threadListPage({ ...filter, cursor })),
      threadListPage,
      threadRead: (threadId, options) => thread(threadId).read(options),
      threadArchive: (threadId) => Effect.asVoid(client.request("thread/archive", { threadId })),
      threadUnarchive: (threadId) =>
        Effect.map(client.request("thread/unarchive", { threadId }), ({ thread }) => thread),
      threadDelete: (threadId) => Effect.asVoid(client.request("thread/delete", { threadId })),
      thread,
      models: (options) => pages((cursor) => client.request("model/list", { ...options, cursor })),
      account: (options = {}) => client.request("account/read", options),
      loginApiKey: (apiKey) =>
        Effect.suspend(() => {
          if (!Redacted.isRedacted(apiKey)) return Effect.fail(notRedacted)
          const key = Redacted.value(apiKey)
          router.errors.keepSecret(key)
          return Effect.asVoid(client.request("account/login/start", { type: "apiKey", apiKey: key }))
        }),
      loginChatgpt: Login.chatgpt({ client, router }),
      loginChatgptDeviceCode: Login.chatgptDeviceCode({ client, router }),
      logout: Effect.asVoid(client.request("account/logout")),
      notifications: router.globals,
      client
    })
  }
)

/**
 * Codex over any Transport.
 *
 * @category layers
 */
export const layerTransport = <R = never>(
  options: ClientOptions<R> = {}
): Layer.Layer<Services, ConnectError, Transport | R> =>
  Layer.effect(Codex, make).pipe(Layer.provideMerge(CodexClient.layerTransport(options)))

/**
 * The options of {@link layer}: those of a client, and of the process that it starts. All may be left out.
 *
 * @category models
 */
export interface LayerOptions<out R = never> extends CodexClient.LayerOptions<R> {}

/**
 * Codex on an app-server of its own, started with the Layer and ended with it.
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
  Layer.effect(Codex, make).pipe(Layer.provideMerge(CodexClient.layer(options)))
