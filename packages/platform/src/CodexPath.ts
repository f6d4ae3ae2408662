/**
 * Effect's `Path` with the rules of a Codex app-server's machine.
 *
 * It only computes paths, so no sandbox is involved: a path may lie outside any sandbox. Use it with `CodexFileSystem`, so that
 * `resolve` starts from a directory on the server's machine, not from one on yours.
 */
import * as CodexClient from "effect-codex/CodexClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import type { CodexPlatformError } from "./CodexPlatformError.ts"
import { invalidOption } from "./internal/model/CodexPlatformError.ts"
import { makePath } from "./internal/paths.ts"
import * as Facts from "./internal/server/Facts.ts"
import * as Machine from "./internal/server/Machine.ts"

/**
 * Options of {@link layer}.
 *
 * @category models
 */
export interface Options {
  /** The absolute directory on the server's machine from which `resolve` starts. Default: the server's own. */
  readonly cwd?: string | undefined
}

/**
 * Makes the service.
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(
  options: Options = {}
): Effect.fn.Return<Path.Path, CodexPlatformError, CodexClient.CodexClient> {
  const client = yield* CodexClient.CodexClient
  const os = client.metadata.platformOs
  yield* Machine.validate(options, ["cwd"], os)
  if (options.cwd !== undefined) return makePath(os, options.cwd)
  if (os === "windows") return yield* invalidOption("cwd", "it is missing, and a Windows server does not tell its own")
  return makePath(os, (yield* Facts.read(client, "none", false)).cwd)
})

/**
 * A `Path` for the server's machine: POSIX or Windows rules, as the server reports in the handshake.
 *
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<Path.Path, CodexPlatformError, CodexClient.CodexClient> =>
  Layer.effect(Path.Path, make(options))
