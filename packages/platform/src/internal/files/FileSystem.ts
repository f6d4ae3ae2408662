/**
 * Effect's `FileSystem` on the file operations of a helper.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as PlatformError from "effect/PlatformError"
import { randomBytes } from "node:crypto"
import { posix, win32 } from "node:path"
import type { Fault } from "../server/Fault.ts"
import * as FileHandle from "./FileHandle.ts"
import type { Files, OpenOptions, Time } from "./Files.ts"
import { at as atPath, on as onPaths } from "./place.ts"
import type { Watcher } from "./Watch.ts"

/** The parts of a file system. */
export interface Parts {
  readonly files: Files
  readonly watcher: Watcher
  /** The directory that relative paths start from. */
  readonly cwd: string
  /** The directory for temporary files. */
  readonly temporary: string
  /** The server's operating system, as the handshake names it. */
  readonly os: string | undefined
}

/** Reads a time as Node does: a negative number of seconds is now. */
const timeOf = (time: Date | number): Time | undefined => {
  const value = typeof time === "number" ? time * 1000 : time.getTime()
  if (!Number.isFinite(value)) return undefined
  const millis = typeof time === "number" && value < 0 ? Date.now() : value
  const seconds = Math.floor(millis / 1000)
  return { seconds, nanoseconds: Math.min(999_999_999, Math.round((millis - seconds * 1000) * 1_000_000)) }
}

const openOptions = (
  options: { readonly flag?: FileSystem.OpenFlag | undefined; readonly mode?: number | undefined } | undefined,
  flag: FileSystem.OpenFlag
): OpenOptions => ({ flag: options?.flag ?? flag, mode: options?.mode ?? 0o666 })

/** Makes the service. */
export const make = ({ cwd, files, os, temporary, watcher }: Parts): FileSystem.FileSystem => {
  const path = os === "windows" ? win32 : posix
  const on = onPaths(cwd, os)
  const at = (path: string) => atPath(os, path)

  /** A method that does one operation on one path. */
  const one = <A>(method: string, given: string, operation: (path: string) => Effect.Effect<A, Fault>) =>
    on(method, [given], (path) => at(given)(method, operation(path!)))

  /** A method that does one operation on two paths. */
  const two = <A>(
    method: string,
    from: string,
    to: string,
    operation: (from: string, to: string) => Effect.Effect<A, Fault>
  ) => on(method, [from, to], (one, other) => at(from)(method, operation(one!, other!)))

  const makeTempDirectory = (method: string) =>
  (options?: {
    readonly directory?: string | undefined
    readonly prefix?: string | undefined
  }) => {
    const directory = typeof options?.directory === "string" ? path.join(options.directory, ".") : temporary
    const prefix = options?.prefix ? path.join(directory, options.prefix) : `${directory}${path.sep}`
    // What is returned is relative if the directory is, as with Node.
    return on(method, [prefix], (absolute) =>
      Effect.map(
        at(prefix)(method, files.makeTempDirectory(absolute!)),
        (made) => `${prefix}${made.slice(absolute!.length)}`
      ))
  }

  const makeTempFile = (method: string): FileSystem.FileSystem["makeTempFile"] => (options) =>
    Effect.flatMap(makeTempDirectory(method)(options), (directory) => {
      const file = path.join(directory, `${randomBytes(6).toString("hex")}${options?.suffix ?? ""}`)
      const write = one(method, file, (path) => files.writeFile(path, new Uint8Array(), openOptions(undefined, "w")))
      return Effect.as(write, file)
    })

  const remove = (method: string, given: string, options: { readonly recursive: boolean; readonly force: boolean }) =>
    one(method, given, (path) => files.remove(path, options))

  return FileSystem.make({
    access: (path, options) =>
      one("access", path, (path) => files.access(path, (options?.readable ? 4 : 0) | (options?.writable ? 2 : 0))),
    chmod: (path, mode) => one("chmod", path, (path) => files.chmod(path, mode)),
    chown: (path, uid, gid) => one("chown", path, (path) => files.chown(path, uid, gid)),
    copy: (from, to, options) =>
      two("copy", from, to, (from, to) =>
        files.copy(from, to, {
          overwrite: options?.overwrite ?? false,
          preserve: options?.preserveTimestamps ?? false
        })),
    copyFile: (from, to) => two("copyFile", from, to, files.copyFile),
    link: (from, to) => two("link", from, to, files.link),
    lstat: (path) => one("lstat", path, (path) => files.stat(path, false)),
    makeDirectory: (path, options) =>
      one(
        "makeDirectory",
        path,
        (path) => files.makeDirectory(path, { recursive: options?.recursive ?? false, mode: options?.mode })
      ),
    makeTempDirectory: makeTempDirectory("makeTempDirectory"),
    makeTempDirectoryScoped: (options) =>
      Effect.acquireRelease(
        makeTempDirectory("makeTempDirectoryScoped")(options),
        (directory) => Effect.orDie(remove("makeTempDirectoryScoped", directory, { recursive: true, force: true }))
      ),
    makeTempFile: makeTempFile("makeTempFile"),
    makeTempFileScoped: (options) =>
      Effect.acquireRelease(
        makeTempFile("makeTempFileScoped")(options),
        (file) => Effect.orDie(remove("makeTempFileScoped", path.dirname(file), { recursive: true, force: true }))
      ),
    open: (given, options) =>
      on("open", [given], (path) =>
        Effect.map(
          Effect.acquireRelease(
            at(given)(
              "open",
              files.open(path!, { ...openOptions(options, "r"), noFollow: options?.noFollow ?? false })
            ),
            // Without a helper there is nothing left to close.
            (file) => Effect.ignore(file.close)
          ),
          (file) => FileHandle.make(file, options?.flag?.startsWith("a") ?? false, at(given))
        )),
    readDirectory: (path, options) =>
      one("readDirectory", path, (path) => files.names(path, options?.recursive ?? false)),
    readDirectoryEntries: (path) => one("readDirectoryEntries", path, files.entries),
    readFile: (path) => one("readFile", path, files.readFile),
    readLink: (path) => one("readLink", path, files.readLink),
    realPath: (path) => one("realPath", path, files.realPath),
    remove: (path, options) =>
      remove("remove", path, { recursive: options?.recursive ?? false, force: options?.force ?? false }),
    rename: (from, to) => two("rename", from, to, files.rename),
    stat: (path) => one("stat", path, (path) => files.stat(path, true)),
    symlink: (target, path) =>
      // The target is text: it stays as it is.
      on("symlink", [target, path], (_, absolute) => at(path)("symlink", files.symlink(target, absolute!))),
    truncate: (path, length) => one("truncate", path, (path) => files.truncate(path, Math.max(0, length ?? 0))),
    utimes: (given, atime, mtime) => {
      const [accessed, modified] = [timeOf(atime), timeOf(mtime)]
      return accessed === undefined || modified === undefined
        ? Effect.fail(PlatformError.badArgument({
          module: "FileSystem",
          method: "utime",
          description: "a time is neither a valid Date nor a finite number of seconds"
        }))
        : one("utime", given, (path) => files.utimes(path, accessed, modified))
    },
    watch: (given, options) => watcher.watch(given, on, at(given), options),
    writeFile: (path, data, options) =>
      one("writeFile", path, (path) => files.writeFile(path, data, openOptions(options, "w")))
  })
}
