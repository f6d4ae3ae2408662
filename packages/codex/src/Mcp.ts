/**
 * MCP servers of the app-server: their state, logins, resources and tools. `codex.mcp` has them; `McpConfig` configures them.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import { Codex, type Thread } from "effect-codex"
 *
 * // Waits until the servers of a thread have started, and returns those that failed.
 * const failedServers = (thread: Thread.Thread) =>
 *   Effect.gen(function*() {
 *     const codex = yield* Codex.Codex
 *     const servers = yield* codex.mcp.startup(thread.id).pipe(
 *       Stream.takeUntil((servers) => servers.every(({ status }) => status !== "starting")),
 *       Stream.runCollect
 *     )
 *     return servers.at(-1)?.filter(({ status }) => status === "failed") ?? []
 *   })
 * ```
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { anything, type Checks, timeout } from "./base/options.ts"
import { pages } from "./capabilities/pages.ts"
import type { Services } from "./capabilities/Services.ts"
import type { LoginError } from "./Login.ts"
import * as ServerVersion from "./model/connection/ServerVersion.ts"
import { check } from "./model/errors/check.ts"
import { InvalidInputError, type RequestError, type ThreadError } from "./model/errors/CodexError.ts"
import type { RequestOptions } from "./model/requests/Request.ts"
import { supported } from "./options/supported.ts"
import { onEachConnection } from "./wire/changes.ts"
import { Completion } from "./wire/Completion.ts"

/**
 * The start of an MCP server.
 *
 * @category models
 */
export interface McpStartup {
  /** The name of the server, as configured. */
  readonly name: string
  /** `"starting"`, `"ready"`, `"failed"` or `"cancelled"`. */
  readonly status: Protocol.McpServerStartupState
  /** The reason of a failure. */
  readonly error: string | null
}

/**
 * Options of reading the state of MCP servers.
 *
 * @category models
 */
export interface McpStatusOptions {
  /**
   * A loaded thread, whose servers include those of its `config`. Default: the servers of the configuration. Requires Codex 0.140 or
   * later.
   */
  readonly threadId?: string | undefined
  /** The name of a server, to read its state alone. */
  readonly server?: string | undefined
  /** `"toolsAndAuthOnly"` leaves out resources, which is faster. Default: `"full"`. */
  readonly detail?: "full" | "toolsAndAuthOnly" | undefined
}

/**
 * The resources of an MCP server.
 *
 * @category models
 */
export interface McpResources {
  /** The resources that the server lists. */
  readonly resources: ReadonlyArray<Protocol.Resource>
  /** Templates of the URIs of further resources. */
  readonly resourceTemplates: ReadonlyArray<Protocol.ResourceTemplate>
}

/**
 * Options of an OAuth login.
 *
 * @category models
 */
