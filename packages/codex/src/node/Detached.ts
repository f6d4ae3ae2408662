/**
 * A process that outlives this program: in a session of its own, without pipes, with its standard error in a file.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fs from "node:fs"
import type { CodexConnectError } from "../model/errors/CodexError.ts"
import { childProcess } from "./builtin.ts"
import { spawnError } from "./ChildProcess.ts"
import { fileError, onFiles, type SharedPlace } from "./SharedPlace.ts"
import * as Stderr from "./Stderr.ts"

export interface Detached {
  readonly pid: number
  readonly ended: Deferred.Deferred<{ readonly exitCode: number | null; readonly signal: string | null }>
  /** Returns the last lines of its standard error, without secrets. */
  readonly stderr: () => string
  /** Sends it SIGTERM. */
  readonly terminate: () => void
  /** Closes the log. The process continues. */
  readonly release: () => void
}

/** The size of the part at the end of the log that is read for an error. */
const tailBytes = 65_536

/** Starts a process. `onStart` runs in the same step, so that no other program sees the process before it is recorded. */
export const spawn = (
  { command, hide, log, record, secrets }: SharedPlace,
  onStart: (pid: number) => void
): Effect.Effect<Detached, CodexConnectError> =>
  Effect.flatMap(
    onFiles(log, "the log of the shared server cannot be written", () => {
      Fs.rmSync(log, { force: true })
      const file = Fs.openSync(log, "ax+", 0o600)
      // The server might print a secret. Its standard error can still be read here, but no other program can open the file.
      if (secrets.length > 0) Fs.rmSync(log)
      return file
    }),
    (file) =>
      Effect.callback<Detached, CodexConnectError>((resume) => {
        const fail = (error: NodeJS.ErrnoException) => {
          Fs.closeSync(file)
          resume(Effect.fail(spawnError(command, error)))
        }
        try {
          const child = childProcess().spawn(command.program, command.args, {
            cwd: command.cwd,
            env: command.env,
            stdio: ["ignore", "ignore", file],
            detached: true,
            windowsHide: true
          })
          child.once("error", fail)
          const { pid } = child
          // An `error` event follows.
          if (pid === undefined) return
          const ended: Detached["ended"] = Deferred.makeUnsafe()
          child.once("exit", (exitCode, signal) => Deferred.doneUnsafe(ended, Exit.succeed({ exitCode, signal })))
          // Later errors do not matter, such as a signal that comes too late.
          child.off("error", fail).on("error", () => {})
          child.unref()
          try {
            onStart(pid)
          } catch (error) {
            // Nobody would know of it.
            child.kill("SIGTERM")
            Fs.closeSync(file)
            return resume(Effect.fail(fileError(record, "the record of the shared server cannot be written", error)))
          }
          resume(Effect.succeed({
            pid,
            ended,
            stderr: () => tailOf(file, hide),
            terminate: () => child.kill("SIGTERM"),
            release: () => Fs.closeSync(file)
          }))
        } catch (error) {
          // Node throws if it refuses the command itself, such as a NUL byte in an argument.
          fail(error as NodeJS.ErrnoException)
        }
      })
  )

const tailOf = (file: number, hide: SharedPlace["hide"]): string => {
  const { size } = Fs.fstatSync(file)
  const bytes = Buffer.alloc(Math.min(size, tailBytes))
  Fs.readSync(file, bytes, 0, bytes.length, size - bytes.length)
  const tail = new Stderr.Tail(hide)
  // The lines are for the error alone: the log has them.
  tail.push(bytes)
  tail.push(Buffer.from("\n"))
  return tail.text.trimEnd()
}
