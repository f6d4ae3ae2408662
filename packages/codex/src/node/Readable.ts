/**
 * A reader of Node's readable streams that calls a plain callback.
 *
 * The callback runs inside Node's `data` event: no fiber and no turn of the event loop separates the arrival of a chunk from
 * its reader.
 */
import * as Effect from "effect/Effect"
import type { Readable } from "node:stream"

/**
 * Passes each chunk of a readable to `onChunk`. If `onChunk` returns an Effect, the readable is paused until that has run.
 * Succeeds when the readable has ended or failed, after its last chunk. Destroys the readable at the end, also when
 * interrupted.
 */
export const forEachChunk = <E = never>(
  readable: Readable,
  onChunk: (chunk: Buffer) => Effect.Effect<void, E> | undefined
): Effect.Effect<void, E> => {
  type Busy = Effect.Effect<void, E> | undefined
  const untilBusyOrClosed = Effect.callback<Busy>((resume) => {
    const stop = (next: Effect.Effect<Busy>) => {
      readable.off("data", onData)
      readable.off("close", onClose)
      resume(next)
    }
    const onData = (chunk: Buffer) => {
      let busy: Busy
      try {
        busy = onChunk(chunk)
      } catch (error) {
        busy = Effect.die(error)
      }
      if (busy === undefined) return
      readable.pause()
      stop(Effect.succeed(busy))
    }
    const onClose = () => stop(Effect.succeed(undefined))
    if (readable.closed) return onClose()
    readable.on("data", onData)
    readable.once("close", onClose)
    readable.resume()
    return Effect.sync(() => {
      readable.off("data", onData)
      readable.off("close", onClose)
    })
  })
  const read: Effect.Effect<void, E> = Effect.flatMap(
    untilBusyOrClosed,
    (busy) => busy === undefined ? Effect.void : Effect.flatMap(busy, () => read)
  )
  return Effect.suspend(() => {
    // An error ends the readable. Without a listener, Node would throw it.
    readable.on("error", () => {})
    return read
  }).pipe(Effect.ensuring(Effect.sync(() => readable.destroy())))
}
