/**
 * The threads of one connection and their derivation: which thread spawned a sub-agent, which was forked from which, and the
 * handlers, limits and options that this client has bound to them. The reader passes each notification to it first.
 */
import type { ServerNotificationMethod } from "@effect-codex/protocol/Methods"
import * as Predicate from "effect/Predicate"
import * as Notification from "../model/turns/Notification.ts"
import * as ThreadSettings from "../model/turns/Settings.ts"
import { Activity, type OnMessage } from "./Activity.ts"
import { ChildTurns } from "./ChildTurns.ts"
import { FileChanges } from "./FileChanges.ts"
import { type Facts, isInUse, isNeeded, Member } from "./Member.ts"

/** The longest chain of derivation that is followed, whatever the server reports. */
const maxDepth = 64

/** A thread and those that it derives from. */
export interface Lineage {
  /** The threads, nearest first. */
  readonly members: ReadonlyArray<Member>
  /** The thread at which the chain breaks off, because its parent is not known. */
  readonly unknown: string | undefined
  /** True if the chain leads back to itself or is too long, so that it has no root. */
  readonly isEndless: boolean
}

/** The methods of the notifications that {@link Family.observe} learns from. */
export const learnsFrom: ReadonlySet<unknown> = new Set<ServerNotificationMethod>([
  "item/completed",
  "item/started",
  "mcpServer/startupStatus/updated",
  "thread/archived",
  "thread/closed",
  "thread/deleted",
  "thread/settings/updated",
  "thread/started",
  "thread/status/changed",
  "thread/tokenUsage/updated",
  "turn/completed",
  "turn/started"
])

export class Family {
  /** The turns of sub-agents, and what they count for. */
  readonly turns = new ChildTurns()

  /** The file changes that are in progress. */
  readonly changes = new FileChanges()

  private readonly members = new Map<string, Member>()
  private readonly watchers = new Map<string, Set<(child: Member) => void>>()
  private readonly activity = new Activity((threadId) => this.members.get(threadId)?.parent)

  /** The number of known threads. */
  get size(): number {
    return this.members.size
  }

  /** Returns the facts about a thread. */
  get(threadId: string): Member | undefined {
    return this.members.get(threadId)
  }

  /** Returns the facts about a thread, which is known from now on. */
  ensure(threadId: string): Member {
    let member = this.members.get(threadId)
    if (member === undefined) this.members.set(threadId, member = new Member(threadId))
    return member
  }

  /** The connection is lost, and the threads stay loaded. */
  suspend(): void {
    for (const member of this.members.values()) {
      member.status = undefined
      member.mcpServers.clear()
    }
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
   * what was bound to them applies again. Returns a function to call if the thread could not be loaded.
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

  /** Learns the facts of a thread. Its parent is known from now on. */
  learn({ agentNickname, agentRole, id, parentThreadId, source }: Facts): Member {
    const member = this.ensure(id)
    member.isClosed = false
    member.isLoaded = true
    member.agentName ??= nameOf(pathOf(source)) ?? textOf(agentNickname)
    member.agentRole ??= textOf(agentRole)
    this.adopt(member, textOf(parentThreadId))
    return member
  }

  /** A thread was forked: the handlers and limits of the source apply to the fork. An unknown source has none. */
  fork(fork: Member, sourceId: string): void {
    const source = this.members.get(sourceId)
    if (source === undefined || source === fork || fork.source !== undefined) return
    fork.source = sourceId
    source.derived.add(fork)
  }

  /** Returns the thread and those that it derives from. */
  lineage(threadId: string): Lineage {
    const members: Array<Member> = []
    for (let id: string | null | undefined = threadId; typeof id === "string" && members.length < maxDepth;) {
      const member = this.members.get(id)
      if (member === undefined) return { members, unknown: id, isEndless: false }
      if (members.includes(member)) return { members, unknown: undefined, isEndless: true }
      members.push(member)
      if (member.parent === undefined && member.source === undefined) return { members, unknown: id, isEndless: false }
      id = member.parent ?? member.source
    }
    return { members, unknown: undefined, isEndless: members.length === maxDepth }
  }

  /** Returns the outermost thread that a sub-agent works for, as far as it is known. */
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
    return this.activity.watch(threadId, onMessage)
  }

  /** A thread sends this client a request. Returns a function for the end of the request. */
  asks(threadId: string): () => void {
    return this.activity.ask(threadId)
  }

  /** Returns true if a thread, or a sub-agent of it, waits for an answer of this client. */
  isAsked(threadId: string): boolean {
    return this.activity.asking.some((id) =>
      id === threadId || this.lineage(id).members.some((member) => member.threadId === threadId)
    )
  }

  /** True if someone watches the messages of threads, whatever their methods. */
  get isWatched(): boolean {
    return this.activity.isWatched
  }

  /** Learns from one notification. Only the methods of {@link learnsFrom} need to be passed, and all while {@link isWatched}. */
  observe(
    method: unknown,
    params: Notification.Raw,
    threadId: string,
    turnId: string | undefined
  ): void {
    if (this.activity.isWatched && typeof method === "string") this.activity.notify(threadId, method, params)
    switch (method) {
      case "item/started":
      case "item/completed":
        this.changes.observe(threadId, method, params["item"])
        return this.onItem(threadId, params["item"])
      case "turn/started": {
        const turn = params["turn"]
        const rootId = Predicate.isObject(turn) ? turn["rootTurnId"] : undefined
        if (turnId === undefined || typeof rootId !== "string" || rootId === turnId) return
        const member = this.members.get(threadId)
        // A thread that this client opened is the root of its turns, whatever the server reports.
        if (member?.parent === null) return
        return this.turns.start({ threadId, turnId, rootId, depth: this.depthOf(threadId) })
      }
      case "turn/completed": {
        const member = this.members.get(threadId)
        if (member !== undefined) member.wasInterrupted = isInterrupted(params["turn"])
        return this.turns.end(threadId)
      }
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
      case "mcpServer/startupStatus/updated": {
        const event = Notification.fromMessage({ method, params })
        // It may arrive before the thread itself.
        if (event.method === method) this.ensure(threadId).mcpServers.set(event.params.name, event.params)
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
    this.changes.clear()
    const needed = new Set<Member>()
    for (const member of this.members.values()) {
      member.isLoaded = false
      member.mcpServers.clear()
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
    // The first report counts: a parent does not change.
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

  /** Learns the parent of a sub-agent from the item that spawned it. Items that wait or send name receivers too. */
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
  private prune(member: Member, pruned: ReadonlyArray<Member> = []): void {
    // The ancestry that the server reports may be circular.
    if (pruned.includes(member)) return
    const above = [member.parent, member.source].flatMap((id) =>
      typeof id === "string" ? this.members.get(id) ?? [] : []
    )
    if (member.isClosed && !isNeeded(member)) {
      this.drop(member)
      for (const other of above) other.derived.delete(member)
    }
    for (const other of above) if (other.isClosed) this.prune(other, [...pruned, member])
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

const isInterrupted = (turn: unknown): boolean => Predicate.isObject(turn) && turn["status"] === "interrupted"
