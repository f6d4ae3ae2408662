/**
 * A lock between processes. A killed process loses it.
 *
 * Numbered files name its holders, and only the highest number counts. If that one is free, or its process is gone, the process that
 * creates the next number holds the lock. Files are created in one step, and the highest one is never removed, so two
 * processes cannot both take the place of a dead one, however long one of them pauses between two steps.
 */
import * as Path from "node:path"
import * as files from "./privateFiles.ts"
import { identify, isRunning, type ProcessId } from "./processes.ts"

const free = "free"

/** Returns true if the holder that a file names is gone. */
const isFree = (text: string): boolean => {
  if (text === free) return true
  try {
    // Only this module writes it.
    return !isRunning(JSON.parse(text) as ProcessId)
  } catch {
    return true
  }
}

/** Takes the lock at a path, and returns a function that releases it. Returns undefined if another process, or another caller, holds it. */
export const tryAcquire = (path: string): (() => void) | undefined => {
  const directory = Path.dirname(path)
  const start = `${Path.basename(path)}.`
  const numbers = () =>
    files.namesFrom(directory, start).map((name) => name.slice(start.length)).filter((rest) => /^\d+$/.test(rest)).map(
      Number
    )
  const at = (number: number) => path + "." + number

  const last = Math.max(0, ...numbers())
  const text = last === 0 ? free : files.read(at(last))
  // Without its file, the lock was taken meanwhile.
  if (text === undefined || !isFree(text)) return undefined
  const mine = last + 1
  if (!files.create(at(mine), JSON.stringify(identify(process.pid)))) return undefined
  const others = numbers()
  if (others.some((number) => number > mine)) {
    // It was taken and passed on while this process was about to take it.
    files.remove(at(mine))
    return undefined
  }
  for (const number of others) if (number < mine) files.remove(at(number))
  return () => {
    try {
      files.replace(at(mine), free)
    } catch {
      // An empty file names no holder either.
      files.empty(at(mine))
    }
  }
}
