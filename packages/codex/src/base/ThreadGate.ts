/**
 * A lock for each thread id, so that each thread runs one turn at a time. Fibers acquire it in
 * the order of their requests.
 *
 * The reader releases a lock when it sees the turn end, so `release` is a plain function. Each busy thread has an occupant,
 * which others can look up.
 */
import * as Effect from "effect/Effect"
import { Waiters } from "./Waiters.ts"

interface Busy<Occupant> {
  occupant: Occupant
  readonly waiters: Waiters
}

export class ThreadGate<Occupant = undefined> {
  private readonly busy = new Map<string, Busy<Occupant>>()

  /** Returns the occupant of a busy thread. */
  occupant(threadId: string): Occupant | undefined {
    return this.busy.get(threadId)?.occupant
  }

  isBusy(threadId: string): boolean {
    return this.busy.has(threadId)
  }

  /** Acquires the thread if it is free. */
  tryAcquire(threadId: string, occupant: Occupant): boolean {
    if (this.busy.has(threadId)) return false
    this.busy.set(threadId, { occupant, waiters: new Waiters() })
    return true
  }

  /** Waits for the thread and acquires it. Waiting can be interrupted. */
  acquire(threadId: string, occupant: Occupant): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.tryAcquire(threadId, occupant)) return Effect.void
      const thread = this.busy.get(threadId)!
      return Effect.map(thread.waiters.wait(() => this.release(threadId)), () => {
        thread.occupant = occupant
      })
    })
  }

  /** Passes the thread to the fiber that has waited longest. */
  release(threadId: string): void {
    if (this.busy.get(threadId)?.waiters.grant() !== true) this.busy.delete(threadId)
  }
}
