/**
 * The record of a shared server: its process, and whether it was told to stop. Whoever holds the lock writes it.
 */
import * as Predicate from "effect/Predicate"
import * as files from "./privateFiles.ts"
import { isRunning, type ProcessId } from "./processes.ts"
import type { SharedPlace } from "./SharedPlace.ts"

export interface SharedRecord extends ProcessId {
  /** True after SIGTERM: it ends when its running turns have ended. A second signal would cut them. */
  readonly isStopping: boolean
}

/** Reads the record. Undefined if there is none. */
export const read = ({ record }: SharedPlace): SharedRecord | undefined => {
  try {
    const { isStopping, pid, start }: Record<string, unknown> = JSON.parse(files.read(record) ?? "{}")
    return Predicate.isNumber(pid) && Predicate.isString(start)
      ? { pid, start, isStopping: isStopping === true }
      : undefined
  } catch {
    return undefined
  }
}

/** Replaces the record, or removes it. */
export const write = ({ record }: SharedPlace, value: SharedRecord | undefined): void =>
  value === undefined ? files.remove(record) : files.replace(record, JSON.stringify(value))

/** Returns the process if the server was told to stop, and is still running. */
export const draining = (place: SharedPlace): SharedRecord | undefined => {
  const record = read(place)
  return record?.isStopping === true && isRunning(record) ? record : undefined
}
