/**
 * Options of an app-server that runs as a child process: its program, directory, environment and shutdown.
 */
import type * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as options from "../base/options.ts"
import type { ConfigValue } from "./ConfigOverrides.ts"

/**
 * Options of a child process. All are optional: `{}` starts the pinned binary with the user's own configuration and account.
 *
 * @category models
 */
export interface ProcessOptions {
  /**
   * The native codex binary: a path, relative to the working directory of this program, or a name to look up on PATH. The file
   * must exist: there is no fallback. Default: the environment variable CODEX_PATH, then the binary of the installed
   * `@openai/codex`, then PATH.
   */
  readonly codexPath?: string | undefined
  /**
   * The whole command line: a program, found like `codexPath`, and its arguments. Nothing is added to it. It replaces
   * `codexPath` and `config`. Default: the binary, started as `codex app-server`.
   */
  readonly args?: readonly [program: string, ...args: ReadonlyArray<string>] | undefined
  /**
   * Codex configuration for this process, as in `config.toml`, passed as `--config key=value`. Entries that are `undefined` are
   * left out. Default: none.
   */
  readonly config?: { readonly [key: string]: ConfigValue | undefined } | undefined
  /** The working directory of the process, and of threads without `cwd`. It must exist. Default: that of this program. */
  readonly cwd?: string | undefined
  /**
   * Environment variables. A `Redacted` value never appears in an error, log or span; `undefined` removes a variable. Default:
   * none.
   */
  readonly env?: { readonly [name: string]: string | Redacted.Redacted<string> | undefined } | undefined
  /** `"extend"` adds `env` to the environment of this program, `"replace"` uses `env` alone. Default: `"extend"`. */
  readonly envMode?: "extend" | "replace" | undefined
  /**
   * The directory of Codex's configuration, sessions and login; it sets CODEX_HOME. A missing directory is created with mode
   * 0700. Default: `~/.codex`.
   */
  readonly codexHome?: string | undefined
  /** The time that the process has to end by itself before SIGTERM, and then again before SIGKILL. Default: 2 seconds. */
  readonly shutdownGrace?: Duration.Input | undefined
  /**
   * The destination of standard error: Effect's logger at debug level (`"log"`), the standard error of this program
   * (`"inherit"`), or nowhere (`"ignore"`). Default: `"log"`.
   */
  readonly stderr?: "log" | "inherit" | "ignore" | undefined
}

/**
 * The default values of the options.
 *
 * @category models
 */
export const defaults = {
  envMode: "extend",
  shutdownGrace: "2 seconds",
  stderr: "log"
} as const satisfies ProcessOptions

const isText = (value: unknown): boolean => typeof value === "string" && !value.includes("\0")

const path: options.Check = (value) =>
  isText(value) && value !== "" ? undefined : "it is not a path; pass a non-empty string without NUL"

const args: options.Check = (value) =>
  Array.isArray(value) && value.length > 0 && value.every(isText) && value[0] !== ""
    ? undefined
    : "it is not a command; pass a list of strings without NUL whose first entry is the program"

/** Checks variables. The message never shows a value, which may be a secret. */
const env: options.Check = (value) => {
  if (!Predicate.isObject(value)) return "it is not an object of variables"
  for (const [name, variable] of Object.entries(value)) {
    if (variable === undefined || isText(Redacted.isRedacted(variable) ? Redacted.value(variable) : variable)) continue
    return { field: `env.${name}`, detail: "it is not a string without NUL" }
  }
  return undefined
}

/** One check for each option. */
export const checks: options.Checks<ProcessOptions> = {
  codexPath: path,
  args,
  // `configOverrides` checks it.
  config: options.anything,
  cwd: path,
  env,
  envMode: options.oneOf("extend", "replace"),
  codexHome: path,
  shutdownGrace: options.duration,
  stderr: options.oneOf("log", "inherit", "ignore")
}

/**
 * Returns the process options among the options of a Layer.
 *
 * @category constructors
 */
export const pick = (given: ProcessOptions): ProcessOptions => options.pick<ProcessOptions>(given, checks)
