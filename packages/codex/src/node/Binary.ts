/**
 * Where the codex binary is found.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Path from "node:path"
import { CodexConnectError } from "../model/CodexError.ts"

type Environment = { readonly [name: string]: string }

/** A codex that can be started. */
export interface Binary {
  readonly path: string
  /** A directory with the helper programs that come with the binary, to be put on PATH. */
  readonly helpers?: string
}

const executable = process.platform === "win32" ? "codex.exe" : "codex"

const targets: { readonly [platform: string]: { readonly [arch: string]: string } } = {
  linux: { x64: "x86_64-unknown-linux-musl", arm64: "aarch64-unknown-linux-musl" },
  android: { x64: "x86_64-unknown-linux-musl", arm64: "aarch64-unknown-linux-musl" },
  darwin: { x64: "x86_64-apple-darwin", arm64: "aarch64-apple-darwin" },
  win32: { x64: "x86_64-pc-windows-msvc", arm64: "aarch64-pc-windows-msvc" }
}

/** The binary that is named, by the option or in the environment; else the pinned one; else one on PATH. */
export const find = (codexPath: string | undefined, env: Environment): Effect.Effect<Binary, CodexConnectError> =>
  Effect.suspend(() => {
    if (codexPath !== undefined) return existing("codexPath", codexPath)
    const fromEnv = env["CODEX_PATH"]
    if (fromEnv !== undefined && fromEnv !== "") return existing("CODEX_PATH", fromEnv)
    const found = pinnedBinary() ?? binaryOnPath(env)
    if (found !== undefined) return Effect.succeed(found)
    return Effect.fail(
      new CodexConnectError({
        reason: {
          _tag: "NotFound",
          detail:
            `no binary is named (codexPath, CODEX_PATH), the package @openai/codex has none for ${process.platform}-${process.arch}, `
            + "and there is no codex on PATH"
        },
        target: "codex"
      })
    )
  })

const existing = (option: string, path: string): Effect.Effect<Binary, CodexConnectError> => {
  const found = look(path)
  if (found === "file") return Effect.succeed({ path: nativeOf(path) ?? path })
  return Effect.fail(
    new CodexConnectError({
      reason: {
        _tag: found === "missing" ? "NotFound" : "NotExecutable",
        detail: `${option} names ${mistakenFor[found]}`
      },
      target: path
    })
  )
}

const mistakenFor = {
  missing: "a file that does not exist",
  other: "something that is not a file",
  hidden: "something that cannot be read (a directory above it is closed, or its links lead nowhere)"
}

/** What there is at a path. */
const look = (path: string): "file" | "other" | "missing" | "hidden" => {
  try {
    const stats = Fs.statSync(path, { throwIfNoEntry: false })
    return stats === undefined ? "missing" : stats.isFile() ? "file" : "other"
  } catch {
    return "hidden"
  }
}

const isFile = (path: string): boolean => look(path) === "file"

const require = createRequire(import.meta.url)

/** The native binary in the platform package of the `@openai/codex` that is installed with this package. */
const pinnedBinary = (): Binary | undefined => {
  try {
    return binaryOf(require.resolve("@openai/codex/package.json"))
  } catch {
    return undefined
  }
}

/** The native binary that belongs to the package `@openai/codex` with this package.json. */
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

const binaryOnPath = (env: Environment): Binary | undefined => {
  const names = process.platform === "win32" ? ["codex.exe", "codex.cmd"] : ["codex"]
  for (const directory of (env[pathName(env)] ?? "").split(Path.delimiter)) {
    for (const name of directory === "" ? [] : names) {
      const path = Path.join(directory, name)
      if (isFile(path)) return { path: nativeOf(path) ?? path }
    }
  }
  return undefined
}

/** Windows can't start npm's `.cmd` shim without a shell: the binary that the shim stands for. */
const nativeOf = (path: string): string | undefined =>
  path.toLowerCase().endsWith(".cmd")
    ? binaryOf(Path.join(Path.dirname(path), "node_modules", "@openai", "codex", "package.json"))?.path
    : undefined

/** The name under which an environment has its PATH: Windows may write it `Path`. */
const pathName = (env: Environment): string => Object.keys(env).find((name) => name.toUpperCase() === "PATH") ?? "PATH"

/** The environment with a directory at the front of its PATH. */
export const withPath = (env: Environment, directory: string): Environment => {
  const name = pathName(env)
  const rest = (env[name] ?? "").split(Path.delimiter).filter((entry) => entry !== "" && entry !== directory)
  return { ...env, [name]: [directory, ...rest].join(Path.delimiter) }
}
