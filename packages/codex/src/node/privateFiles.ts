/**
 * Files that only this user can read: their directory, and their creation in one step.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { codeOf } from "./errno.ts"

/** Returns why a directory is not private, or undefined. Creates a missing one. Throws if it cannot be created. */
export const publicity = (directory: string): string | undefined => {
  Fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
  // A symbolic link could be changed by the owner of the directory that it is in.
  const stats = Fs.lstatSync(directory)
  if (!stats.isDirectory()) return "it is not a directory"
  if (stats.uid !== process.getuid?.()) return "it belongs to another user"
  const mode = stats.mode & 0o777
  return (mode & 0o077) === 0 ? undefined : `other users may access it (mode 0${mode.toString(8)}); run chmod 700 on it`
}

/** Returns a unique name in the directory of a file, with the id of this process. */
const temporary = (path: string) => `${path}.tmp-${process.pid}-${crypto.randomUUID()}`

const write = (path: string, text: string): string => {
  const file = temporary(path)
  try {
    Fs.writeFileSync(file, text, { mode: 0o600, flag: "wx" })
    return file
  } catch (error) {
    // A full disk leaves half of it.
    remove(file)
    throw error
  }
}

/** Creates a file with its whole content in one step. Returns false if it exists already. */
export const create = (path: string, text: string): boolean => {
  const file = write(path, text)
  try {
    Fs.linkSync(file, path)
    return true
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false
    throw error
  } finally {
    remove(file)
  }
}

/** Creates or replaces a file in one step. */
export const replace = (path: string, text: string): void => {
  const file = write(path, text)
  try {
    Fs.renameSync(file, path)
  } catch (error) {
    remove(file)
    throw error
  }
}

/** Empties a file, for which even a full disk has room. */
export const empty = (path: string): void => Fs.truncateSync(path)

/** Returns the text of a file. Undefined if there is none. */
export const read = (path: string): string | undefined => {
  try {
    return Fs.readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

/** Removes a file if it is there. */
export const remove = (path: string): void => Fs.rmSync(path, { force: true })

/** Returns the names in a directory that begin with a text. */
export const namesFrom = (directory: string, start: string): ReadonlyArray<string> =>
  Fs.readdirSync(directory).filter((name) => name.startsWith(start))

/** Removes the unfinished files of processes that were killed. */
export const sweep = (directory: string, isGone: (pid: number) => boolean): void => {
  for (const name of namesFrom(directory, "")) {
    const pid = /\.tmp-(\d+)-[0-9a-f-]+$/.exec(name)?.[1]
    if (pid !== undefined && isGone(Number(pid))) remove(Path.join(directory, name))
  }
}
