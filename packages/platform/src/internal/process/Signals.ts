/**
 * Signals to a process on the server's machine, and the exit codes that tell of them.
 */
import * as Effect from "effect/Effect"
import type * as ChildProcess from "effect/process/ChildProcess"
import { Buffer } from "node:buffer"
import { type Fault, Unsupported } from "../server/Fault.ts"
import type { RemoteProcess } from "../server/RemoteProcess.ts"
import type { Shells } from "../server/Shells.ts"

/** A way to signal one process and its group. */
export interface Control {
  readonly send: (signal: ChildProcess.Signal) => Effect.Effect<void, Fault>
  /** Whether the process can be stopped and continued. */
  readonly canStop: boolean
}

/** Signals the group of a process by its number, from a resident shell. */
export const byNumber = (shells: Shells, pid: number, process: RemoteProcess): Control => ({
  canStop: true,
  send: (signal) =>
    // The server kills the group itself, without a helper.
    signal === "SIGKILL" ? process.terminate : Effect.asVoid(shells.run(`kill -s ${signal.slice(3)} -- -${pid}`))
})

/** Signals by way of the wrapper, which stays and reads names of signals. */
export const byWrapper = (process: RemoteProcess): Control => ({
  canStop: true,
  send: (signal) => signal === "SIGKILL" ? process.terminate : process.write(Buffer.from(`${signal.slice(3)}\n`))
})

/** Ends a process in a sandbox that reads its standard input: nothing but the server reaches it. */
export const byServer = (process: RemoteProcess): Control => ({
  canStop: false,
  send: (signal) =>
    signal === "SIGKILL" || signal === "SIGTERM"
      ? process.terminate
      : Effect.fail(
        new Unsupported({
          detail: `${signal} cannot be sent in this sandbox to a command that has a standard input or a terminal; `
            + `set stdin: "ignore", or send SIGTERM or SIGKILL, which both kill it`
        })
      )
})

const linux: { readonly [signal: string]: number } = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGIOT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGIO: 29,
  SIGPOLL: 29,
  SIGPWR: 30,
  SIGSYS: 31,
  SIGUNUSED: 31
}

const macos: { readonly [signal: string]: number } = { SIGBUS: 10, SIGSYS: 12, SIGIO: 23, SIGUSR1: 30, SIGUSR2: 31 }

/** Returns true if an exit code tells that one of these signals ended the process. */
export const endedBy = (
  sent: ReadonlySet<ChildProcess.Signal>,
  code: number,
  place: { readonly os: string | undefined; readonly hasTerminal: boolean }
): ChildProcess.Signal | undefined => {
  for (const signal of sent) {
    const number = (place.os === "macos" ? macos[signal] : undefined) ?? linux[signal]
    // Servers before 0.150 report -1 for any signal, and every server reports 1 for a process with a terminal.
    if (code === 128 + (number ?? 0) || code === -1 || (place.hasTerminal && code === 1)) return signal
    // In a sandbox the server kills instead of terminating.
    if (signal === "SIGTERM" && code === 137) return signal
  }
  return undefined
}
