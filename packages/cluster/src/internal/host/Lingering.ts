/**
 * Threads whose turn outlives their activation: the runner has lost them, or cannot tell, but their app-server works on. Such a turn
 * is no reason to cut it off, because the lock of its file keeps the next owner away until it has ended.
 */
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"

/** The threads of a runner that are released later. */
export interface Lingering {
  /** Releases a thread when its turn has ended. */
  readonly release: (
    name: string,
    end: Effect.Effect<unknown, unknown>,
    release: Effect.Effect<void>
  ) => Effect.Effect<void>
  /** Keeps a thread, because this runner opens it again. A release that has begun ends first. */
  readonly keep: (name: string) => Effect.Effect<void>
}

/** Creates the set of a runner. Its end leaves the rest to the end of the app-server, which frees the locks. */
export const make = Effect.map(FiberMap.make<string>(), (waiting): Lingering => ({
  release: (name, end, release) =>
    Effect.asVoid(FiberMap.run(waiting, name, Effect.andThen(Effect.exit(end), Effect.uninterruptible(release)))),
  keep: (name) => FiberMap.remove(waiting, name)
}))
