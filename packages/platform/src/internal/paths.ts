/**
 * Paths by the rules of one operating system, relative to one directory.
 */
import * as Effect from "effect/Effect"
import * as Path from "effect/Path"
import { BadArgument } from "effect/PlatformError"
import { posix, win32 } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const attempt = <A>(method: string, convert: () => A): Effect.Effect<A, BadArgument> =>
  Effect.try({ try: convert, catch: (cause) => new BadArgument({ module: "Path", method, cause }) })

/** Makes the service. Nothing in it reads the working directory of this process. */
export const makePath = (os: string | undefined, cwd: string): Path.Path => {
  const windows = os === "windows"
  const rules = windows ? win32 : posix
  const resolve = (...segments: ReadonlyArray<string>) => rules.resolve(cwd, ...segments)
  return Path.make({
    ...rules,
    resolve,
    relative: (from, to) => rules.relative(resolve(from), resolve(to)),
    fromFileUrl: (url) => attempt("fromFileUrl", () => fileURLToPath(url, { windows })),
    toFileUrl: (path) =>
      attempt("toFileUrl", () => {
        // A trailing separator is part of the URL; `resolve` drops it.
        const ending = /[\\/]$/.test(path) && (windows || path.endsWith("/")) ? rules.sep : ""
        return pathToFileURL(`${resolve(path)}${ending}`, { windows })
      })
  })
}
