/**
 * An open file with a cursor, as Effect's contract has it.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as PlatformError from "effect/PlatformError"
import type { OpenFile } from "./Files.ts"
import type { At } from "./place.ts"

const badArgument = (method: string, description: string) =>
  PlatformError.badArgument({ module: "FileSystem", method, description })

const beforeStart = "cannot read before the start of the file"

/** Makes a handle of an open file. In append mode, writes go to the end and leave the cursor where it is. */
export const make = (file: OpenFile, append: boolean, at: At): FileSystem.File => {
  let cursor = 0n

  const read = (method: string, length: number, options: FileSystem.File.ReadOptions | undefined) =>
    Effect.suspend(() => {
      const explicit = options?.position
      if (explicit !== undefined && explicit < 0n) return Effect.fail(badArgument(method, beforeStart))
      if (length === 0) return Effect.succeed(new Uint8Array())
      const position = explicit ?? cursor
      return Effect.map(at(method, file.read(position, length)), (bytes) => {
        if (explicit === undefined) cursor = position + BigInt(bytes.length)
        return bytes
      })
    })

  const write = (method: string, bytes: Uint8Array) =>
    Effect.suspend(() => {
      const position = cursor
      return Effect.map(at(method, file.write(append ? undefined : position, bytes)), (written) => {
        if (!append) cursor = position + BigInt(written)
        return written
      })
    })

  return {
    [FileSystem.FileTypeId]: FileSystem.FileTypeId,
    stat: at("stat", file.stat),
    sync: at("sync", file.sync),
    seek: (offset, from) =>
      Effect.suspend(() => {
        const position = from === "start" ? offset : cursor + offset
        if (position < 0n) return Effect.fail(badArgument("seek", "cannot seek before the start of the file"))
        cursor = position
        return Effect.succeed(position)
      }),
    read: (buffer, options) =>
      Effect.map(read("read", buffer.length, options), (bytes) => {
        buffer.set(bytes)
        return bytes.length
      }),
    readAlloc: (size, options) =>
      Number.isInteger(size) && size >= 0
        ? Effect.map(
          read("readAlloc", size, options),
          (bytes) => bytes.length === 0 ? Option.none() : Option.some(bytes)
        )
        : Effect.fail(badArgument("readAlloc", "size must be a non-negative integer")),
    truncate: (length) =>
      Effect.map(at("truncate", file.truncate(Math.max(0, length ?? 0))), () => {
        const end = BigInt(length ?? 0)
        if (!append && cursor > end) cursor = end
      }),
    write: (bytes) => write("write", bytes),
    writeAll: (bytes) => bytes.length === 0 ? Effect.void : Effect.asVoid(write("writeAll", bytes))
  }
}
