/**
 * Node's readable streams as Streams.
 *
 * A chunk is handed over while Node still announces it: no turn of the event loop lies between a chunk's arrival and its
 * reader, which is half of what a short round trip takes.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { Readable } from "node:stream"

/** The bytes of a readable, in the chunks in which they come. Ends when it does, also if it breaks; left, it destroys it. */
export const bytes = (readable: Readable): Stream.Stream<Uint8Array> =>
  Stream.fromPull(Effect.sync(() => {
    let chunks: Array<Uint8Array> = []
    let wake: (() => void) | undefined
    readable.on("data", (chunk: Uint8Array) => {
      chunks.push(chunk)
      // Who is not waiting is busy: nothing is read ahead for it.
      if (wake === undefined) readable.pause()
      else wake()
    })
    readable.on("error", () => {})
    readable.once("close", () => wake?.())

    const more = Effect.callback<void>((resume) => {
      wake = () => {
        wake = undefined
        resume(Effect.void)
      }
      readable.resume()
      return Effect.sync(() => {
        wake = undefined
      })
    })
    const pull: Pull.Pull<Arr.NonEmptyReadonlyArray<Uint8Array>> = Effect.suspend(() => {
      const taken = chunks
      if (Arr.isArrayNonEmpty(taken)) {
        chunks = []
        return Effect.succeed(taken)
      }
      return readable.closed ? Cause.done() : Effect.flatMap(more, () => pull)
    })
    return pull
  })).pipe(Stream.ensuring(Effect.sync(() => readable.destroy())))
