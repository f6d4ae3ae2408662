/**
 * Bytes to lines.
 *
 * Each line is decoded by itself: a character that needs two bytes in memory makes that one line large, not the whole
 * chunk, and no character is cut in two.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"

const lineFeed = 10

/** A line ends at a line feed, and at the end; it may have any length. Lines come in the chunks in which they arrived. */
export const split = <E>(bytes: Stream.Stream<Uint8Array, E>): Stream.Stream<string, E> =>
  Stream.transformPull(bytes, (pull) =>
    Effect.sync(() => {
      /** The pieces of the line that has not ended. */
      let rest: Array<Uint8Array> = []

      const splitChunk = (lines: Array<string>, chunk: Uint8Array) => {
        const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
        let start = 0
        for (let end = buffer.indexOf(lineFeed); end >= 0; end = buffer.indexOf(lineFeed, start)) {
          if (rest.length === 0) lines.push(buffer.toString("utf8", start, end))
          else {
            lines.push(Buffer.concat([...rest, buffer.subarray(start, end)]).toString())
            rest = []
          }
          start = end + 1
        }
        if (start < buffer.length) rest.push(buffer.subarray(start))
      }

      const next: Pull.Pull<Arr.NonEmptyReadonlyArray<string>, E> = Effect.flatMap(pull, (chunks) => {
        const lines: Array<string> = []
        for (const chunk of chunks) splitChunk(lines, chunk)
        return Arr.isArrayNonEmpty(lines) ? Effect.succeed(lines) : next
      })
      return Pull.catchDone(next, () => {
        if (rest.length === 0) return Cause.done()
        const last = Buffer.concat(rest).toString()
        rest = []
        return Effect.succeed(Arr.of(last))
      })
    }))
