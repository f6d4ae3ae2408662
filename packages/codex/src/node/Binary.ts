/**
 * The lookup of the executable: the codex binary, or the program that the caller names.
 *
 * The lookup returns an absolute path, and exactly that file is executed. It never searches the working directory of the
 * process, because a checked-out repository must not choose the program that runs.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Path from "node:path"
import type { PathKind } from "../model/connection/Transport.ts"
import { CodexConnectError } from "../model/errors/CodexError.ts"

type Environment = { readonly [name: string]: string }

/** The directory and environment in which a program is looked up. */
export interface Place {
  /** The working directory of this program. Relative paths are resolved against it. */
  readonly directory: string
  /** The environment of the process. Names are looked up on its PATH. */
  readonly env: Environment
}

/** A codex binary. */
export interface Binary {
  readonly path: string
  /** The directory of the helper programs that come with the binary. It belongs on PATH. */
  readonly helpers?: string
}

const isWindows = process.platform === "win32"

const executable = isWindows ? "codex.exe" : "codex"

const targets: { readonly [platform: string]: { readonly [arch: string]: string } } = {
  linux: { x64: "x86_64-unknown-linux-musl", arm64: "aarch64-unknown-linux-musl" },
  android: { x64: "x86_64-unknown-linux-musl", arm64: "aarch64-unknown-linux-musl" },
  darwin: { x64: "x86_64-apple-darwin", arm64: "aarch64-apple-darwin" },
  win32: { x64: "x86_64-pc-windows-msvc", arm64: "aarch64-pc-windows-msvc" }
}

/** Finds the binary: the one that the option or the environment names, else the pinned one, else one on PATH. */
export const find = (codexPath: string | undefined, place: Place): Effect.Effect<Binary, CodexConnectError> =>
  Effect.suspend(() => {
    if (codexPath !== undefined) return named("codexPath", codexPath, place)
    const fromEnv = place.env["CODEX_PATH"]
    if (fromEnv !== undefined && fromEnv !== "") return named("CODEX_PATH", fromEnv, place)
    const pinned = pinnedBinary()
    if (typeof pinned !== "string") return Effect.succeed(pinned)
    const path = onPath("codex", place.env)
    if (path !== undefined) return Effect.succeed({ path: nativeOf(path) ?? path })
    return notFound("codex", `codexPath and CODEX_PATH are not set, ${pinned}, and there is no codex on PATH`)
  })

/** Returns the absolute path of a program that an option names. Does not check that a path exists: starting it does. */
export const locate = (
  program: string,
  place: Place & { readonly option: string }
): Effect.Effect<string, CodexConnectError> =>
  Effect.suspend(() => {
    const path = isName(program) ? onPath(program, place.env) : Path.resolve(place.directory, program)
    return path === undefined
      ? notFound(program, `${place.option} names a program that is not on PATH`)
      : Effect.succeed(path)
  })

const named = (option: string, program: string, place: Place): Effect.Effect<Binary, CodexConnectError> =>
  Effect.flatMap(locate(program, { ...place, option }), (path) => {
    const found = look(path)
    if (found === "file" || found === "empty") return Effect.succeed({ path: nativeOf(path) ?? path })
    if (found === "missing") return notFound(path, `${option} names a file that does not exist`)
    const detail = `${option} names ${mistakenFor[found]}`
    return Effect.fail(new CodexConnectError({ reason: { _tag: "NotExecutable", detail }, target: path }))
  })

const notFound = (target: string, detail: string) =>
  Effect.fail(new CodexConnectError({ reason: { _tag: "NotFound", detail }, target }))

const mistakenFor = {
  directory: "a directory",
  other: "something that is not a file",
  hidden: "something that cannot be read (a directory above it is closed, or its links lead nowhere)"
}

/** Returns the kind of file at a path, or `hidden` if it cannot be inspected. */
export const look = (path: string): Exclude<PathKind, "relative"> => {
  try {
    const stats = Fs.statSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return "missing"
    return stats.isFile() ? stats.size === 0 ? "empty" : "file" : stats.isDirectory() ? "directory" : "other"
  } catch {
    return "hidden"
  }
}

const isFile = (path: string): boolean => ["file", "empty"].includes(look(path))

const isExecutable = (path: string): boolean => {
  try {
    Fs.accessSync(path, Fs.constants.X_OK)
    return isFile(path)
  } catch {
    return false
  }
}

/** Returns true for a program without a directory, which is looked up on PATH. */
const isName = (program: string): boolean => program === Path.basename(program) && program !== "." && program !== ".."

/** Returns the file with this name on PATH. Skips relative entries, which would depend on a working directory. */
const onPath = (name: string, env: Environment): string | undefined => {
  const names = isWindows && Path.extname(name) === "" ? [`${name}.exe`, `${name}.cmd`] : [name]
  for (const directory of (env[pathName(env)] ?? "").split(Path.delimiter)) {
    if (!Path.isAbsolute(directory)) continue
    const found = names.map((name) => Path.join(directory, name)).find(isExecutable)
    if (found !== undefined) return found
  }
  return undefined
}

/**
 * Returns the native binary in the platform package of the installed `@openai/codex`, or the reason why there is none.
 *
 * Resolves the package from this file or, in a bundle, from the bundle: `import.meta.url` in an ES module, `__filename` in a
 * CommonJS one.
 */
const pinnedBinary = (): Binary | string => {
  const self: string | undefined = import.meta.url ?? (typeof __filename === "string" ? __filename : undefined)
  let manifest: string
  try {
    if (self === undefined) throw new Error("this code does not know where it is")
    manifest = createRequire(self).resolve("@openai/codex/package.json")
  } catch {
    return "the package @openai/codex cannot be reached from this code (a bundle needs codexPath)"
  }
  return binaryOf(manifest) ?? `the installed @openai/codex has no binary for ${process.platform}-${process.arch}`
}

/** Returns the native binary that belongs to the package `@openai/codex` with this package.json. */
const binaryOf = (manifest: string): Binary | undefined => {
  const target = targets[process.platform]?.[process.arch]
  if (target === undefined) return undefined
  const platform = process.platform === "android" ? "linux" : process.platform
  let directory: string
  try {
    directory = Path.dirname(
      createRequire(manifest).resolve(`@openai/codex-${platform}-${process.arch}/package.json`)
    )
  } catch {
    return undefined
  }
  const vendor = Path.join(directory, "vendor", target)
  // The second is the layout of older versions.
  for (const [binary, helpers] of [["bin", "codex-path"], ["codex", "path"]] as const) {
    const path = Path.join(vendor, binary, executable)
    if (isFile(path)) {
      const directory = Path.join(vendor, helpers)
      return Fs.existsSync(directory) ? { path, helpers: directory } : { path }
    }
  }
  return undefined
}

/** Returns the binary behind npm's `.cmd` shim, which Windows cannot start without a shell. */
const nativeOf = (path: string): string | undefined =>
  path.toLowerCase().endsWith(".cmd")
    ? binaryOf(Path.join(Path.dirname(path), "node_modules", "@openai", "codex", "package.json"))?.path
    : undefined

/** Returns the name of the PATH variable in an environment. Windows may call it `Path`. */
const pathName = (env: Environment): string => Object.keys(env).find((name) => name.toUpperCase() === "PATH") ?? "PATH"

/** Returns the environment with a directory at the front of its PATH. */
export const withPath = (env: Environment, directory: string): Environment => {
  const name = pathName(env)
  const rest = (env[name] ?? "").split(Path.delimiter).filter((entry) => entry !== "" && entry !== directory)
  return { ...env, [name]: [directory, ...rest].join(Path.delimiter) }
}
