/**
 * Deadlines of any number of waits on one timer. A timer for each request would cost more than the request.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

export interface Deadlines {
  /** Runs `expire` after that time. Returns a function that cancels it. */
  readonly add: (after: Duration.Duration, expire: () => void) => () => void
}

interface Wait {
  /** The end of the wait on the clock's monotonic time, in milliseconds. */
  readonly until: number
  readonly expire: () => void
}

/** Creates a set of deadlines. None expires after the scope has closed. */
export const make: Effect.Effect<Deadlines, never, Scope.Scope> = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const waits = new Set<Wait>()
  let timer: Fiber.Fiber<void> | undefined
  let ringsAt = Infinity

  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000

  const ringAt = (time: number) => {
    timer?.interruptUnsafe()
    ringsAt = time
    timer = fork(Effect.flatMap(clock.sleep(Duration.millis(time - now())), () => Effect.sync(ring)))
  }

  const ring = () => {
    const time = now()
    let next = Infinity
    for (const wait of waits) {
      if (wait.until > time) next = Math.min(next, wait.until)
      else {
        waits.delete(wait)
        wait.expire()
      }
    }
    timer = undefined
    ringsAt = Infinity
    if (next < Infinity) ringAt(next)
  }

  yield* Effect.addFinalizer(() => Effect.sync(() => timer?.interruptUnsafe()))

  return {
    add: (after, expire) => {
      const wait = { until: now() + Duration.toMillis(after), expire }
      waits.add(wait)
      if (wait.until < ringsAt) ringAt(wait.until)
      return () => {
        waits.delete(wait)
      }
    }
  }
})
