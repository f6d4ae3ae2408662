/**
 * File operations by resident perls: system calls with their own error numbers, real descriptors, no shell.
 */
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import type { Fault } from "../server/Fault.ts"
import type { Files, OpenFile, Signs, Time } from "./Files.ts"
import * as Info from "./Info.ts"
import type { Answer, Field, Perl, Perls } from "./PerlHelpers.ts"
import { typeOf } from "./typeOf.ts"

/** The most bytes of content in one frame. */
const frameSize = 1024 * 1024

const text = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()

const timeOf = ({ nanoseconds, seconds }: Time): string => `${seconds}.${nanoseconds}`

/** Returns all results of a call as texts; a call without results has an empty one. */
const textsOf = ({ bytes, rest }: Answer): Array<string> =>
  bytes.length === 0 && rest.length === 0 ? [] : [bytes, ...rest].map(text)

const pairsOf = (texts: ReadonlyArray<string>): Array<readonly [string, string]> =>
  Array.from({ length: texts.length >> 1 }, (_, index) => [texts[2 * index]!, texts[2 * index + 1]!] as const)

const openFile = (perl: Perl, handle: string): OpenFile => {
  const done = (operation: string, ...fields: ReadonlyArray<Field>) =>
    Effect.asVoid(perl.call(operation, handle, ...fields))
  return {
    read: (position, length) => Effect.map(perl.call("read", handle, position, length), ({ bytes }) => bytes),
    write: Effect.fnUntraced(function*(position, bytes) {
      let written = 0
      do {
        const piece = bytes.subarray(written, written + frameSize)
        const at = position === undefined ? "" : position + BigInt(written)
        const { bytes: count } = yield* perl.call("write", handle, at, piece)
        written += Number(text(count))
      } while (written < bytes.length)
      return written
    }),
    truncate: (length) => done("ftruncate", length),
    stat: Effect.map(perl.call("fstat", handle), ({ bytes }) => Info.parse(text(bytes))),
    sync: done("fsync"),
    close: done("close")
  }
}

/** Makes file operations on a pool of perls. */
export const make = (perls: Perls): Files => {
  const call = (operation: string, ...fields: ReadonlyArray<Field>): Effect.Effect<Answer, Fault> =>
    Effect.flatMap(perls.take, (perl) => perl.call(operation, ...fields))
  const done = (operation: string, ...fields: ReadonlyArray<Field>) => Effect.asVoid(call(operation, ...fields))
  const texts = (operation: string, ...fields: ReadonlyArray<Field>) => Effect.map(call(operation, ...fields), textsOf)
  const one = (operation: string, ...fields: ReadonlyArray<Field>) =>
    Effect.map(call(operation, ...fields), ({ bytes }) => text(bytes))

  const open: Files["open"] = (path, { flag, mode, noFollow = false }) =>
    Effect.flatMap(
      perls.take,
      (perl) => Effect.map(perl.call("open", path, flag, mode, noFollow), ({ bytes }) => openFile(perl, text(bytes)))
    )

  return {
    access: (path, mode) => done("access", path, mode),
    stat: (path, follow) => Effect.map(one("stat", path, follow), Info.parse),
    readFile: (path) => Effect.map(call("get", path), ({ bytes }) => bytes),
    writeFile: (path, bytes, options) =>
      bytes.length <= frameSize
        ? done("put", path, options.flag, options.mode, bytes)
        : Effect.acquireUseRelease(
          open(path, options),
          (file) => {
            const pieces = Array.from(
              { length: Math.ceil(bytes.length / frameSize) },
              (_, index) => bytes.subarray(index * frameSize, (index + 1) * frameSize)
            )
            // Without positions, for not every file has them. One call ahead of the answer keeps both sides busy.
            return Effect.forEach(pieces, (piece) => file.write(undefined, piece), { concurrency: 2, discard: true })
          },
          (file) => Effect.ignore(file.close)
        ),
    open,
    names: (path, recursive) => texts("list", path, recursive),
    entries: (path) =>
      Effect.map(
        texts("kinds", path),
        (texts) => pairsOf(texts).map(([name, letter]) => ({ name, type: typeOf[letter] ?? "Unknown" }))
      ),
    makeDirectory: (path, { mode = 0o777, recursive }) => done("mkdir", path, mode, recursive),
    makeTempDirectory: (prefix) => one("mktemp", prefix),
    remove: (path, { force, recursive }) => done("remove", path, recursive, force),
    rename: (from, to) => done("rename", from, to),
    link: (from, to) => done("link", from, to),
    symlink: (target, path) => done("symlink", target, path),
    readLink: (path) => one("readlink", path),
    realPath: (path) => one("realpath", path),
    chmod: (path, mode) => done("chmod", path, mode),
    chown: (path, uid, gid) => done("chown", path, uid, gid),
    utimes: (path, atime, mtime) => done("utimes", path, timeOf(atime), timeOf(mtime)),
    truncate: (path, length) => done("truncate", path, length),
    copyFile: (from, to) => done("copyFile", from, to),
    copy: (from, to, { overwrite, preserve }) => done("copy", from, to, overwrite, preserve),
    signs: (paths) =>
      paths.length === 0
        ? Effect.succeed<Signs>(new Map())
        : Effect.map(call("signs", ...paths), ({ bytes, rest }) => {
          const signs = [bytes, ...rest].map(text)
          return new Map(paths.map((path, index) => [path, signs[index] ?? ""]))
        }),
    scan: (path, recursive) =>
      Effect.map(
        texts("scan", path, recursive),
        (texts) => new Map(pairsOf(texts).map(([name, sign]) => [name === "" ? path : `${path}/${name}`, sign]))
      )
  }
}
