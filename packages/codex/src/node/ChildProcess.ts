/**
 * A child process with its pipes, bound to a scope. When the scope closes, the process and its group end.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type * as Node from "node:child_process"
import type * as NodeStream from "node:stream"
import type { Hide } from "../base/secrets.ts"
import { CodexConnectError, CodexConnectionError, type ConnectReason } from "../model/errors/CodexError.ts"
import { look } from "./Binary.ts"
import { childProcess } from "./builtin.ts"
import type { Command } from "./Command.ts"
import * as Readable from "./Readable.ts"
import * as Stderr from "./Stderr.ts"
import { withinMillis } from "./withinMillis.ts"

export interface ChildProcess {
  /**
   * Passes the output of the process to `onChunk`, as {@link Readable.forEachChunk} does. Succeeds when the process has ended
   * or a pipe to it broke.
   */
  readonly read: <E>(onChunk: (chunk: Buffer) => Effect.Effect<void, E> | undefined) => Effect.Effect<void, E>
  /** Returns how the process ended. Run it after `read` has succeeded. */
  readonly lost: Effect.Effect<CodexConnectionError>
  /** Writes to the standard input of the process. Does not wait until the process reads it. */
  readonly write: (data: string) => Effect.Effect<void, CodexConnectionError>
}

export interface Options {
  readonly stderr: "log" | "inherit" | "ignore"
  /** The time that the process has to end by itself, and again after SIGTERM. */
  readonly grace: Duration.Duration
  /** Replaces what must not show in logs and errors, should the process write it to standard error. */
  readonly hide: Hide
}

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

type Child = Node.ChildProcessByStdio<NodeStream.Writable, NodeStream.Readable, NodeStream.Readable | null>

/** The time for reading the rest of the pipes after the process has exited. Its children may hold the pipes open. */
const drainMillis = 250

const hasGroups = process.platform !== "win32"

export const spawn = Effect.fnUntraced(function*(
  command: Command,
  options: Options
): Effect.fn.Return<ChildProcess, CodexConnectError, Scope.Scope> {
  yield* checkCwd(command)
  const ended = Deferred.makeUnsafe<Ended>()
  const child = yield* Effect.acquireRelease(
    start(command, options, ended),
    (child) => terminate(child, ended, options.grace)
  )

  /** Data written in this tick. One system call sends it. */
  let unsent = ""
  const flush = () => {
    if (unsent !== "") child.stdin.write(unsent)
    unsent = ""
  }
  yield* Effect.addFinalizer(() => Effect.sync(flush))

  let pipeError: Error | undefined
  child.stdin.on("error", (error) => {
    pipeError ??= error
    giveUp(child)
  })
  child.once("exit", () => giveUp(child))

  const stderr = new Stderr.Tail(options.hide)
  const draining = child.stderr === null ? undefined : yield* Readable.forEachChunk(child.stderr, stderr.push).pipe(
    Effect.andThen(stderr.end),
    Effect.annotateLogs({ "codex.stream": "stderr", "codex.pid": child.pid }),
    // When a process exits, Node discards unread output.
    Effect.forkScoped({ startImmediately: true })
  )

  // Every caller receives the same error.
  let loss: CodexConnectionError | undefined
  const lost = Effect.gen(function*() {
    if (loss !== undefined) return loss
    // A process that closed its pipes is about to end. Wait a moment for its exit code.
    const exit = yield* withinMillis(drainMillis, Deferred.await(ended))
    if (draining !== undefined) yield* withinMillis(drainMillis, Fiber.await(draining))
    return loss ??= new CodexConnectionError({
      reason: exit === undefined
        ? { _tag: "Disconnected", stderr: stderr.text }
        : { _tag: "Exited", exitCode: exit.code, signal: exit.signal, stderr: stderr.text },
      ...(pipeError === undefined ? {} : { cause: pipeError })
    })
  })

  return {
    read: (onChunk) => Readable.forEachChunk(child.stdout, onChunk),
    lost,
    write: (data) =>
      Effect.suspend(() => {
        if (pipeError !== undefined || !child.stdin.writable) return Effect.flip(lost)
        if (unsent === "") process.nextTick(flush)
        unsent += data
        return Effect.void
      })
  }
})

