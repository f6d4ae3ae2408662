/**
 * What a client can be configured with, and where the codex binary is found.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Path from "node:path"
import { CodexSpawnError, InvalidInputError } from "./CodexError.ts"
import { version } from "./internal/version.ts"
import type { ServerRequestHandlers } from "./ServerRequests.ts"

/** A value of Codex's configuration: what TOML can say. */
export type ConfigValue =
  | string
  | number
  | boolean
  | ReadonlyArray<ConfigValue>
  | { readonly [key: string]: ConfigValue | undefined }

/**
 * Options of the client. All are optional: `{}` starts the pinned binary with the user's own configuration and account.
 *
 * `R` is what the handlers in `serverRequests` require; the Layer then requires it too.
 *
 * @category models
 */
export interface CodexConfig<out R = never> {
  /** The native codex binary. It must exist: there is no fallback. */
  readonly codexPath?: string | undefined
  /** The whole command line, verbatim: the program and its arguments. Nothing is added; overrides `codexPath` and `config`. */
  readonly args?: readonly [program: string, ...args: ReadonlyArray<string>] | undefined
  /** Codex configuration for this process, as in config.toml; sent as `--config key=value`. `undefined` entries are left out. */
  readonly config?: { readonly [key: string]: ConfigValue | undefined } | undefined
  /** Working directory of the process. Default: that of this process. */
  readonly cwd?: string | undefined
  /** Environment variables; `Redacted` values never show in an error, log or span. `undefined` removes a variable. */
  readonly env?: { readonly [name: string]: string | Redacted.Redacted<string> | undefined } | undefined
  /** `"extend"` (the default) adds `env` to the environment of this process; `"replace"` gives the process nothing else. */
  readonly envMode?: "extend" | "replace" | undefined
  /** Directory of Codex's configuration, sessions and login: sets CODEX_HOME. Default: Codex's own, `~/.codex`. */
  readonly codexHome?: string | undefined
  /** Who we are, in `initialize`. Default: this package and its version. */
  readonly clientInfo?:
    | { readonly name: string; readonly version: string; readonly title?: string | undefined }
    | undefined
  /** Opt into the protocol's experimental methods and fields. Default: `true`. */
  readonly experimentalApi?: boolean | undefined
  /** Exact methods of notifications that the server shall not send on this connection, e.g. `["item/reasoning/textDelta"]`. */
  readonly optOutNotifications?: ReadonlyArray<string> | undefined
  /** How long the process may take from its start to the answered handshake. Default: 10 seconds. */
  readonly handshakeTimeout?: Duration.Input | undefined
  /** How long a request may take to be answered; a turn's length is not limited by it. Default: 60 seconds. */
  readonly requestTimeout?: Duration.Input | undefined
  /** How long the process may take to end by itself before it is sent SIGTERM, and again before SIGKILL. Default: 2 seconds. */
  readonly shutdownGrace?: Duration.Input | undefined
  /** Answers to what the server asks (approvals, tools, user input, ...). Default: `ServerRequests.declineAll`. */
  readonly serverRequests?: ServerRequestHandlers<R> | undefined
  /** Where the process's standard error goes: to the Effect logger (debug level), to ours, or nowhere. Default: `"log"`. */
  readonly stderr?: "log" | "inherit" | "ignore" | undefined
  /** Start the process again, by this schedule, when it is lost. Default: `false`, a lost connection stays lost. */
  readonly restart?: Schedule.Schedule<unknown, unknown> | false | undefined
}

/** Options that are used when none are given. Durations in the units of `effect/Duration`. */
export const defaults = {
  handshakeTimeout: "10 seconds",
  requestTimeout: "60 seconds",
  shutdownGrace: "2 seconds",
  stderr: "log",
  experimentalApi: true
} as const satisfies CodexConfig

/**
 * Reads options from Effect's `Config`: `CODEX_PATH`, `CODEX_HOME`, `CODEX_API_KEY` (redacted, handed to the process as
 * `CODEX_API_KEY`) and `CODEX_CWD`. All are optional. The key is for model providers whose `env_key` names it; it logs
 * nobody in, which `codex.loginApiKey` does.
 *
 * @category config
 */
