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
import { type CodexConnectError, InvalidInputError } from "./model/CodexError.ts"
import * as Limits from "./model/Limits.ts"
import type { ServerRequestHandlers } from "./model/ServerRequests.ts"
import { version } from "./model/version.ts"
import * as Binary from "./node/Binary.ts"
import { configOverrides, type ConfigValue } from "./node/ConfigOverrides.ts"

export { configOverrides, type ConfigValue } from "./node/ConfigOverrides.ts"

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
  /** Limits for the turns of all threads: see `Limits`. Default: none. */
  readonly limits?: Limits.Limits | undefined
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
  codexPath: Option.getOrUndefined(options.codexPath),
  codexHome: Option.getOrUndefined(options.codexHome),
  cwd: Option.getOrUndefined(options.cwd),
  env: Option.match(apiKey, { onNone: () => undefined, onSome: (key) => ({ CODEX_API_KEY: key }) })
})))

/** The parameters of `initialize`. */
export const initializeParams = (config: CodexConfig<unknown>): Protocol.InitializeParams => ({
  clientInfo: { title: null, ...(config.clientInfo ?? { name: "effect-codex", version }) },
  capabilities: {
    experimentalApi: config.experimentalApi ?? defaults.experimentalApi,
    requestAttestation: false,
    ...(config.optOutNotifications === undefined ? {} : { optOutNotificationMethods: config.optOutNotifications })
  }
})

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
export const command = (config: CodexConfig<unknown>): Effect.Effect<Command, CodexConnectError | InvalidInputError> =>
  Effect.gen(function*() {
    yield* validate(config)
    const env = environment(config)
    const base = { cwd: config.cwd, env }
    if (config.args !== undefined) {
      const [program, ...args] = config.args
      return { ...base, program, args }
    }
    const overrides = yield* configOverrides(config.config ?? {})
    const binary = yield* Binary.find(config.codexPath, env)
    return {
      ...base,
      program: binary.path,
      args: [...overrides.flatMap((override) => ["--config", override]), "app-server", "--listen", "stdio://"],
      env: binary.helpers === undefined ? env : Binary.withPath(env, binary.helpers)
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
    return Limits.validate(config.limits)
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
