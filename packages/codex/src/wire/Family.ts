/**
 * The threads of one connection and their derivation: which thread spawned a sub-agent, which was forked from which, and the
 * handlers, limits and options that this client has bound to them. The reader passes each notification to it first.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Predicate from "effect/Predicate"
import type { ServerRequestHandlers } from "../model/requests/ServerRequests.ts"
import type { Limits } from "../model/turns/Limits.ts"
import type * as Notification from "../model/turns/Notification.ts"
import type { Settings } from "../model/turns/Settings.ts"
import * as ThreadSettings from "../model/turns/Settings.ts"
import { ChildTurns } from "./ChildTurns.ts"

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
  /** The latest report of what the thread has used. */
  used: unknown = undefined
  /** Options in force, as far as they are known. */
  settings: Settings | undefined = undefined
  /** Whether this client has started, resumed or forked the thread. */
  isOpened = false
  /** Whether the server has the thread in memory. */
  isLoaded = true
  /** Whether the thread was closed, archived or deleted: it stays for what derives from it. */
  isClosed = false
  /** Sub-agents and forks. */
  readonly derived = new Set<Member>()

  constructor(threadId: string) {
    this.threadId = threadId
  }
}

/** Options that hold from the opening of a thread on. The server does not store `config`. */
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

/** Takes the messages of a thread and of its sub-agents: the thread, the method and the parameters of each. */
export type OnMessage = (threadId: string, method: string, params: Notification.Raw) => void

/** The longest chain of derivation that is followed, whatever the server reports. */
const maxDepth = 64

export class Family {
  /** The turns of sub-agents, and what they count for. */
  readonly turns = new ChildTurns()

  private readonly members = new Map<string, Member>()
  private readonly watchers = new Map<string, Set<(child: Member) => void>>()
  /** Those who watch every message of a thread and its sub-agents, for the limits of a turn. */
  private readonly activity = new Map<string, Set<OnMessage>>()
  /** How many requests of the server each thread waits for. */
  private readonly asking = new Map<string, number>()

  /** How many threads are known. */
  get size(): number {
    return this.members.size
  }

  /** Returns the facts about a thread. */
  get(threadId: string): Member | undefined {
    return this.members.get(threadId)
  }

  /** The thread, which is known from now on. */
  ensure(threadId: string): Member {
    let member = this.members.get(threadId)
    if (member === undefined) this.members.set(threadId, member = new Member(threadId))
    return member
  }

  /** The connection is lost, and the threads stay loaded. */
  suspend(): void {
    for (const member of this.members.values()) member.status = undefined
  }

  /** This client has started, resumed or forked a thread. */
  open(thread: Facts): Member {
    const member = this.learn(thread)
    if (Predicate.isObject(thread.status)) member.status = thread.status["type"]
    member.isOpened = true
    return member
  }

  /**
   * A thread is loaded again by the holder of what it was, itself first, then those above. If it was forgotten meanwhile,
   * what was bound to them holds again. Returns a function for when it could not be loaded.
   */
  restore(threadId: string, before: ReadonlyArray<Member>): () => void {
    const known = this.members.get(threadId)
    if (before.length === 0 || known === before[0] || known?.isOpened === true) return () => {}
    const member = this.ensure(threadId)
    const fromTop = before.toReversed()
    member.handlers = Object.assign({}, ...fromTop.map(({ handlers }) => handlers), known?.handlers)
    member.limits = Object.assign({}, ...fromTop.map(({ limits }) => limits))
    member.openedWith = before[0]!.openedWith
    return () => {
      if (known === undefined && !member.isOpened && this.members.get(threadId) === member) {
        this.members.delete(threadId)
      }
    }
  }

  /** Takes the facts of a thread: after this its parent is known. */
  learn({ agentNickname, agentRole, id, parentThreadId, source }: Facts): Member {
    const member = this.ensure(id)
    member.isClosed = false
    member.isLoaded = true
    member.agentName ??= nameOf(pathOf(source)) ?? textOf(agentNickname)
    member.agentRole ??= textOf(agentRole)
    this.adopt(member, textOf(parentThreadId))
    return member
  }

  /** A thread was forked: handlers and limits of the source hold for the fork. Without the source none are bound here. */
  fork(fork: Member, sourceId: string): void {
    const source = this.members.get(sourceId)
    if (source === undefined || source === fork || fork.source !== undefined) return
    fork.source = sourceId
    source.derived.add(fork)
  }

  /**
   * The thread and those that it derives from, nearest first. `unknown` is the thread at which the chain breaks off because
   * nobody has told of its parent.
   */
  lineage(threadId: string): { readonly members: ReadonlyArray<Member>; readonly unknown: string | undefined } {
    const members: Array<Member> = []
    for (let id: string | null | undefined = threadId; typeof id === "string" && members.length < maxDepth;) {
      const member = this.members.get(id)
      if (member === undefined) return { members, unknown: id }
      members.push(member)
      if (member.parent === undefined && member.source === undefined) return { members, unknown: id }
      id = member.parent ?? member.source
    }
    return { members, unknown: undefined }
  }

