/**
 * The service of the Promise API: threads, models and accounts of one app-server.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as EffectCodex from "../Codex.ts"
import type * as CodexClient from "../CodexClient.ts"
import type * as Request from "../model/requests/Request.ts"
import type * as Notification from "../model/turns/Notification.ts"
import * as Hooks from "./Hooks.ts"
import * as Login from "./Login.ts"
import * as Mcp from "./Mcp.ts"
import {
  type ThreadForkOptions,
  type ThreadResumeOptions,
  type ThreadStartOptions,
  toThreadOptions
} from "./Options.ts"
import * as RateLimits from "./RateLimits.ts"
import { acquire, iterable, promise, type SignalOptions } from "./Runner.ts"
import * as Search from "./Search.ts"
import { type Handlers, toEffectHandlers } from "./ServerRequests.ts"
import * as Skills from "./Skills.ts"
import * as Thread from "./Thread.ts"

/** Options of every connection. */
interface OwnOptions {
  /** Handlers for the server's requests, as async functions, or a preset. Default: `"declineAll"`. */
  readonly serverRequests?: Handlers | undefined
}

/**
 * Options of `Codex.start`.
 *
 * @category models
 */
export interface StartOptions extends OwnOptions, Omit<CodexClient.LayerOptions, "serverRequests" | "restart"> {
  /**
   * Starts the app-server again after it has ended: `true` for up to five times, with growing pauses, or a Schedule. Default:
   * false.
   */
  readonly restart?: boolean | Schedule.Schedule<unknown, unknown> | undefined
  /**
   * Returns the Layer of the Effect API that connects with these options. `(options) => Recorder.layerCodex("run.jsonl", options)`
   * of `@effect-codex/recording` records the traffic, and `Replay.layerCodex` answers from a recording. `start` also rejects with
   * the errors of the Layer. Default: `Codex.layer`, which starts a process.
   */
  readonly layer?: ((options: EffectCodex.LayerOptions) => Layer.Layer<EffectCodex.Services, unknown>) | undefined
}

/** Options of a connection to a running server. */
type ConnectionOptions<O> = OwnOptions & Omit<O, "serverRequests" | "token">

/**
 * Options of `Codex.connect`: the `url` of a WebSocket or the `path` of a Unix socket, and those of the connection.
 *
 * @category models
 */
export type ConnectOptions =
  | ConnectionOptions<CodexClient.WebSocketLayerOptions> & {
    /** The token that the server asks for (`--ws-auth`). Browsers cannot send it. Default: none. */
    readonly token?: string | Redacted.Redacted<string> | undefined
  }
  | ConnectionOptions<CodexClient.UnixSocketLayerOptions>

/**
 * Options of `Codex.shared`: those of the shared server, and of the connection. All are optional.
 *
 * @category models
 */
export interface SharedOptions extends OwnOptions, Omit<CodexClient.SharedLayerOptions, "serverRequests"> {}

/**
 * Options of `Codex.stopShared`: those of `Codex.shared`, and how long to wait. All are optional.
 *
 * @category models
 */
export interface StopSharedOptions extends OwnOptions, Omit<EffectCodex.StopSharedOptions, "serverRequests"> {}

/**
 * Threads, models and accounts of one app-server.
 *
 * @category models
 */
