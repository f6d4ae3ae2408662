/**
 * Followers: consumers of the notifications of a thread, or of the account, that belong to no claimed turn. Starts in flight, goals
 * and logins are followers.
 */
import type { CodexConnectionError } from "../model/errors/CodexError.ts"
import type * as Notification from "../model/turns/Notification.ts"
import type { History } from "./Rejoining.ts"
import type { RunningTurn } from "./RunningTurn.ts"

/**
 * A consumer of notifications that belong to no claimed turn. It runs in the reader, so a follower that is registered before a
 * request is written misses none of its notifications.
 */
export interface Follower {
  /** Takes one notification, and the id of its turn if it has one. */
  readonly offer: (raw: Notification.Raw, turnId: string | undefined) => void
  /** Receives the loss of the connection. */
  readonly fail: (error: CodexConnectionError) => void
  /** Receives the loss of a connection that the client replaces. Returns false if the follower fails all the same. */
  readonly suspend?: (error: CodexConnectionError) => boolean
  /**
   * Receives the history of the thread, which was resumed on the next connection. Returns undefined if it does not reach back far
   * enough. Runs in the reader.
   */
  readonly rejoined?: (history: History) => Caught | undefined
  /** The turn whose events it takes, while one runs. */
  readonly running?: RunningTurn | null
  /** As `running`, also between two turns of the server that are one for their consumers. */
  readonly whole?: RunningTurn | null
  /**
   * Ends a goal whose server starts no further turn. `isActive` is false if the server reports that the goal has ended. Runs in
   * the reader.
   */
  readonly conclude?: (isActive: boolean) => void
}

/** A follower that has caught up with the history of its thread. */
export interface Caught {
  /** Runs when the turns of the thread have caught up, too. */
  readonly settle: () => void
  /** The ends of turns. Run them when their usage has arrived. */
  readonly endings: ReadonlyArray<() => void>
  /** True if the server may not have begun the turn yet: the thread must be resumed again a little later. */
  readonly isPending?: boolean
}

/** The followers of one client, by thread. Those of the account have none. */
export class Followers {
  private readonly byThread = new Map<string | undefined, Set<Follower>>()

  /** True if there are no followers. */
  get isEmpty(): boolean {
    return this.byThread.size === 0
  }

  /** The number of followers. */
  get size(): number {
    let size = 0
    for (const followers of this.byThread.values()) size += followers.size
    return size
  }

  /** The threads with followers. */
  get threadIds(): ReadonlyArray<string> {
    return Array.from(this.byThread.keys()).filter((threadId) => threadId !== undefined)
  }

  /** The goals of all threads, each as one turn. */
  get wholes(): ReadonlyArray<RunningTurn> {
    return Array.from(this.byThread.values()).flatMap((followers) =>
      Array.from(followers).flatMap(({ whole }) => whole ?? [])
    )
  }

  /** Adds a follower. Returns a function that removes it. */
  add(threadId: string | undefined, follower: Follower): () => void {
    const followers = this.byThread.get(threadId) ?? new Set()
    this.byThread.set(threadId, followers)
    followers.add(follower)
    return () => {
      followers.delete(follower)
      if (followers.size === 0 && this.byThread.get(threadId) === followers) this.byThread.delete(threadId)
    }
  }

  /** Passes a notification to the followers of a thread. */
  offer(threadId: string | undefined, raw: Notification.Raw, turnId: string | undefined): void {
    const followers = this.byThread.size === 0 ? undefined : this.byThread.get(threadId)
    if (followers === undefined) return
    for (const follower of followers) follower.offer(raw, turnId)
  }

  /** The turns that run on a thread for its followers. */
  running(threadId: string): ReadonlyArray<RunningTurn> {
    return Array.from(this.byThread.get(threadId) ?? []).flatMap(({ running }) => running ?? [])
  }

  /** The goals of a thread that are between two turns. */
  waiting(threadId: string): ReadonlyArray<Follower> {
    return Array.from(this.byThread.get(threadId) ?? []).filter(({ running, whole }) =>
      running === null && whole?.ended === false
    )
  }

  /** The followers of a thread that outlive a connection. */
  survivors(threadId: string): ReadonlyArray<Follower> {
    return Array.from(this.byThread.get(threadId) ?? []).filter(({ rejoined }) => rejoined !== undefined)
  }

  /** Suspends all followers while the client reconnects. Those that do not outlive a connection fail. */
  suspend(error: CodexConnectionError): void {
    for (const follower of this.all()) if (follower.suspend?.(error) !== true) follower.fail(error)
  }

  /** Fails all followers. */
  fail(error: CodexConnectionError): void {
    for (const follower of this.all()) follower.fail(error)
  }

  private *all(): Iterable<Follower> {
    for (const followers of this.byThread.values()) yield* followers
  }
}
