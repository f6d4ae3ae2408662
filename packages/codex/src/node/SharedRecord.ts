/**
 * The record of a shared server: its process, and whether it was told to stop. The holder of the lock writes it.
 */
import * as Predicate from "effect/Predicate"
import * as files from "./privateFiles.ts"
import { isRunning, type ProcessId } from "./processes.ts"
import type { SharedPlace } from "./SharedPlace.ts"

export interface SharedRecord extends ProcessId {
  /** True after SIGTERM: it ends when its running turns have ended. A second signal would cut them short. */
  readonly isStopping: boolean
  /** The program that is about to stop it, and waits until no turn is running. */
  readonly stopper?: ProcessId | undefined
}

const processOf = (value: unknown): ProcessId | undefined =>
  Predicate.isObject(value) && Predicate.isNumber(value["pid"]) && Predicate.isString(value["start"])
    ? { pid: value["pid"], start: value["start"] }
    : undefined

/** Reads the record. Undefined if there is none. */
export const read = ({ record }: SharedPlace): SharedRecord | undefined => {
  try {
    const value: unknown = JSON.parse(files.read(record) ?? "null")
    const server = processOf(value)
    return server === undefined || !Predicate.isObject(value) ? undefined : {
      ...server,
      isStopping: value["isStopping"] === true,
      stopper: processOf(value["stopper"])
    }
  } catch {
    return undefined
  }
}

/** Replaces the record, or removes it. */
export const write = ({ record }: SharedPlace, value: SharedRecord | undefined): void =>
  value === undefined ? files.remove(record) : files.replace(record, JSON.stringify(value))

/** Returns true if a server is being stopped, and still running. */
export const isDraining = (place: SharedPlace): boolean => {
  const record = read(place)
  if (record === undefined || !isRunning(record)) return false
  return record.isStopping || (record.stopper !== undefined && isRunning(record.stopper))
}
