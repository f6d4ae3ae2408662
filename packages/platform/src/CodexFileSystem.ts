/**
 * Effect's `FileSystem` on the machine of a Codex app-server.
 *
 * A sandbox limits what the file system writes; it does not limit what it **reads**: every file that the server's user can
 * read, including `auth.json` and its keys. With `sandbox: "none"`, the file system has all rights of the server's user,
 * whatever sandbox a thread or the server's configuration names, and nobody is asked for approval. A tool of the model that
 * uses such a file system can write wherever that user can.
 *
 * Use it if a program should run where the agent runs: on another machine, in a container, or in the agent's sandbox.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as FileSystem from "effect/FileSystem"
 * import * as Layer from "effect/Layer"
 * import { CodexFileSystem } from "@effect-codex/platform"
 * import { Codex } from "effect-codex"
 *
 * const program = Effect.gen(function*() {
 *   const fs = yield* FileSystem.FileSystem
 *   yield* fs.writeFileString("notes.txt", "written on the server's machine")
 * })
 *
 * const layer = CodexFileSystem.layer({
 *   sandbox: { type: "workspaceWrite", writableRoots: ["/srv/project"] },
 *   cwd: "/srv/project"
 * })
 *
 * export const main = program.pipe(Effect.provide(layer.pipe(Layer.provide(Codex.layer()))))
 * ```
 */
import * as CodexClient from "effect-codex/CodexClient"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { CodexPlatformError } from "./CodexPlatformError.ts"
import type { Sandbox } from "./CodexSandbox.ts"
import * as FilesOf from "./internal/files/FilesOf.ts"
import { invalidOption } from "./internal/model/CodexPlatformError.ts"
import * as Machine from "./internal/server/Machine.ts"

/**
 * The program on the server's machine that does the file operations.
 *
 * - `"auto"` (the default): perl if the machine has one, otherwise a shell with GNU tools.
 * - `"perl"`: system calls with real descriptors. It differs from Node in the fewest cases.
 * - `"sh"`: `/bin/sh` with GNU coreutils and findutils. Open files are identified by their path.
 * - `"none"`: no helper, for Windows and minimal servers. Only `readFile`, `writeFile` (flag `w`, up to 8 MiB), `exists`,
 *   `makeDirectory`, `remove` and `watch` work, through the server's `fs/*` methods; it requires `sandbox: "none"`.
 *
 * @category models
 */
export type Helpers = FilesOf.Helpers

/**
 * Options of {@link layer}.
 *
 * @category models
 */
export interface Options {
  /** The rights of the file system on the server's machine. It has no default: even `"none"` must be set explicitly. */
  readonly sandbox: Sandbox
  /** The absolute directory on the server's machine from which relative paths start. Default: the server's own. */
  readonly cwd?: string | undefined
  /** The program that does the file operations. Default: `"auto"`. */
  readonly helpers?: Helpers | undefined
  /** How many helpers may work at once. Default: 4. */
  readonly concurrency?: number | undefined
}

const known = ["sandbox", "cwd", "helpers", "concurrency"]

/**
 * Makes the service. The scope ends its helpers and watches.
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<FileSystem.FileSystem, CodexPlatformError, CodexClient.CodexClient | Scope.Scope> {
  const client = yield* CodexClient.CodexClient
  yield* Machine.validate(options, known, client.metadata.platformOs)
  const { helpers = "auto" } = options
  if (!["auto", "perl", "sh", "none"].includes(helpers)) {
    return yield* invalidOption("helpers", `it is not one of "auto", "perl", "sh" and "none"`)
  }
  if (helpers === "none") return yield* FilesOf.makeWithoutHelpers(client, options)
  return yield* FilesOf.make(yield* Machine.make(options), helpers)
})

/**
 * A `FileSystem` on the server's machine. Building the Layer starts its first helper; every operation after a restart of the
 * server starts another, and open files of the lost connection fail.
 *
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<FileSystem.FileSystem, CodexPlatformError, CodexClient.CodexClient> =>
  Layer.effect(FileSystem.FileSystem, make(options))
