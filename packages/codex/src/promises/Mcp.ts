/**
 * MCP servers of the app-server, in the Promise API.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as EffectMcp from "../Mcp.ts"
import type { RequestOptions } from "../model/requests/Request.ts"
import { iterable, promise, type SignalOptions } from "./Runner.ts"

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
   * Waits for the end of the login: `success` is true, or `error` is the reason. An abort ends the waiting, not the login, which ends
   * at its time limit.
   */
  readonly wait: (options?: SignalOptions) => Promise<Protocol.McpServerOauthLoginCompletedNotification>
}

/**
 * The MCP servers of the app-server.
 *
 * @category models
 */
export interface Mcp {
  /** Reads the state of the servers: tools, resources and logins (`mcpServerStatus/list`). Waits until they have started, or failed. */
  readonly status: (
    options?: EffectMcp.McpStatusOptions & SignalOptions
  ) => Promise<ReadonlyArray<Protocol.McpServerStatus>>
  /** Returns the starts of a thread's servers: those known so far, then the new list after each change and on each new connection. */
  readonly startup: (threadId: string, options?: SignalOptions) => AsyncIterable<ReadonlyArray<EffectMcp.McpStartup>>
  /** Reads the configuration again, and restarts the servers that have changed, on all threads (`config/mcpServer/reload`). */
  readonly reload: () => Promise<void>
  /** Starts the OAuth login to an HTTP server (`mcpServer/oauth/login`). Show its `authorizationUrl` to the person, then `wait()`. */
  readonly login: (server: string, options?: EffectMcp.McpLoginOptions & SignalOptions) => Promise<McpLogin>
  /** Lists the resources of a server (`mcpServerStatus/list`). Rejects with `InvalidInputError` if there is no such server. */
  readonly resources: (
    options: Parameters<EffectMcp.Mcp["resources"]>[0] & SignalOptions
  ) => Promise<EffectMcp.McpResources>
  /** Reads a resource of a server (`mcpServer/resource/read`). */
  readonly readResource: (
    options: Parameters<EffectMcp.Mcp["readResource"]>[0] & SignalOptions
  ) => Promise<ReadonlyArray<Protocol.ResourceContent>>
  /**
   * Calls a tool of a thread's server (`mcpServer/tool/call`), without an approval. A failure of the tool is a result with `isError`.
   * The time limit is `requestTimeout`, unless `options` has another.
   */
  readonly callTool: (
    call: Parameters<EffectMcp.Mcp["callTool"]>[0],
    options?: RequestOptions & SignalOptions
  ) => Promise<Protocol.McpServerToolCallResponse>
}

/** Returns the MCP servers of a client. */
export const make = (mcp: EffectMcp.Mcp): Mcp => ({
  status: ({ signal, ...options } = {}) => promise(mcp.status(options), signal),
  startup: (threadId, { signal } = {}) => iterable(mcp.startup(threadId), signal),
  reload: () => promise(mcp.reload),
  login: async (server, { signal, ...options } = {}) => {
    const { authorizationUrl, wait } = await promise(mcp.login(server, options), signal)
    return { server, authorizationUrl, wait: ({ signal } = {}) => promise(wait, signal) }
  },
  resources: ({ signal, ...options }) => promise(mcp.resources(options), signal),
  readResource: ({ signal, ...options }) => promise(mcp.readResource(options), signal),
  callTool: (call, { signal, ...options } = {}) => promise(mcp.callTool(call, options), signal)
})
