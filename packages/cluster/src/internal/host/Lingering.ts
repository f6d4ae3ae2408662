/**
 * Threads that outlive their activation. A running turn is not cut off when its runner loses the thread: the lock of its file keeps
 * the next owner waiting until the turn has ended. A runner that hangs in a database request cannot end its activations, so this
 * module releases their threads.
 */
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as Schedule from "effect/Schedule"

/** The time between two checks of the ownership of threads. */
const interval = "1 second"

/** The threads of a runner that are released later. */
export interface Lingering {
  /** Gives a thread up, once, when its runner does not own it any more. Returns the effect that ends the watch. */
  readonly watch: (name: string, isOwner: () => boolean, giveUp: Effect.Effect<void>) => Effect.Effect<void>
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
export const make = Effect.gen(function*() {
  const waiting = yield* FiberMap.make<string>()
  const watched = new Map<string, { readonly isOwner: () => boolean; readonly giveUp: Effect.Effect<void> }>()

  const look = Effect.suspend(() => {
    const lost = [...watched].filter(([, { isOwner }]) => !isOwner())
    for (const [name] of lost) watched.delete(name)
    return Effect.forEach(lost, ([name, { giveUp }]) => FiberMap.run(waiting, name, giveUp), { discard: true })
  })
  yield* Effect.forkScoped(Effect.repeat(look, Schedule.spaced(interval)))

  const lingering: Lingering = {
    watch: (name, isOwner, giveUp) => {
      const entry = { isOwner, giveUp }
      watched.set(name, entry)
      return Effect.sync(() => {
        if (watched.get(name) === entry) watched.delete(name)
      })
    },
    release: (name, end, release) => Effect.asVoid(FiberMap.run(waiting, name, afterwards(end, release))),
    keep: (name) => FiberMap.remove(waiting, name)
  }
  return lingering
})

/** Releases a thread after the end of its turn. A release that has begun is not interrupted. */
export const afterwards = (end: Effect.Effect<unknown, unknown>, release: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.andThen(Effect.exit(end), Effect.uninterruptible(release))