export const fromConfig: Config.Config<CodexConfig> = Config.all({
  codexPath: Config.option(Config.String("CODEX_PATH")),
  codexHome: Config.option(Config.String("CODEX_HOME")),
  cwd: Config.option(Config.String("CODEX_CWD")),
  apiKey: Config.option(Config.Redacted("CODEX_API_KEY"))
}).pipe(Config.map(({ apiKey, ...options }) => ({
  codexPath: valueOf(options.codexPath),
  codexHome: valueOf(options.codexHome),
  cwd: valueOf(options.cwd),
  env: apiKey._tag === "Some" ? { CODEX_API_KEY: apiKey.value } : undefined
})))

const valueOf = <A>(option: { readonly _tag: "None" } | { readonly _tag: "Some"; readonly value: A }): A | undefined =>
  option._tag === "Some" ? option.value : undefined

/** The parameters of `initialize`. */
export const initializeParams = (config: CodexConfig<unknown>): Protocol.InitializeParams => ({
  clientInfo: { title: null, ...(config.clientInfo ?? { name: "effect-codex", version }) },
  capabilities: {
    experimentalApi: config.experimentalApi ?? defaults.experimentalApi,
    requestAttestation: false,
    ...(config.optOutNotifications === undefined ? {} : { optOutNotificationMethods: config.optOutNotifications })
  }
})

// ---------------------------------------------------------------------------------------------------------------------
// The command
// ---------------------------------------------------------------------------------------------------------------------

/** What is started: a program, its arguments, its whole environment (secrets unwrapped) and its working directory. */
export interface Command {
  /** A path, or a name to be found on PATH. */
  readonly program: string
  /** The arguments after the program. */
  readonly args: ReadonlyArray<string>
  /** All of it: nothing is inherited. */
  readonly env: { readonly [name: string]: string }
  /** The working directory; undefined for that of this process. */
  readonly cwd: string | undefined
}

/**
 * The command that a configuration stands for.
 *
 * The binary is looked for in this order: `args`, `codexPath` (it must exist), the environment variable `CODEX_PATH`, the
 * native binary of the installed `@openai/codex`, `codex` on PATH.
 *
 * @category constructors
 */
export const command = (config: CodexConfig<unknown>): Effect.Effect<Command, CodexSpawnError | InvalidInputError> =>
  Effect.gen(function*() {
    yield* validate(config)
    const env = environment(config)
    const base = { cwd: config.cwd, env }
    if (config.args !== undefined) {
      const [program, ...args] = config.args
      return { ...base, program, args }
    }
    const overrides = yield* configOverrides(config.config ?? {})
    const binary = yield* findBinary(config.codexPath, env)
    return {
      ...base,
      program: binary.path,
      args: [...overrides.flatMap((override) => ["--config", override]), "app-server", "--listen", "stdio://"],
      env: binary.helpers === undefined ? env : withPath(env, binary.helpers)
    }
  })

/**
 * Refuses options that can't be meant, and names them: not every caller is held by the types. Every Layer does.
 *
 * @category constructors
 */
export const validate = (config: CodexConfig<unknown>): Effect.Effect<void, InvalidInputError> =>
  Effect.suspend(() => {
    for (const [field, detail] of mistakes(config)) return Effect.fail(new InvalidInputError({ field, detail }))
    return Effect.void
  })

const isText = (value: unknown): boolean => typeof value === "string" && !value.includes("\0")

const secretOf = (value: unknown): unknown => Redacted.isRedacted(value) ? Redacted.value(value) : value

const allowed = { envMode: ["extend", "replace"], stderr: ["log", "inherit", "ignore"] } as const

function* mistakes(config: CodexConfig<unknown>): Generator<readonly [field: string, detail: string]> {
  for (const field of ["codexPath", "cwd", "codexHome"] as const) {
    if (config[field] !== undefined && !isText(config[field])) yield [field, "it is not a path: a string without NUL"]
  }
  const { args, env = {} } = config
  if (args !== undefined && !(Array.isArray(args) && args.every(isText) && args[0] !== undefined && args[0] !== "")) {
    yield ["args", "it is not a command: a list of strings without NUL, the first of which names the program"]
  }
  for (const [name, value] of Object.entries(env)) {
    // What is wrong is not shown: it may be a secret.
    if (value !== undefined && !isText(secretOf(value))) yield [`env.${name}`, "it is not a string without NUL"]
  }
  for (const field of ["envMode", "stderr"] as const) {
    const choices: ReadonlyArray<unknown> = allowed[field]
    const value = config[field]
    if (value !== undefined && !choices.includes(value)) {
      yield [field, `${JSON.stringify(value)} is not one of ${choices.join(", ")}`]
    }
  }
  for (const field of ["handshakeTimeout", "requestTimeout", "shutdownGrace"] as const) {
    const value = config[field]
    if (value !== undefined && Option.isNone(Duration.fromInput(value))) {
      yield [field, `it is not a duration: give milliseconds, or a text such as "${defaults[field]}"`]
    }
  }
}

