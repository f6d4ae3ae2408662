/**
 * Waiting in real time: what this package waits for is on another machine, and knows nothing of a test clock.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** Waits in real time. */
export const realTime = (duration: Duration.Input): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const timer = setTimeout(() => resume(Effect.void), Duration.toMillis(duration))
    return Effect.sync(() => clearTimeout(timer))
  })
