/**
 * Node's readable streams, read by a plain callback.
 *
 * A chunk is handed over while Node announces it: neither a fiber nor a turn of the event loop lies between the arrival of a
 * chunk and its reader.
 */
import * as Effect from "effect/Effect"
import type { Readable } from "node:stream"

/**
 * Hands over each chunk of a readable. Where `onChunk` returns an Effect, the readable is paused until it has run. Succeeds
 * when the readable has ended or broken, after its last chunk; an interruption destroys the readable.
 */
export const forEachChunk = <E = never>(
  readable: Readable,
  onChunk: (chunk: Buffer) => Effect.Effect<void, E> | undefined
): Effect.Effect<void, E> => Effect.ensuring(whileOpen(readable, onChunk), Effect.sync(() => readable.destroy()))

/** As {@link forEachChunk}, but leaves the readable as it is when it is interrupted. */
export const whileOpen = <E = never>(
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
    // Errors show as the end of the readable.
    readable.on("error", () => {})
    return read
  })
}
