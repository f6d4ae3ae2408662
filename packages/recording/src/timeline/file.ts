/**
 * The file of a page: compared with the recording by identity, and replaced as a whole.
 */
import { randomUUID } from "node:crypto"
import * as Fs from "node:fs"
import { mkdir, rename, rm, writeFile } from "node:fs/promises"
import * as Path from "node:path"

const statOf = (file: string): Fs.BigIntStats | undefined => Fs.statSync(file, { bigint: true, throwIfNoEntry: false })

/** Returns true if two names lead to one file, directly or by links of either kind. */
export const isSameFile = (one: string, other: string): boolean => {
  if (Path.resolve(one) === Path.resolve(other)) return true
  try {
    const [a, b] = [statOf(one), statOf(other)]
    return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino
  } catch {
    // A file that can't be examined can't be written either.
    return false
  }
}

/**
 * Writes a file beside its place and then moves it there, so that a reader never sees half of it and a hard link to an
 * older file does not change with it. A symbolic link keeps leading to its target, which is replaced.
 */
export const replaceFile = async (file: string, text: string | Iterable<string>): Promise<void> => {
  await mkdir(Path.dirname(file), { recursive: true })
  const stat = statOf(file)
  if (stat !== undefined && !stat.isFile()) {
    // Directories are refused here. Pipes and devices can't be replaced: they receive the text.
    return writeFile(file, text)
  }
  const target = stat === undefined ? file : Fs.realpathSync(file)
  const part = Path.join(Path.dirname(target), `.${Path.basename(target)}.${randomUUID()}.part`)
  try {
    await writeFile(part, text, { flag: "wx", ...(stat === undefined ? {} : { mode: Number(stat.mode) & 0o777 }) })
    await rename(part, target)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}
