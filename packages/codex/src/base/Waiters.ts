/**
 * Fibers that wait for something only one of them can have: first come, first served.
 *
 * Granting is no Effect, because the reader of a connection grants.
 */
import * as Effect from "effect/Effect"

export class Waiters {
  private readonly waiting = new Set<() => void>()

  /**
   * Waits until it is granted. Waiting can be interrupted; `giveBack` runs if the interruption comes right after the
   * grant, so that nothing is lost.
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

  /** Grants it to the fiber that has waited longest; false if none waits. */
  grant(): boolean {
    for (const next of this.waiting) {
      this.waiting.delete(next)
      next()
      return true
    }
    return false
  }
}