  /** The outermost thread that a sub-agent works for, as far as it is known. */
  rootOf(threadId: string): string {
    let root = threadId
    for (let depth = 0; depth < maxDepth; depth++) {
      const parent = this.members.get(root)?.parent
      if (typeof parent !== "string") break
      root = parent
    }
    return root
  }

  /** The sub-agents of a thread. */
  children(threadId: string): ReadonlyArray<Member> {
    const derived = this.members.get(threadId)?.derived
    return derived === undefined ? [] : Array.from(derived).filter(({ parent }) => parent === threadId)
  }

  /** The sub-agents of a thread and their sub-agents, from the top. */
  descendants(threadId: string): ReadonlyArray<Member> {
    const found = new Set(this.children(threadId))
    for (const member of found) for (const child of this.children(member.threadId)) found.add(child)
    return Array.from(found)
  }

  /** The sub-agents that the server has loaded. */
  subagents(): ReadonlyArray<string> {
    return Array.from(this.members.values()).flatMap(({ isLoaded, parent, threadId }) =>
      isLoaded && typeof parent === "string" ? [threadId] : []
    )
  }

  /** Calls back for each new sub-agent of a thread. Returns a function that ends this. */
  watch(threadId: string, onChild: (child: Member) => void): () => void {
    const watching = this.watchers.get(threadId) ?? new Set()
    this.watchers.set(threadId, watching)
    watching.add(onChild)
    return () => {
      watching.delete(onChild)
      if (watching.size === 0 && this.watchers.get(threadId) === watching) this.watchers.delete(threadId)
    }
  }

  /** Calls back for each message of a thread and of its sub-agents. Returns a function that ends this. */
  watchActivity(threadId: string, onMessage: OnMessage): () => void {
    const watching = this.activity.get(threadId) ?? new Set()
    this.activity.set(threadId, watching)
    watching.add(onMessage)
    return () => {
      watching.delete(onMessage)
      if (watching.size === 0 && this.activity.get(threadId) === watching) this.activity.delete(threadId)
    }
  }

  /** A thread asks this client something. Returns a function for the end of the request. */
  asks(threadId: string): () => void {
    this.asking.set(threadId, (this.asking.get(threadId) ?? 0) + 1)
    return () => {
      const left = (this.asking.get(threadId) ?? 1) - 1
      if (left === 0) this.asking.delete(threadId)
      else this.asking.set(threadId, left)
      this.touch(threadId, "", {})
    }
  }

  /** Whether a thread, or a sub-agent of it, waits for an answer of this client. */
  isAsked(threadId: string): boolean {
    return Array.from(this.asking.keys()).some((id) =>
      this.lineage(id).members.some((member) => member.threadId === threadId) || id === threadId
    )
  }

  private touch(threadId: string, method: string, params: Notification.Raw): void {
    let id: string | null | undefined = threadId
    for (let depth = 0; typeof id === "string" && depth < maxDepth; depth++) {
      for (const onMessage of this.activity.get(id) ?? []) onMessage(threadId, method, params)
      id = this.members.get(id)?.parent
    }
  }

  /** Takes one notification. Runs in the reader. */
  observe(
    method: unknown,
    params: Notification.Raw,
    threadId: string | undefined,
    turnId: string | undefined
  ): void {
    if (threadId === undefined) return
    if (this.activity.size > 0 && typeof method === "string") this.touch(threadId, method, params)
    switch (method) {
      case "item/started":
      case "item/completed":
        return this.onItem(threadId, params["item"])
      case "turn/started": {
        const turn = params["turn"]
        const rootId = Predicate.isObject(turn) ? turn["rootTurnId"] : undefined
        if (turnId === undefined || typeof rootId !== "string" || rootId === turnId) return
        const member = this.members.get(threadId)
        // A thread of ours is the root of its turns, whatever it was told.
        if (member?.parent === null) return
        return this.turns.start({ threadId, turnId, rootId, depth: this.depthOf(threadId) })
      }
      case "turn/completed":
        return this.turns.end(threadId)
      case "thread/tokenUsage/updated":
        {
          const member = this.members.get(threadId)
          if (member !== undefined) member.used = params["tokenUsage"]
        }
        return this.turns.used(threadId, turnId, params["tokenUsage"])
      case "thread/started":
        return this.onThread(params["thread"])
      case "thread/status/changed":
        return this.onStatus(threadId, params["status"])
      case "thread/settings/updated": {
        const member = this.ensure(threadId)
        member.settings = ThreadSettings.update(member.settings, params["threadSettings"])
        return
      }
      case "thread/archived":
      case "thread/closed":
      case "thread/deleted":
        return this.onClosed(threadId)
    }
  }