const environment = (config: CodexConfig<unknown>): Record<string, string> => {
  const env: Record<string, string> = {}
  const set = (name: string, value: string | Redacted.Redacted<string> | undefined) => {
    if (value === undefined) delete env[name]
    else env[name] = Redacted.isRedacted(value) ? Redacted.value(value) : value
  }
  if (config.envMode !== "replace") { for (const [name, value] of Object.entries(process.env)) set(name, value) }
  for (const [name, value] of Object.entries(config.env ?? {})) set(name, value)
  if (config.codexHome !== undefined) env["CODEX_HOME"] = config.codexHome
  return env
}

/** The name under which an environment has its PATH: Windows may write it `Path`. */
const pathName = (env: { readonly [name: string]: string }): string =>
  Object.keys(env).find((name) => name.toUpperCase() === "PATH") ?? "PATH"

const withPath = (env: { readonly [name: string]: string }, directory: string): { readonly [name: string]: string } => {
  const name = pathName(env)
  const rest = (env[name] ?? "").split(Path.delimiter).filter((entry) => entry !== "" && entry !== directory)
  return { ...env, [name]: [directory, ...rest].join(Path.delimiter) }
}

// ---------------------------------------------------------------------------------------------------------------------
// The binary
// ---------------------------------------------------------------------------------------------------------------------

