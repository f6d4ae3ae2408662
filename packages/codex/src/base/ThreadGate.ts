/**
 * One turn at a time for each thread: a lock for each thread id, first come first served.
 *
 * A lock is released by the reader, when it sees the turn end, so releasing is no Effect.
 */
import * as Effect from "effect/Effect"

export class ThreadGate {
  /** Who waits, for each thread that is busy. */
  private readonly busy = new Map<string, Array<() => void>>()

  isBusy(threadId: string): boolean {
    return this.busy.has(threadId)
  }

  /** Takes the thread if it is free. */
  tryAcquire(threadId: string): boolean {
    if (this.busy.has(threadId)) return false
    this.busy.set(threadId, [])
    return true
  }

  /** Takes the thread when it is our turn. Waiting can be interrupted. */
  acquire(threadId: string): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.tryAcquire(threadId)) return resume(Effect.void)
      const waiting = this.busy.get(threadId)!
      let granted = false
      const grant = () => {
        granted = true
        resume(Effect.void)
      }
      waiting.push(grant)
      return Effect.sync(() => {
        const index = waiting.indexOf(grant)
        if (index >= 0) waiting.splice(index, 1)
        // Granted and interrupted at once: the next one gets it.
        else if (granted) this.release(threadId)
      })
    })
  }

  /** Hands the thread to who has waited longest. */
  release(threadId: string): void {
    const next = this.busy.get(threadId)?.shift()
    if (next === undefined) this.busy.delete(threadId)
    else next()
  }
}