export interface Codex extends AsyncDisposable {
  /** The server's response to the handshake; after a restart, to the last one. */
  readonly metadata: CodexClient.Metadata
  /** Starts a thread (`thread/start`), and returns its handle. */
  readonly threadStart: (options?: ThreadStartOptions) => Promise<Thread.Thread>
  /** Loads a stored thread (`thread/resume`), and returns its handle. */
  readonly threadResume: (threadId: string, options?: ThreadResumeOptions) => Promise<Thread.Thread>
  /** Starts a thread with the history of another one (`thread/fork`), and returns its handle. */
  readonly threadFork: (threadId: string, options?: ThreadForkOptions) => Promise<Thread.Thread>
  /** Every stored thread that passes the filter (`thread/list`). Pages are read as they are needed. */
  readonly threadList: (filter?: Omit<Protocol.ThreadListParams, "cursor">) => AsyncIterable<Protocol.Thread>
  /** Returns one page of stored threads (`thread/list`): `data`, and `nextCursor` for the next page. */
  readonly threadListPage: (filter?: Protocol.ThreadListParams) => Promise<Protocol.ThreadListResponse>
  /** Reads a thread from the server (`thread/read`). With `includeTurns`, the result has its turns and their items. */
  readonly threadRead: (
    threadId: string,
    options?: { readonly includeTurns?: boolean | undefined }
  ) => Promise<Protocol.Thread>
  /**
   * Watches a thread that the server has loaded, such as one of another client, and changes nothing. `close` ends it. Rejects with
   * `InvalidInputError` if the thread is not loaded.
   */
  readonly threadWatch: (threadId: string) => Promise<WatchedThread>
  /** Archives a thread (`thread/archive`), and interrupts its running turn. */
  readonly threadArchive: (threadId: string) => Promise<void>
  /** Restores an archived thread (`thread/unarchive`) without loading it: resume it before its next turn. */
  readonly threadUnarchive: (threadId: string) => Promise<Protocol.Thread>
  /** Deletes a thread permanently (`thread/delete`). */
  readonly threadDelete: (threadId: string) => Promise<void>
  /** Returns a handle of a thread that the server has loaded already. Sends no request. */
  readonly thread: (threadId: string) => Thread.Thread
  /** Every available model (`model/list`). */
  readonly models: (options?: Omit<Protocol.ModelListParams, "cursor">) => AsyncIterable<Protocol.Model>
  /** Returns the account in use (`account/read`); `account` is null without a login. */
  readonly account: (options?: { readonly refreshToken?: boolean | undefined }) => Promise<Protocol.GetAccountResponse>
  /** Returns whether an account is in use, or the configured model provider needs none (`account/read`). */
  readonly isLoggedIn: () => Promise<boolean>
  /** Logs in with an API key (`account/login/start`). The server stores it in CODEX_HOME. It never appears in an error or log. */
  readonly loginApiKey: (apiKey: string | Redacted.Redacted<string>) => Promise<void>
  /** Starts a login with ChatGPT in the browser (`account/login/start`). Show its `authUrl` to the person, then `wait()`. */
  readonly loginChatgpt: () => Promise<Login.ChatgptLogin>
  /** Starts a login with ChatGPT on another device. Show its `verificationUrl` and `userCode`, then `wait()`. */
  readonly loginChatgptDeviceCode: () => Promise<Login.DeviceCodeLogin>
  /** Logs out, and deletes the stored key or token (`account/logout`). */
  readonly logout: () => Promise<void>
  /** Searches of files by parts of their names, and of stored threads by their text. */
  readonly search: Search.Search
  /** Usage limits of the account. */
  readonly rateLimits: RateLimits.RateLimits
  /** MCP servers: their state, logins, resources and tools. */
  readonly mcp: Mcp.Mcp
  /** Skills that the server finds. */
  readonly skills: Skills.Skills
  /** Hooks of the user's configuration, and their runs. */
  readonly hooks: Hooks.Hooks
  /** Every notification that belongs to no turn, from the moment a loop begins. */
  readonly notifications: AsyncIterable<Notification.Notification>
  /** The state of the connection, and each later one: `Connected`, `Lost` and `Reconnecting`, with their reasons. */
  readonly connection: AsyncIterable<CodexClient.ConnectionState>
  /** Sends any request of the protocol, and returns its response. */
  readonly request: <M extends Request.Method>(
    method: M,
    ...args: Request.RequestArgs<M>
  ) => Promise<Request.Response<M>>
  /** The service of the Effect API on which this one is built. */
  readonly effect: EffectCodex.Codex["Service"]
  /**
   * Ends the connection: running turns are interrupted, and a process that `start` has started ends. `await using` calls it.
   */
  readonly close: () => Promise<void>
}

/**
 * A thread that is watched.
 *
 * @category models
 */
export interface WatchedThread extends AsyncDisposable {
  /** The thread as it was when watching began, with its turns and their items. */
  readonly thread: Protocol.Thread
  /** Every notification of the thread since then, for one loop. */
  readonly notifications: AsyncIterable<Notification.Notification>
  /** Ends the watching. `await using` calls it. */
  readonly close: () => Promise<void>
}

const redacted = (secret: string | Redacted.Redacted<string>) =>
  typeof secret === "string" ? Redacted.make(secret) : secret

