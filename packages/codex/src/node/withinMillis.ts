/**
 * Time limits by the clock of the operating system: processes and sockets know nothing of a test's clock.
 */
import * as Effect from "effect/Effect"

/** The longest that Node can wait: 24 days. */
const maxMillis = 2 ** 31 - 1

/** As `Effect.timeoutOption`, in milliseconds; succeeds with `undefined` when the time is up. */
export const withinMillis = <A>(millis: number, effect: Effect.Effect<A>): Effect.Effect<A | undefined> =>
  Effect.raceFirst(
    effect,
    Effect.callback<undefined>((resume) => {
      const timer = setTimeout(() => resume(Effect.succeed(undefined)), Math.min(millis, maxMillis))
      return Effect.sync(() => clearTimeout(timer))
    })
  )
