/**
 * The identity of processes: the id, which the system reuses, together with the time of the start.
 */
import { readFileSync } from "node:fs"
import { childProcess } from "./builtin.ts"

/** A process that no later one is mistaken for. */
export interface ProcessId {
  readonly pid: number
  /** The time of its start, in a form of the operating system. */
  readonly start: string
}

let boot: string | undefined

/** The id of the current boot, from which the times of starts count. */
const bootId = (): string => boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()

/** Returns the start time of a running process. Undefined if it has ended, even if its parent has not noticed. */
const startOf = (pid: number): string | undefined => {
  try {
    if (process.platform === "linux") {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
      // The name of the program, in parentheses, may contain anything.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
      return fields[0] === "Z" || fields[0] === "X" ? undefined : `${bootId()} ${fields[19]}`
    }
    const [state, ...start] = childProcess().execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
      env: { ...process.env, LC_ALL: "C" },
      stdio: ["ignore", "pipe", "ignore"]
    }).toString().trim().split(/\s+/)
    return state === undefined || state === "" || state.startsWith("Z") ? undefined : start.join(" ")
  } catch {
    return undefined
  }
}

/** Identifies a running process. Undefined if there is none. */
export const identify = (pid: number): ProcessId | undefined => {
  const start = startOf(pid)
  return start === undefined ? undefined : { pid, start }
}

/** Returns true if exactly this process is running. */
export const isRunning = ({ pid, start }: ProcessId): boolean => startOf(pid) === start
