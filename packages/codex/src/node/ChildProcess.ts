/**
 * The life of one child process: start, pipes, end. Nothing of it survives its scope.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Node from "node:child_process"
import type * as NodeStream from "node:stream"
import type { Hide } from "../base/secrets.ts"
import { CodexConnectError, CodexConnectionError, type ConnectReason } from "../model/CodexError.ts"
import { look } from "./Binary.ts"
import type { Command } from "./Command.ts"
import * as Readable from "./Readable.ts"
import * as Stderr from "./Stderr.ts"
import { withinMillis } from "./withinMillis.ts"

export interface ChildProcess {
  /**
   * Hands over what the process writes, as {@link Readable.forEachChunk} does. Succeeds when the process has ended, or a
   * pipe to it broke.
   */
  readonly read: <E>(onChunk: (chunk: Buffer) => Effect.Effect<void, E> | undefined) => Effect.Effect<void, E>
  /** How the process ended, once `read` has succeeded. */
  readonly lost: Effect.Effect<CodexConnectionError>
  /** Hands data to the process's standard input; does not wait for it to be read. */
  readonly write: (data: string) => Effect.Effect<void, CodexConnectionError>
}

export interface Options {
  readonly stderr: "log" | "inherit" | "ignore"
  /** How long the process may take to end by itself, and again after SIGTERM. */
  readonly grace: Duration.Duration
  /** Replaces what must not show in logs and errors, should the process write it to standard error. */
  readonly hide: Hide
}

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

type Child = Node.ChildProcessByStdio<NodeStream.Writable, NodeStream.Readable, NodeStream.Readable | null>

/** Children of the process may hold its pipes open when it has exited: what is still in them is read by then. */
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

  /** What was written in this tick. It goes out in one system call. */
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
    // Node discards what nobody reads when a process exits.
    Effect.forkScoped({ startImmediately: true })
  )

  // One error, whoever asks.
  let loss: CodexConnectionError | undefined
  const lost = Effect.gen(function*() {
    if (loss !== undefined) return loss
    // A process that closed its pipes is about to end: how it does is worth a moment.
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

const checkCwd = ({ cwd }: Command): Effect.Effect<void, CodexConnectError> =>
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
      const child = Node.spawn(command.program, command.args, {
        cwd: command.cwd,
        env: command.env,
        stdio: ["pipe", "pipe", options.stderr === "log" ? "pipe" : options.stderr],
        // A group of its own: it can be signalled as a whole, and Ctrl-C in a terminal reaches only this program.
        detached: hasGroups,
        windowsHide: true
      }) as Child
      child.once("exit", (code, signal) => Deferred.doneUnsafe(ended, Exit.succeed({ code, signal })))
      child.once("spawn", () => resume(Effect.succeed(child)))
      child.once("error", fail)
    } catch (error) {
      // Node throws for what it refuses itself, such as a NUL byte in an argument.
      fail(error as NodeJS.ErrnoException)
    }
  })

const spawnError = ({ program }: Command, error: NodeJS.ErrnoException): CodexConnectError => {
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

/** Stops reading a process that can't be talked to any more, when what it has written is read. */
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
    // It is gone already.
  }
}

/** End of input, SIGTERM, SIGKILL: each with the time given, the last until the process is gone. */
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
  // Also when the process itself has ended: helpers of its group may not have.
  signalGroup(child, "SIGKILL")
  yield* Deferred.await(ended)
})
