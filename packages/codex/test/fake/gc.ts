/** The garbage collector, on demand. */
import * as Effect from "effect/Effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")
const gc = runInNewContext("gc") as () => void

/** Collects what nobody holds any more. A `WeakRef` that was read holds its object until the current job is over. */
export const collectGarbage: Effect.Effect<void> = Effect.callback<void>((resume) => {
  const handle = setImmediate(() => {
    gc()
    setImmediate(() => {
      gc()
      resume(Effect.void)
    })
  })
  return Effect.sync(() => clearImmediate(handle))
})

/** How many of these objects are still there. */
export const alive = (refs: ReadonlyArray<WeakRef<object>>): number =>
  refs.filter((ref) => ref.deref() !== undefined).length

/** Bytes in use on the heap, after a collection. */
export const heapUsed: Effect.Effect<number> = Effect.map(collectGarbage, () => process.memoryUsage().heapUsed)