/** Fails if the working directory of a command does not exist. */
export const checkCwd = ({ cwd }: Command): Effect.Effect<void, CodexConnectError> =>
  Effect.suspend(() =>
    cwd === undefined || look(cwd) === "directory"
      ? Effect.void
      : Effect.fail(
        new CodexConnectError({
          reason: { _tag: "BadDirectory", detail: "the working directory `cwd` does not exist, or is not a directory" },
          target: cwd
        })
      )
  )

const start = (
  command: Command,
  options: Options,
  ended: Deferred.Deferred<Ended>
): Effect.Effect<Child, CodexConnectError> =>
  Effect.callback((resume) => {
    const fail = (error: NodeJS.ErrnoException) => resume(Effect.fail(spawnError(command, error)))
    try {
      const child = childProcess().spawn(command.program, command.args, {
        cwd: command.cwd,
        env: command.env,
        stdio: ["pipe", "pipe", options.stderr === "log" ? "pipe" : options.stderr],
        // In a group of its own, the process can be signalled with its children, and Ctrl-C reaches only this program.
        detached: hasGroups,
        windowsHide: true
      }) as Child
      child.once("exit", (code, signal) => Deferred.doneUnsafe(ended, Exit.succeed({ code, signal })))
      child.once("spawn", () => resume(Effect.succeed(child)))
      child.once("error", fail)
    } catch (error) {
      // Node throws if it refuses the command itself, such as a NUL byte in an argument.
      fail(error as NodeJS.ErrnoException)
    }
  })

/** The error of a program that the operating system does not start. */
export const spawnError = ({ program }: Command, error: NodeJS.ErrnoException): CodexConnectError => {
  const code = error.code ?? error.message
  const reason: ConnectReason = error.code === "ENOENT"
    ? { _tag: "NotFound", detail: "there is no such program" }
    : error.code === "EACCES" || error.code === "EPERM" || error.code === "ENOEXEC"
    ? { _tag: "NotExecutable", detail: `it may not be executed, or is not a program (${code})` }
    : { _tag: "Other", detail: `the operating system cannot start it (${code})${spawnHints[code] ?? ""}` }
  // The error itself is not kept as the cause: Node copies arguments into it, which may hold secrets.
  return new CodexConnectError({ reason, target: program })
}

const spawnHints: { readonly [code: string]: string } = {
  E2BIG: "; `config`, `args` and `env` are too long together",
  EAGAIN: "; this user has too many processes",
  EMFILE: "; this program has too many open files",
  ENFILE: "; this system has too many open files"
}

/** Stops reading from a process that no longer reads, once its output had time to arrive. */
const giveUp = (child: Child): void => {
  if (child.stdout.closed) return
  const timer = setTimeout(() => child.stdout.destroy(), drainMillis)
  child.stdout.once("close", () => clearTimeout(timer))
}

const signalGroup = (child: Child, signal: NodeJS.Signals): void => {
  try {
    if (hasGroups) process.kill(-child.pid!, signal)
    else child.kill(signal)
  } catch {
    // The process is gone already.
  }
}

/** Ends the input, then sends SIGTERM after `grace`, then SIGKILL after `grace`, and waits until the process is gone. */
const terminate = Effect.fnUntraced(function*(
  child: Child,
  ended: Deferred.Deferred<Ended>,
  grace: Duration.Duration
): Effect.fn.Return<void> {
  const gone = withinMillis(Duration.toMillis(grace), Deferred.await(ended))
  child.stdin.end()
  if ((yield* gone) === undefined) {
    signalGroup(child, "SIGTERM")
    yield* gone
  }
  // Even if the process itself has ended, helpers in its group may still run.
  signalGroup(child, "SIGKILL")
  yield* Deferred.await(ended)
})