/** The schedule of `restart: true`. */
const restarts = Schedule.exponential("250 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 5 }))

const toHandlers = (handlers: Handlers | undefined) =>
  handlers === undefined ? {} : { serverRequests: toEffectHandlers(handlers) }

/** Builds the Layer, and returns its service. Closing it closes the Layer. */
const open = async (
  layer: Layer.Layer<EffectCodex.Services, unknown>,
  signal?: AbortSignal
): Promise<Codex> => {
  const { resource, ...closing } = await acquire(Layer.build(layer), signal)
  const codex = Context.get(resource, EffectCodex.Codex)
  return {
    get metadata() {
      return codex.metadata
    },
    threadStart: async (options = {}) =>
      Thread.make(await promise(Effect.flatMap(toThreadOptions(options), codex.threadStart), options.signal)),
    threadResume: async (threadId, options = {}) =>
      Thread.make(
        await promise(
          Effect.flatMap(toThreadOptions(options), (options) => codex.threadResume(threadId, options)),
          options.signal
        )
      ),
    threadFork: async (threadId, options = {}) =>
      Thread.make(
        await promise(
          Effect.flatMap(toThreadOptions(options), (options) => codex.threadFork(threadId, options)),
          options.signal
        )
      ),
    threadList: (filter) => iterable(codex.threadList(filter)),
    threadListPage: (filter) => promise(codex.threadListPage(filter)),
    threadRead: (threadId, options) => promise(codex.threadRead(threadId, options)),
    threadWatch: async (threadId) => {
      const { resource: { notifications, thread }, ...closing } = await acquire(codex.threadWatch(threadId))
      return { thread, notifications: iterable(notifications), ...closing }
    },
    threadArchive: (threadId) => promise(codex.threadArchive(threadId)),
    threadUnarchive: (threadId) => promise(codex.threadUnarchive(threadId)),
    threadDelete: (threadId) => promise(codex.threadDelete(threadId)),
    thread: (threadId) => Thread.make(codex.thread(threadId)),
    models: (options) => iterable(codex.models(options)),
    account: (options) => promise(codex.account(options)),
    isLoggedIn: () => promise(codex.isLoggedIn),
    loginApiKey: (apiKey) => promise(codex.loginApiKey(redacted(apiKey))),
    loginChatgpt: async () => Login.make(await promise(codex.loginChatgpt)),
    loginChatgptDeviceCode: async () => Login.make(await promise(codex.loginChatgptDeviceCode)),
    logout: () => promise(codex.logout),
    search: Search.make(codex.search),
    rateLimits: RateLimits.make(codex.rateLimits),
    mcp: Mcp.make(codex.mcp),
    skills: Skills.make(codex.skills),
    hooks: Hooks.make(codex.hooks),
    notifications: iterable(codex.notifications),
    connection: iterable(codex.connection),
    request: (method, ...args) => promise(codex.client.request(method, ...args)),
    effect: codex,
    ...closing
  }
}

const start = (
  { layer = EffectCodex.layer, restart, serverRequests, signal, ...options }: StartOptions & SignalOptions = {}
) =>
  open(
    layer({
      ...options,
      ...toHandlers(serverRequests),
      restart: restart === true ? restarts : restart
    }),
    signal
  )

const shared = ({ serverRequests, signal, ...options }: SharedOptions & SignalOptions = {}) =>
  open(EffectCodex.layerShared({ ...options, ...toHandlers(serverRequests) }), signal)

const stopShared = ({ serverRequests, signal, ...options }: StopSharedOptions & SignalOptions = {}) =>
  promise(EffectCodex.stopShared({ ...options, ...toHandlers(serverRequests) }), signal)

const connect = ({ serverRequests, signal, ...options }: ConnectOptions & SignalOptions) => {
  const handlers = toHandlers(serverRequests)
  if ("path" in options) return open(EffectCodex.layerUnixSocket({ ...options, ...handlers }), signal)
  const { token, ...socket } = options
  const secret = token === undefined ? {} : { token: redacted(token) }
  return open(EffectCodex.layerWebSocket({ ...socket, ...secret, ...handlers }), signal)
}

/**
 * The ways to get a {@link Codex}.
 *
 * @category constructors
 */
export const Codex: {
  /**
   * Starts `codex app-server`, and connects to it. Rejects with `CodexConnectError` if that fails. `close` ends the process.
   *
   * @example
   * ```ts
   * import { Codex } from "effect-codex/promises"
   *
   * await using codex = await Codex.start()
   * const thread = await codex.threadStart({ sandbox: "readOnly" })
   * const result = await thread.run("What does this project do?")
   * console.log(result.finalResponse)
   * ```
   */
  readonly start: (options?: StartOptions & SignalOptions) => Promise<Codex>
  /**
   * Connects to a running app-server: over a WebSocket (`{ url }`), or over a Unix socket (`{ path }`). `close` leaves the server
   * running. A lost connection is opened again, and running turns continue: see `reconnect`.
   *
   * @example
   * ```ts
   * import { Codex } from "effect-codex/promises"
   *
   * await using codex = await Codex.connect({ url: "ws://127.0.0.1:4500", token: process.env["CODEX_TOKEN"] ?? "" })
   * const thread = await codex.threadStart()
   * console.log((await thread.run("Say hello.")).finalResponse)
   * ```
   */
  readonly connect: (options: ConnectOptions & SignalOptions) => Promise<Codex>
  /**
   * Joins the app-server that all programs of this user share, or starts it. `close` leaves the server running, and interrupts the
   * turns of this client unless `detach` is set.
   *
   * @example
   * ```ts
   * import { Codex } from "effect-codex/promises"
   *
   * await using codex = await Codex.shared({ detach: true })
   * const thread = await codex.threadStart()
   * await thread.turn("Bring the dependencies up to date.", { clientUserMessageId: "task-1" })
   * ```
   */
  readonly shared: (options?: SharedOptions & SignalOptions) => Promise<Codex>
  /** Stops the shared server of the same options, after its running turns: `Stopped`, `Draining` or `NotRunning`. */
  readonly stopShared: (options?: StopSharedOptions & SignalOptions) => Promise<EffectCodex.Stopped>
} = { start, connect, shared, stopShared }
