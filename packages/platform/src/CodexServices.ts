/**
 * Effect's `FileSystem`, `Path` and `ChildProcessSpawner` on the machine of a Codex app-server, in one sandbox.
 *
 * A sandbox limits writing, the network and signals to other processes. It does not limit **reading**, and it does not hide the
 * server's **environment**: sandboxed file operations and commands can read `auth.json` and see API keys in variables. With
 * `sandbox: "none"`, they have all rights of the server's user, whatever sandbox a thread or the server's configuration names,
 * and nobody is asked for approval.
 *
 * Use it instead of `NodeServices.layer`: a program written against Effect's services then runs where the agent runs. All three
 * share one sandbox, because a sandboxed spawner beside an unsandboxed file system is no sandbox.
 *
 * @example
 * ```ts
 * import * as Layer from "effect/Layer"
 * import { CodexServices } from "@effect-codex/platform"
 * import { Codex } from "effect-codex"
 *
 * export const services = CodexServices.layer({
 *   sandbox: { type: "workspaceWrite", writableRoots: ["/srv/project"] },
 *   cwd: "/srv/project"
 * }).pipe(Layer.provide(Codex.layer()))
 * ```
 */
import * as CodexClient from "effect-codex/CodexClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import type * as CodexChildProcessSpawner from "./CodexChildProcessSpawner.ts"
import type * as CodexFileSystem from "./CodexFileSystem.ts"
import type { CodexPlatformError } from "./CodexPlatformError.ts"
import * as FilesOf from "./internal/files/FilesOf.ts"
import { invalidOption } from "./internal/model/CodexPlatformError.ts"
import { makePath } from "./internal/paths.ts"
import { makeSpawner, spawnerOptions } from "./internal/process/SpawnerOf.ts"
import * as Machine from "./internal/server/Machine.ts"

/**
 * The services that {@link layer} provides.
 *
 * @category services
 */
export type Services = FileSystem.FileSystem | Path.Path | ChildProcessSpawner

/**
 * Options of {@link layer}: those of `CodexFileSystem.layer` and of `CodexChildProcessSpawner.layer`. `helpers` cannot be
 * `"none"`, because processes need a shell on the server's machine.
 *
 * @category models
 */
export interface Options extends CodexChildProcessSpawner.Options {
  /** The program that does the file operations. Default: `"auto"`. */
  readonly helpers?: Exclude<CodexFileSystem.Helpers, "none"> | undefined
}

/**
 * The three services on the server's machine. They share their helpers and one subscription to the server's notifications.
 *
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Services, CodexPlatformError, CodexClient.CodexClient> =>
  Layer.effectContext(Effect.gen(function*() {
    const { metadata: { platformOs } } = yield* CodexClient.CodexClient
    yield* Machine.validate(options, ["sandbox", "cwd", "concurrency", "helpers", ...spawnerOptions], platformOs)
    const { helpers = "auto" } = options
    if (!["auto", "perl", "sh"].includes(helpers)) {
      return yield* invalidOption("helpers", `it is not one of "auto", "perl" and "sh"`)
    }
    const machine = yield* Machine.make(options)
    return Context.make(FileSystem.FileSystem, yield* FilesOf.make(machine, helpers)).pipe(
      Context.add(Path.Path, makePath(platformOs, machine.cwd)),
      Context.add(ChildProcessSpawner, yield* makeSpawner(machine, options))
    )
  }))
