/**
 * Effect's `ChildProcessSpawner` on the machine of a Codex app-server.
 *
 * A sandbox limits what a command writes, its network, and which processes it signals. It does not limit what a command
 * **reads**, and it does not hide the server's **environment**: a sandboxed command sees API keys in variables and reads
 * `auth.json`. Remove variables with `env`. With `sandbox: "none"`, a command has all rights of the server's user, whatever
 * sandbox a thread or the server's configuration names, and nobody is asked for approval.
 *
 * Use it if commands should run where the agent runs: on another machine, in a container, or in the agent's sandbox.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as ChildProcess from "effect/process/ChildProcess"
 * import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
 * import { CodexChildProcessSpawner } from "@effect-codex/platform"
 * import { Codex } from "effect-codex"
 *
 * const status = Effect.gen(function*() {
 *   const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
 *   return yield* spawner.lines(ChildProcess.make("git", ["status", "--short"]))
 * })
 *
 * const layer = CodexChildProcessSpawner.layer({ sandbox: { type: "readOnly" }, cwd: "/srv/project" })
 *
 * export const main = status.pipe(Effect.provide(layer.pipe(Layer.provide(Codex.layer()))))
 * ```
 */
import type * as CodexClient from "effect-codex/CodexClient"
import * as Client from "effect-codex/CodexClient"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { PlatformError } from "effect/PlatformError"
import * as Spawner from "effect/process/ChildProcessSpawner"
import type * as Scope from "effect/Scope"
import type { CodexPlatformError } from "./CodexPlatformError.ts"
import type { Sandbox } from "./CodexSandbox.ts"
import * as internal from "./internal/process/Spawner.ts"
import { makeSpawner, spawnerOptions } from "./internal/process/SpawnerOf.ts"
import * as Machine from "./internal/server/Machine.ts"
import type * as RemoteProcess from "./internal/server/RemoteProcess.ts"

/**
 * The size of a terminal, in character cells.
 *
 * @category models
 */
export interface Size extends RemoteProcess.Size {}

/**
 * Options of {@link layer}.
 *
 * @category models
 */
export interface Options {
  /** The rights of commands on the server's machine. It has no default: even `"none"` must be set explicitly. */
  readonly sandbox: Sandbox
  /**
   * The absolute directory on the server's machine in which commands run, and from which relative `cwd`s start. Default: the
   * server's own.
   */
  readonly cwd?: string | undefined
  /** The bytes of output that may be unread before the command is stopped with SIGSTOP; it continues below a quarter. Default: 4 MiB. */
  readonly highWater?: number | undefined
  /**
   * How many bytes of output may be unread if the command cannot be stopped, because it runs in a sandbox with a standard input
   * or a terminal. Beyond this limit, the command is killed, and its streams fail with `BadResource`. Default: 64 MiB.
   */
  readonly maxUnread?: number | undefined
  /** How many helper shells may work at once, for signals and named pipes. Default: 4. */
  readonly concurrency?: number | undefined
}

/**
 * The terminal of the commands that an Effect spawns: if you provide a size, they run in a pseudo-terminal. Standard error is
 * then part of standard output. Default: `undefined`, no terminal.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as ChildProcess from "effect/process/ChildProcess"
 * import { CodexChildProcessSpawner } from "@effect-codex/platform"
 *
 * export const shell = ChildProcess.make("bash").pipe(
 *   Effect.provideService(CodexChildProcessSpawner.Pty, { rows: 24, cols: 80 })
 * )
 * ```
 *
 * @category references
 */
export const Pty: Context.Reference<Size | undefined> = internal.Pty

/**
 * Changes the size of the terminal of a command (`process/resizePty`, `command/exec/resize`). Fails with `BadArgument` if the
 * command has no terminal.
 *
 * @category terminals
 */
export const resize: (handle: Spawner.ChildProcessHandle, size: Size) => Effect.Effect<void, PlatformError> =
  internal.resize

/**
 * Makes the service. The scope ends its helpers.
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Spawner.ChildProcessSpawner["Service"], CodexPlatformError, CodexClient.CodexClient | Scope.Scope> {
  const { metadata } = yield* Client.CodexClient
  yield* Machine.validate(options, ["sandbox", "cwd", "concurrency", ...spawnerOptions], metadata.platformOs)
  return yield* makeSpawner(yield* Machine.make(options), options)
})

/**
 * A `ChildProcessSpawner` on the server's machine. Without a sandbox, building the Layer starts a helper shell, which shows whether
 * the server runs processes at all. Commands end with their scope and with the connection.
 *
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<Spawner.ChildProcessSpawner, CodexPlatformError, CodexClient.CodexClient> =>
  Layer.effect(Spawner.ChildProcessSpawner, make(options))
