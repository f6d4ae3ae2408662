/**
 * The options of a server that runs as a child process: which program, in which directory and environment.
 */
import type * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as options from "../base/options.ts"
import type { ConfigValue } from "./ConfigOverrides.ts"

/**
 * The options of a child process. All may be left out: `{}` starts the pinned binary with the user's own configuration and
 * account.
 *
 * @category models
 */
export interface ProcessOptions {
  /**
   * The native codex binary: a path, relative to the directory of this program, or a name to look up on PATH. The file must
   * exist: there is no fallback. Default: CODEX_PATH, then the binary of the installed `@openai/codex`, then PATH.
   */
  readonly codexPath?: string | undefined
  /**
   * The whole command line: a program, found like `codexPath`, and its arguments. Nothing is added to it. Replaces
   * `codexPath` and `config`.
   */
  readonly args?: readonly [program: string, ...args: ReadonlyArray<string>] | undefined
  /** Codex configuration for this process, as in config.toml; sent as `--config key=value`. `undefined` entries are left out. */
  readonly config?: { readonly [key: string]: ConfigValue | undefined } | undefined
  /** Working directory of the process, and of threads without one. It must exist. Default: that of this program. */
  readonly cwd?: string | undefined
  /** Environment variables; `Redacted` values never appear in an error, log or span. `undefined` removes a variable. */
  readonly env?: { readonly [name: string]: string | Redacted.Redacted<string> | undefined } | undefined
  /** Whether `env` extends the environment of this program, or is all that the process gets. Default: `"extend"`. */
  readonly envMode?: "extend" | "replace" | undefined
  /**
   * Directory of Codex's configuration, sessions and login: sets CODEX_HOME. A missing one is created for this user alone
   * (mode 0700). Default: Codex's own, `~/.codex`.
   */
  readonly codexHome?: string | undefined
  /** How long the process may take to end by itself before SIGTERM, and then again before SIGKILL. Default: 2 seconds. */
  readonly shutdownGrace?: Duration.Input | undefined
  /** Where standard error goes: to Effect's logger at debug level, to that of this program, or nowhere. Default: `"log"`. */
  readonly stderr?: "log" | "inherit" | "ignore" | undefined
}

/** The values of the options that were left out. */
export const defaults = {
  envMode: "extend",
  shutdownGrace: "2 seconds",
  stderr: "log"
} as const satisfies ProcessOptions

const isText = (value: unknown): boolean => typeof value === "string" && !value.includes("\0")

const path: options.Check = (value) =>
  isText(value) && value !== "" ? undefined : "it is not a path: a string that is not empty and has no NUL"

const args: options.Check = (value) =>
  Array.isArray(value) && value.length > 0 && value.every(isText) && value[0] !== ""
    ? undefined
    : "it is not a command: a list of strings without NUL, the first of which names the program"

/** Never shows a value: it may be a secret. */
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
  // Checked where it is written.
  config: options.anything,
  cwd: path,
  env,
  envMode: options.oneOf("extend", "replace"),
  codexHome: path,
  shutdownGrace: options.duration,
  stderr: options.oneOf("log", "inherit", "ignore")
}

/**
 * The process options among the options of a Layer.
 *
 * @category constructors
 */
export const pick = (given: ProcessOptions): ProcessOptions => options.pick<ProcessOptions>(given, checks)
