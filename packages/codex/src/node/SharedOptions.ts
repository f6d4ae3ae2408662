/**
 * Options of the shared app-server: one server for all programs of this user that pass the same options.
 */
import type * as Duration from "effect/Duration"
import * as options from "../base/options.ts"
import * as ProcessOptions from "./ProcessOptions.ts"

/**
 * Options of the shared server. All are optional.
 *
 * Programs share a server if they agree on CODEX_HOME, the version of the binary, `config`, `env` and `envMode`. Whatever
 * else the server inherits, such as its other environment variables, comes from the program that has started it.
 *
 * @category models
 */
export interface SharedOptions
  extends Omit<ProcessOptions.ProcessOptions, "args" | "cwd" | "shutdownGrace" | "stderr">
{
  /**
   * The working directory of threads that this program starts without `cwd`. The server itself runs in an empty directory.
   * Default: the working directory of this program.
   */
  readonly cwd?: string | undefined
  /**
   * The directory of the sockets, which must belong to this user and be closed to all others (mode 0700); a missing one is
   * created. Its path must be short: a socket path has at most 107 bytes on Linux and 103 elsewhere, and the name of the
   * socket takes 22 of them. Default: `effect-codex` in CODEX_HOME or, if that path is too long, a directory for this user
   * and CODEX_HOME in the temporary directory.
   */
  readonly socketDirectory?: string | undefined
  /** The time limit for connecting, with the start of the server if none is running. Default: 10 seconds. */
  readonly handshakeTimeout?: Duration.Input | undefined
}

/**
 * The outcome of stopping the shared server: it has ended (`Stopped`), it still waits for its running turns (`Draining`), or
 * none was running.
 *
 * @category models
 */
export type Stopped =
  | { readonly _tag: "Stopped"; readonly pid: number }
  | { readonly _tag: "Draining"; readonly pid: number }
  | { readonly _tag: "NotRunning" }

/** Options of a stop. */
export interface StopOptions extends SharedOptions {
  /** The time for which to wait until the server has ended. Default: 30 seconds. */
  readonly timeout?: Duration.Input | undefined
}

/** The default values of the options. */
export const defaults = { handshakeTimeout: "10 seconds", timeout: "30 seconds" } as const satisfies StopOptions

const { args: _, shutdownGrace: __, stderr: ___, ...ofProcess } = ProcessOptions.checks

/** One check for each option. */
export const checks: options.Checks<SharedOptions> = {
  ...ofProcess,
  socketDirectory: ofProcess.codexHome,
  handshakeTimeout: options.timeout
}

/** One check for each option of a stop. */
export const stopChecks: options.Checks<StopOptions> = { ...checks, timeout: options.timeout }
