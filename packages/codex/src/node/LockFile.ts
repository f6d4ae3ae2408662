/**
 * A lock between processes, which a process that was killed does not keep.
 *
 * The holder is in a numbered file, and only the highest number counts. It is free, or its process is gone: then whoever creates
 * the next number holds the lock. Files are created in one step and never emptied, and the highest one is never removed, so two
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

/** Takes the lock at a path, and returns how to release it. Undefined if another process, or another caller, holds it. */
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
  return () => files.replace(at(mine), free)
}
