/**
 * Absolute paths, compared by their text: POSIX paths, and those of Windows.
 */
import type * as Effect from "effect/Effect"

/**
 * Follows the links of an absolute path, and returns the path of the file itself. Fails with `"missing"` if nothing is there, not even
 * a link, and with `"hidden"` if it can't be known: the links lead nowhere, or a directory is closed.
 *
 * @category models
 */
export type RealPath = (path: string) => Effect.Effect<string, "missing" | "hidden">

/** Returns an absolute path without `.`, `..` and repeated slashes, with `/` between its parts; undefined for any other text. */
export const normalized = (path: string): string | undefined => {
  if (path.includes("\0")) return undefined
  const windows = /^(?:\\\\\?\\)?([A-Za-z]:)[\\/](.*)$/s.exec(path)
  const root = windows === null ? "" : windows[1]!.toUpperCase()
  const rest = windows === null ? path : `/${windows[2]!.replaceAll("\\", "/")}`
  if (!rest.startsWith("/")) return undefined
  const parts: Array<string> = []
  for (const part of rest.split("/")) {
    if (part === "..") parts.pop()
    else if (part !== "" && part !== ".") parts.push(part)
  }
  return `${root}/${parts.join("/")}`
}

/** Returns true if a normalized path is another one, or lies below it. */
export const isWithin = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory.endsWith("/") ? directory : `${directory}/`)

/** The directory of a normalized path, and its last part. Undefined for a root. */
export const split = (path: string): readonly [directory: string, name: string] | undefined => {
  const at = path.lastIndexOf("/")
  const name = path.slice(at + 1)
  if (name === "") return undefined
  const directory = path.slice(0, at)
  return [directory === "" || directory.endsWith(":") ? `${directory}/` : directory, name]
}
