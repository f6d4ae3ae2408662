/**
 * The activity of threads, for the limits of turns: every message of a thread and its sub-agents, and the requests that wait for an
 * answer of this client.
 */
import type * as Notification from "../model/turns/Notification.ts"

/** Takes the messages of a thread and of its sub-agents: the thread, the method and the parameters of each. */
export type OnMessage = (threadId: string, method: string, params: Notification.Raw) => void

/** The greatest depth of sub-agents that is followed, whatever the server reports. */
const maxDepth = 64

export class Activity {
  private readonly watchers = new Map<string, Set<OnMessage>>()
  /** The number of requests of the server that each thread waits for. */
  private readonly requests = new Map<string, number>()
  private readonly parentOf: (threadId: string) => string | null | undefined

  constructor(parentOf: (threadId: string) => string | null | undefined) {
    this.parentOf = parentOf
  }

  /** True if the messages of a thread are watched. */
  get isWatched(): boolean {
    return this.watchers.size > 0
  }

  /** The threads that wait for an answer of this client. */
  get asking(): ReadonlyArray<string> {
    return Array.from(this.requests.keys())
  }

  /** Calls back for each message of a thread and of its sub-agents. Returns a function that ends this. */
  watch(threadId: string, onMessage: OnMessage): () => void {
    const watching = this.watchers.get(threadId) ?? new Set()
    this.watchers.set(threadId, watching)
    watching.add(onMessage)
    return () => {
      watching.delete(onMessage)
      if (watching.size === 0 && this.watchers.get(threadId) === watching) this.watchers.delete(threadId)
    }
  }

  /** Counts a request that a thread sends to this client. Returns a function for its end, which counts as a message. */
  ask(threadId: string): () => void {
    this.requests.set(threadId, (this.requests.get(threadId) ?? 0) + 1)
    return () => {
      const left = (this.requests.get(threadId) ?? 1) - 1
      if (left === 0) this.requests.delete(threadId)
      else this.requests.set(threadId, left)
      this.notify(threadId, "", {})
    }
  }

  /** Passes a message to those who watch its thread or one above it. */
  notify(threadId: string, method: string, params: Notification.Raw): void {
    let id: string | null | undefined = threadId
    for (let depth = 0; typeof id === "string" && depth < maxDepth; depth++) {
      for (const onMessage of this.watchers.get(id) ?? []) onMessage(threadId, method, params)
      id = this.parentOf(id)
    }
  }
}
