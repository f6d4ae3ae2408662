/**
 * A queue of fibers that wait for something that only one of them can have at a time.
 *
 * Granting is a plain function, because the reader of a connection calls it.
 */
import * as Effect from "effect/Effect"

export class Waiters {
  private readonly waiting = new Set<() => void>()

  /** The number of waiting fibers. */
  get size(): number {
    return this.waiting.size
  }

  /**
   * Waits for a grant. Waiting can be interrupted; if the interruption comes right after the grant, `giveBack` runs, so
   * that the grant is not lost.
   */
  wait(giveBack: () => void): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      let granted = false
      const grant = () => {
        granted = true
        resume(Effect.void)
      }
      this.waiting.add(grant)
      return Effect.sync(() => {
        if (!this.waiting.delete(grant) && granted) giveBack()
      })
    })
  }

  /** Grants it to the fiber that has waited longest. Returns false if none waits. */
  grant(): boolean {
    for (const next of this.waiting) {
      this.waiting.delete(next)
      next()
      return true
    }
    return false
  }
}
