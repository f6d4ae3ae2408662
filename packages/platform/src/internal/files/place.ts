/**
 * The paths of a file system, and the place that its errors name.
 */
import * as Effect from "effect/Effect"
import * as PlatformError from "effect/PlatformError"
import { type Fault, toPlatformError } from "../server/Fault.ts"

/** Runs an operation as a method: its failure becomes the method's `PlatformError`. */
export type At = <A>(
  method: string,
  operation: Effect.Effect<A, Fault>
) => Effect.Effect<A, PlatformError.PlatformError>

/** Makes an {@link At} for a path, as the caller wrote it. */
export const at = (os: string | undefined, path: string): At => (method, operation) =>
  Effect.mapError(operation, (fault) => toPlatformError(fault, { module: "FileSystem", method, path }, os))

/**
 * Runs an operation on paths. They are made absolute, and refused if they contain NUL, which no system accepts and which would end
 * them early.
 */
export type On = <A, R>(
  method: string,
  paths: ReadonlyArray<string>,
  operation: (...paths: ReadonlyArray<string>) => Effect.Effect<A, PlatformError.PlatformError, R>
) => Effect.Effect<A, PlatformError.PlatformError, R>

/** Makes an {@link On} for paths that are relative to a directory of the server. */
export const on = (cwd: string, os: string | undefined): On => {
  const isAbsolute = (path: string) => os === "windows" ? /^([A-Za-z]:)?[\\/]/.test(path) : path.startsWith("/")
  const separator = os === "windows" ? "\\" : "/"
  // An empty path stays empty, so that the system refuses it.
  const resolve = (path: string) => path === "" || isAbsolute(path) ? path : `${cwd}${separator}${path}`
  return (method, paths, operation) =>
    Effect.suspend(() => {
      const bad = paths.find((path) => typeof path !== "string" || path.includes("\0"))
      return bad === undefined
        ? operation(...paths.map(resolve))
        : Effect.fail(PlatformError.badArgument({
          module: "FileSystem",
          method,
          description: typeof bad === "string" ? "the path contains a NUL character" : "the path is not a string"
        }))
    })
}
