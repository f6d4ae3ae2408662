/**
 * The real paths of files on this machine.
 */
import * as Effect from "effect/Effect"
import { lstat, realpath } from "node:fs/promises"
import type { RealPath } from "../base/paths.ts"

/** Follows the links of a path: see {@link RealPath}. */
export const realPath: RealPath = (path) =>
  Effect.flatMap(Effect.promise(() => realpath(path).catch(() => undefined)), (real) =>
    real !== undefined
      ? Effect.succeed(real)
      : Effect.flatMap(Effect.promise(() => isMissing(path)), (missing) => Effect.fail(missing ? "missing" : "hidden")))

/** Returns true if nothing is there, not even a link to nowhere. */
const isMissing = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => false,
    (error: unknown) => error instanceof Error && "code" in error && error.code === "ENOENT"
  )