interface Binary {
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

const findBinary = (
  codexPath: string | undefined,
  env: { readonly [name: string]: string }
): Effect.Effect<Binary, CodexSpawnError> =>
  Effect.suspend(() => {
    if (codexPath !== undefined) return existing("codexPath", codexPath)
    const fromEnv = env["CODEX_PATH"]
    if (fromEnv !== undefined && fromEnv !== "") return existing("CODEX_PATH", fromEnv)
    const found = pinnedBinary() ?? binaryOnPath(env)
    if (found !== undefined) return Effect.succeed(found)
    return Effect.fail(
      new CodexSpawnError({
        reason: "NotFound",
        command: "codex",
        detail:
          `no binary was given (codexPath, CODEX_PATH), the package @openai/codex has none for ${process.platform}-${process.arch}, `
          + "and there is no codex on PATH"
      })
    )
  })

const existing = (option: string, path: string): Effect.Effect<Binary, CodexSpawnError> => {
  const found = look(path)
  if (found === "file") return Effect.succeed({ path: nativeOf(path) ?? path })
  return Effect.fail(
    new CodexSpawnError({
      reason: found === "missing" ? "NotFound" : "NotExecutable",
      command: path,
      detail: `${option} names ${mistakenFor[found]}`
    })
  )
}

const mistakenFor = {
  missing: "a file that does not exist",
  other: "something that is not a file",
  hidden: "something that can't be looked at (a directory above it is closed, or its links lead nowhere)"
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

const binaryOnPath = (env: { readonly [name: string]: string }): Binary | undefined => {
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

// ---------------------------------------------------------------------------------------------------------------------
// `--config` overrides
// ---------------------------------------------------------------------------------------------------------------------

const bareKey = /^[A-Za-z0-9_-]+$/

/** How deep tables and lists may be nested. Codex can't read more than 80, and takes what it can't read as a string. */
const maxDepth = 64

/**
 * Flattens a configuration to `key=<TOML>` overrides: `{ a: { b: 1 } }` is `["a.b=1"]`.
 *
 * Codex splits the key at every dot, quoted or not, so a table with a key that needs quoting is written as one inline
 * table; Codex merges it with the tables of the same name in its other layers.
 *
 * @category constructors
 */
export const configOverrides = (
  config: { readonly [key: string]: ConfigValue | undefined }
): Effect.Effect<ReadonlyArray<string>, InvalidInputError> =>
  Effect.suspend(() => {
    const overrides: Array<string> = []
    const problem = isTable(config) ? flatten(config, [], overrides) : invalid([], "it is not a plain object")
    return problem === undefined ? Effect.succeed(overrides) : Effect.fail(problem)
  })

const invalid = (path: ReadonlyArray<string>, detail: string): InvalidInputError =>
  new InvalidInputError({ field: ["config", ...path].join("."), detail })

const isTable = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)
  && [Object.prototype, null].includes(Object.getPrototypeOf(value))

const entriesOf = (table: { readonly [key: string]: unknown }) =>
  Object.entries(table).filter(([, value]) => value !== undefined)

const flatten = (
  value: unknown,
  path: ReadonlyArray<string>,
  overrides: Array<string>
): InvalidInputError | undefined => {
  if (isTable(value) && path.length <= maxDepth) {
    const entries = entriesOf(value)
    const plain = entries.every(([key]) => bareKey.test(key))
    if (path.length === 0 && !plain) {
      const [key] = entries.find(([key]) => !bareKey.test(key))!
      return invalid(
        path,
        `the key ${
          JSON.stringify(key)
        } can't be given at the top: use letters, digits, "_" and "-", and nest objects instead of dots`
      )
    }
    if (plain && (path.length === 0 || entries.length > 0)) {
      for (const [key, nested] of entries) {
        const problem = flatten(nested, [...path, key], overrides)
        if (problem !== undefined) return problem
      }
      return undefined
    }
  }
  const toml = tomlOf(value, path)
  if (typeof toml !== "string") return toml
  overrides.push(`${path.join(".")}=${toml}`)
  return undefined
}

const tomlOf = (value: unknown, path: ReadonlyArray<string>): string | InvalidInputError => {
  // A value that contains itself ends here, too.
  if (path.length > maxDepth) {
    return invalid(path.slice(0, 3), `it is nested more than ${maxDepth} levels deep, or contains itself`)
  }
  if (typeof value === "string") return tomlString(value, path)
  if (typeof value === "boolean") return String(value)
  if (typeof value === "number") return tomlNumber(value, path)
  if (Array.isArray(value)) {
    return joined(Array.from(value, (item, index) => tomlOf(item, [...path, String(index)])), "[", "]")
  }
  if (isTable(value)) {
    return joined(
      entriesOf(value).map(([key, nested]) => {
        const name = bareKey.test(key) ? key : tomlString(key, path)
        return typeof name === "string" ? joined([`${name} = `, tomlOf(nested, [...path, key])], "", "", "") : name
      }),
      "{",
      "}"
    )
  }
  return invalid(path, noForm(value))
}

// JSON's escapes are TOML's, but for DEL, and for halves of characters.
const tomlString = (text: string, path: ReadonlyArray<string>): string | InvalidInputError =>
  /\p{Surrogate}/u.test(text)
    ? invalid(path, "it has half a character (a lone surrogate), which TOML can't have")
    : JSON.stringify(text).replaceAll("\u007f", "\\u007f")

const tomlNumber = (value: number, path: ReadonlyArray<string>): string | InvalidInputError => {
  if (!Number.isFinite(value)) return invalid(path, `${value} is not a number that a configuration can have`)
  // An integer of TOML has 64 bits; with an exponent it is a float.
  return Math.abs(value) < 2 ** 63 ? String(value) : value.toExponential()
}

/** Why a value is refused, and what to give instead. */
const noForm = (value: unknown): string => {
  if (value === null || value === undefined) return `${value} has no form in TOML: leave the key out instead`
  if (Redacted.isRedacted(value)) {
    return "a secret would show in the list of processes: give it in `env`, and its variable's name here (`env_key`, `bearer_token_env_var`, ...)"
  }
  const name = typeof value === "object" ? value.constructor?.name ?? "object" : typeof value
  return `a value of type ${name} has no form in TOML: give a string, a number, a boolean, a list or a plain object`
}

const joined = (
  parts: ReadonlyArray<string | InvalidInputError>,
  open: string,
  close: string,
  separator = ", "
): string | InvalidInputError =>
  parts.find((part) => typeof part !== "string") ?? `${open}${parts.join(separator)}${close}`