  /** Forgets a thread of which nothing is known and to which nothing is bound. */
  release(member: Member): void {
    if (member.isOpened || member.parent !== undefined || member.handlers !== undefined) return
    if (member.settings === undefined && member.derived.size === 0) this.members.delete(member.threadId)
  }

  /**
   * The connection is lost. Threads that this client has opened keep what is bound to them and to those they derive from: a
   * restarted server gets them back on their next use. Sub-agents ended with their server.
   */
  lost(): void {
    this.turns.lost()
    const needed = new Set<Member>()
    for (const member of this.members.values()) {
      member.isLoaded = false
      if (isInUse(member)) { for (const above of this.lineage(member.threadId).members) needed.add(above) }
    }
    for (const member of this.members.values()) {
      if (!needed.has(member)) this.members.delete(member.threadId)
      for (const derived of member.derived) if (!needed.has(derived)) member.derived.delete(derived)
    }
  }

  private depthOf(threadId: string): number {
    return this.lineage(threadId).members.length
  }

  private adopt(child: Member, parent: string | null): void {
    // What was told first holds: a parent does not change.
    if (typeof child.parent === "string" || child.threadId === parent) return
    if (child.isOpened && child.parent === null) return
    child.parent = parent
    if (parent === null) return
    const of = this.ensure(parent)
    of.derived.add(child)
    // A sub-agent runs under the options of the turn that has spawned it.
    child.settings ??= of.settings
    for (const onChild of this.watchers.get(parent) ?? []) onChild(child)
  }

  /** Only spawning tells the parent: items of waiting or sending name receivers as well. */
  private onItem(threadId: string, item: unknown): void {
    if (!Predicate.isObject(item)) return
    switch (item["type"]) {
      case "collabAgentToolCall": {
        const receivers = item["receiverThreadIds"]
        if (item["tool"] !== "spawnAgent" || !Array.isArray(receivers)) return
        for (const id of receivers) if (typeof id === "string") this.adopt(this.ensure(id), threadId)
        return
      }
      case "subAgentActivity": {
        const { agentPath, agentThreadId, kind } = item
        if (kind !== "started" || typeof agentThreadId !== "string") return
        const child = this.ensure(agentThreadId)
        child.agentName ??= nameOf(agentPath)
        return this.adopt(child, threadId)
      }
    }
  }

  private onThread(thread: unknown): void {
    if (!Predicate.isObject(thread)) return
    const { forkedFromId, id, ...facts } = thread
    if (typeof id !== "string") return
    const member = this.learn({ ...facts, id })
    if (typeof forkedFromId === "string" && member.parent === null) this.fork(member, forkedFromId)
  }

  private onStatus(threadId: string, status: unknown): void {
    const member = this.members.get(threadId)
    if (member === undefined || !Predicate.isObject(status)) return
    member.isLoaded = status["type"] !== "notLoaded"
    member.status = status["type"]
    if (!member.isLoaded) this.prune(member)
  }

  private onClosed(threadId: string): void {
    this.turns.end(threadId)
    const member = this.members.get(threadId)
    if (member === undefined) return
    member.isClosed = true
    member.isLoaded = false
    this.prune(member)
  }

  /** Forgets a closed thread that nothing loaded derives from, with what is left below it; then those above. */
  private prune(member: Member): void {
    const above = [member.parent, member.source].flatMap((id) =>
      typeof id === "string" ? this.members.get(id) ?? [] : []
    )
    if (member.isClosed && !isNeeded(member)) {
      this.drop(member)
      for (const other of above) other.derived.delete(member)
    }
    for (const other of above) if (other.isClosed) this.prune(other)
  }

  private drop(member: Member): void {
    if (!this.members.delete(member.threadId)) return
    for (const derived of member.derived) this.drop(derived)
  }
}

const textOf = (value: unknown): string | null => typeof value === "string" ? value : null

/** The path of a sub-agent in the source of its thread, where the kind of sub-agent has one. */
const pathOf = (source: unknown): unknown => {
  const subAgent = Predicate.isObject(source) ? source["subAgent"] : undefined
  const spawn = Predicate.isObject(subAgent) ? subAgent["thread_spawn"] : undefined
  return Predicate.isObject(spawn) ? spawn["agent_path"] : undefined
}

/** The last part of a path such as `/root/helper`. */
const nameOf = (path: unknown): string | null => typeof path === "string" ? path.slice(path.lastIndexOf("/") + 1) : null

/** Whether the thread is loaded, or is loaded again on its next use. */
const isInUse = ({ handlers, isClosed, isLoaded, isOpened }: Member): boolean =>
  isLoaded || (!isClosed && (isOpened || handlers !== undefined))

/** Whether the thread, or one that derives from it, is in use. */
const isNeeded = (member: Member): boolean => isInUse(member) || Array.from(member.derived).some(isNeeded)