export interface McpLoginOptions {
  /** A loaded thread, for a server of its `config`. Requires Codex 0.150 or later. */
  readonly threadId?: string | undefined
  /** The scopes to ask for. Default: those of the configuration, or of the server. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** The time limit for the person, in whole seconds. Default: that of Codex. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * An OAuth login to an MCP server. The program has to show or open the URL.
 *
 * @category models
 */
export interface McpLogin {
  /** The name of the server. */
  readonly server: string
  /** The URL at which the person logs in. It redirects the browser to a port of the server's machine. */
  readonly authorizationUrl: string
  /**
   * Waits for the end of the login, and returns it: `success` is true, or `error` is the reason. Fails when the connection is lost.
   * It can run any number of times, even after the end. A login can't be cancelled; it ends at its time limit.
   */
  readonly wait: Effect.Effect<Protocol.McpServerOauthLoginCompletedNotification, LoginError>
}

/**
 * The MCP servers of the app-server.
 *
 * @category models
 */
export interface Mcp {
  /**
   * Reads the state of the servers: their tools, resources and logins (`mcpServerStatus/list`). Waits until the servers have started,
   * or have failed to. Without a thread, the app-server starts them for this request.
   */
  readonly status: (options?: McpStatusOptions) => Effect.Effect<ReadonlyArray<Protocol.McpServerStatus>, ThreadError>
  /**
   * Emits the start of each server of a thread, then the new list after each change (`mcpServer/startupStatus/updated`) and on each
   * new connection. The first value has the servers that are known so far. Fails when no other connection follows.
   */
  readonly startup: (threadId: string) => Stream.Stream<ReadonlyArray<McpStartup>, ThreadError>
  /** Reads the configuration again, and restarts the servers that have changed, on all threads (`config/mcpServer/reload`). */
  readonly reload: Effect.Effect<void, RequestError>
  /**
   * Starts the OAuth login to an HTTP server (`mcpServer/oauth/login`). Show its `authorizationUrl` to the person, then `wait`.
   *
   * @example
   * ```ts
   * import * as Console from "effect/Console"
   * import * as Effect from "effect/Effect"
   * import { Codex } from "effect-codex"
   *
   * const login = Effect.gen(function*() {
   *   const codex = yield* Codex.Codex
   *   const attempt = yield* codex.mcp.login("docs", { timeout: "5 minutes" })
   *   yield* Console.log(`Please log in: ${attempt.authorizationUrl}`)
   *   const { error, success } = yield* attempt.wait
   *   return success ? "welcome" : `not logged in: ${error}`
   * })
   * ```
   */
  readonly login: (server: string, options?: McpLoginOptions) => Effect.Effect<McpLogin, ThreadError>
  /** Lists the resources of a server (`mcpServerStatus/list`). Fails with `InvalidInputError` if there is no such server. */
  readonly resources: (options: {
    readonly server: string
    readonly threadId?: string | undefined
  }) => Effect.Effect<McpResources, ThreadError>
  /** Reads a resource of a server (`mcpServer/resource/read`). */
  readonly readResource: (options: {
    readonly server: string
    readonly uri: string
    readonly threadId?: string | undefined
  }) => Effect.Effect<ReadonlyArray<Protocol.ResourceContent>, RequestError>
  /**
   * Calls a tool of a thread's server (`mcpServer/tool/call`). Codex asks for no approval: the program itself calls. A failure of
   * the tool is a result with `isError`. The time limit is `requestTimeout`, unless `options` has another.
   */
  readonly callTool: (
    call: {
      readonly threadId: string
      readonly server: string
      readonly tool: string
      readonly arguments?: Protocol.JsonObject | undefined
    },
    options?: RequestOptions
  ) => Effect.Effect<Protocol.McpServerToolCallResponse, RequestError>
}

const statusChecks: Checks<McpStatusOptions> = { threadId: anything, server: anything, detail: anything }

const loginChecks: Checks<McpLoginOptions> = { threadId: anything, scopes: anything, timeout }

/** @internal The MCP servers of a client. */
export const make = (services: Services): Mcp => {
  const { client, router } = services

  const status = Effect.fnUntraced(function*(options: McpStatusOptions = {}) {
    yield* check(options, statusChecks)
    const { serverVersion } = client.metadata
    const { detail, server, threadId } = options
    const params = yield* supported({ detail, threadId }, serverVersion, "mcpServerStatus/list")
    const serverName = ServerVersion.isAtLeast(serverVersion, "0.160.0") ? server : undefined
    const found = yield* Stream.runCollect(
      pages((cursor) => client.request("mcpServerStatus/list", { ...params, serverName, cursor }))
    )
    return server === undefined ? found : found.filter(({ name }) => name === server)
  })

  /** The states of a thread's servers, from what was reported, or else from their status. */
  const startup = (threadId: string) =>
    Stream.unwrap(Effect.gen(function*() {
      const events = yield* router.subscribeGlobals
      const servers = new Map<string, McpStartup>()
      const all = (): ReadonlyArray<McpStartup> => Array.from(servers.values())
      for (const update of router.family.get(threadId)?.mcpServers.values() ?? []) {
        servers.set(update.name, startupOf(update))
      }
      const updates = Stream.flatMap(events, (event) => {
        if (event.method !== "mcpServer/startupStatus/updated") return Stream.empty
        // Old servers do not name the thread.
        if ((event.params.threadId ?? threadId) !== threadId) return Stream.empty
        servers.set(event.params.name, startupOf(event.params))
        return Stream.succeed(all())
      })
      if (servers.size > 0) return Stream.concat(Stream.succeed(all()), updates)
      const read = Effect.map(status({ threadId, detail: "toolsAndAuthOnly" }), (statuses) => {
        for (const each of statuses) if (!servers.has(each.name)) servers.set(each.name, startedOf(each))
        return all()
      })
      return Stream.merge(updates, Stream.fromEffect(read))
    }))

  return {
    status,
    startup: (threadId) => onEachConnection(client, startup(threadId)),
    reload: Effect.asVoid(client.request("config/mcpServer/reload")),
    login: Effect.fnUntraced(function*(server, options = {}) {
      yield* check(options, loginChecks)
      const { scopes, threadId, timeout } = options
      const params = yield* supported({ threadId }, client.metadata.serverVersion, "mcpServer/oauth/login")
      const completion = new Completion(router, "mcpServer/oauthLogin/completed", threadId)
      return yield* client.request("mcpServer/oauth/login", {
        ...params,
        name: server,
        scopes,
        timeoutSecs: timeout === undefined
          ? undefined
          : Math.max(1, Math.ceil(Duration.toSeconds(Duration.fromInputUnsafe(timeout))))
      }).pipe(
        Effect.map(({ authorizationUrl, loginId }): McpLogin => ({
          server,
          authorizationUrl,
          wait: completion.when((params) =>
            params["name"] === server && (params["loginId"] ?? loginId ?? null) === (loginId ?? null)
          )
        })),
        Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Effect.sync(completion.close))
      )
    }),
    resources: Effect.fnUntraced(function*({ server, threadId }) {
      const [found] = yield* status({ server, threadId })
      if (found === undefined) {
        return yield* new InvalidInputError({
          field: "server",
          detail: `there is no MCP server ${JSON.stringify(server)}`
        })
      }
      return { resources: found.resources, resourceTemplates: found.resourceTemplates }
    }),
    readResource: ({ server, threadId, uri }) =>
      Effect.map(client.request("mcpServer/resource/read", { server, threadId, uri }), ({ contents }) => contents),
    callTool: ({ arguments: args, server, threadId, tool }, options) =>
      client.request("mcpServer/tool/call", { server, threadId, tool, arguments: args }, options)
  }
}

const startupOf = ({ error, name, status }: Protocol.McpServerStatusUpdatedNotification): McpStartup => ({
  name,
  status,
  error: error ?? null
})

/** States of a connection, as states of a start. */
const states: { readonly [status: string]: Protocol.McpServerStartupState } = {
  connected: "ready",
  notStarted: "starting",
  starting: "starting",
  cancelled: "cancelled",
  disabled: "cancelled"
}

/** Returns the start of a server, as far as its status shows it. Old servers report no state, and list a server once it has started. */
const startedOf = ({ name, runtimeStatus, toolsError }: Protocol.McpServerStatus): McpStartup => {
  const error = toolsError ?? null
  const unreported = error === null ? "ready" : "failed"
  return {
    name,
    status: runtimeStatus === undefined || runtimeStatus === null ? unreported : states[runtimeStatus] ?? "failed",
    error
  }
}
