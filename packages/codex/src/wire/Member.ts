/**
 * One thread of a family: the facts that the server has reported about it, and what this client has bound to it.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type { ServerRequestHandlers } from "../model/requests/ServerRequests.ts"
import type { Limits } from "../model/turns/Limits.ts"
import type { Settings } from "../model/turns/Settings.ts"

/** A thread, with what is bound to it. */
export class Member {
  readonly threadId: string
  /** The thread that spawned this one. Null if it is no sub-agent, undefined while that is unknown. */
  parent: string | null | undefined = undefined
  /** The thread that this one was forked from by this client. */
  source: string | undefined = undefined
  /** The name of the sub-agent: the one that it was spawned with, or else the server's nickname for it. */
  agentName: string | null = null
  /** The role that the sub-agent was spawned with. */
  agentRole: string | null = null
  /** Handlers of requests that this client has bound to the thread. */
  handlers: ServerRequestHandlers | undefined = undefined
  /** Limits that this client has set for the turns of the thread. */
  limits: Limits | undefined = undefined
  /** Options that this client has opened the thread with, and that no answer reports. */
  openedWith: FixedOptions = {}
  /** The latest status that the server has reported on this connection. */
  status: unknown = undefined
  /** True if the latest turn was interrupted: the server then starts no queued turn by itself. */
  wasInterrupted = false
  /** The latest report of what the thread has used. */
  used: unknown = undefined
  /** Options in force, as far as they are known. */
  settings: Settings | undefined = undefined
  /** True if this client has started, resumed or forked the thread. */
  isOpened = false
  /** True if the server has the thread in memory. */
  isLoaded = true
  /** True if the thread was closed, archived or deleted. It stays for the threads that derive from it. */
  isClosed = false
  /** The latest state of each MCP server of the thread that this connection has reported. */
  readonly mcpServers = new Map<string, Protocol.McpServerStatusUpdatedNotification>()
  /** Sub-agents and forks. */
  readonly derived = new Set<Member>()

  constructor(threadId: string) {
    this.threadId = threadId
  }
}

/** Options that apply from the opening of a thread on. The server does not store `config`. */
export interface FixedOptions {
  readonly baseInstructions?: string | null | undefined
  readonly config?: Protocol.JsonObject | null | undefined
  readonly developerInstructions?: string | null | undefined
}

/** Facts of a thread, as answers and `thread/started` have them. */
export interface Facts {
  readonly id: string
  readonly parentThreadId?: unknown
  readonly agentNickname?: unknown
  readonly agentRole?: unknown
  readonly source?: unknown
  readonly status?: unknown
}

/** Returns true if the thread is loaded, or is loaded again on its next use. */
export const isInUse = ({ handlers, isClosed, isLoaded, isOpened }: Member): boolean =>
  isLoaded || (!isClosed && (isOpened || handlers !== undefined))

/** Returns true if the thread, or one that derives from it, is in use. */
export const isNeeded = (member: Member): boolean => {
  // A set, which grows during the loop, because what the server reports may lead back to itself.
  const derived = new Set([member])
  for (const each of derived) {
    if (isInUse(each)) return true
    for (const other of each.derived) derived.add(other)
  }
  return false
}
