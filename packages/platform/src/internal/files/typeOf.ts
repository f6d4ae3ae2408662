/**
 * The types of files, by the letters that `find` and the helpers use.
 */
import type * as FileSystem from "effect/FileSystem"

/** The type of a file by its letter. */
export const typeOf: { readonly [letter: string]: FileSystem.File.Type } = {
  f: "File",
  d: "Directory",
  l: "SymbolicLink",
  b: "BlockDevice",
  c: "CharacterDevice",
  p: "FIFO",
  s: "Socket"
}
