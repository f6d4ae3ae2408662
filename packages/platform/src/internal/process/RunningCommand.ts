/**
 * A command on the server's machine from its start to its end: its wrapper, its output, its signals.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as PlatformError from "effect/PlatformError"
import type * as ChildProcess from "effect/process/ChildProcess"
import type * as Scope from "effect/Scope"
import { isIsolated } from "../model/Sandbox.ts"
import { type Fault, Refused, tagOf, toPlatformError } from "../server/Fault.ts"
import type { Machine, Running } from "../server/Machine.ts"
import { realTime } from "../server/realTime.ts"
import type { RemoteProcess, Size } from "../server/RemoteProcess.ts"
import { Channel, Flow, type Limits } from "./Output.ts"
import * as Signals from "./Signals.ts"
import * as Wrapper from "./Wrapper.ts"

/** A command to start. */
export interface Request extends Wrapper.Start {
  readonly line: ReadonlyArray<string>
  /** The line as errors show it. */
  readonly shown: string
  readonly cwd: string
  readonly env: { readonly [name: string]: string | null } | undefined
  readonly ignoreStdin: boolean
  readonly terminal: Size | undefined
  readonly limits: Limits
  /** How it is ended when its scope closes. */
  readonly killOptions: ChildProcess.KillOptions
}

/** A started command. */
export interface RunningCommand extends Running {
  readonly pid: number
  readonly stdout: Channel
  readonly stderr: Channel
  readonly process: RemoteProcess
  /** Waits for the exit code. Fails if a signal of ours ended the command, or if the connection is lost. */
  readonly exitCode: Effect.Effect<number, PlatformError.PlatformError>
  readonly hasEnded: () => boolean
  /** Signals the command and its group, and waits for its end. */
  readonly kill: (options: ChildProcess.KillOptions | undefined) => Effect.Effect<void, PlatformError.PlatformError>
  /** Whether its scope, or that of the layer, ends it. */
  isReferenced: boolean
}

/** Reads the first line of the wrapper; all that follows is the output of the command. */
const firstLine = (onLine: (line: Wrapper.FirstLine | undefined) => void, onRest: (bytes: Uint8Array) => void) => {
  let line: Array<number> | undefined = []
  return (bytes: Uint8Array): void => {
    if (line === undefined) return onRest(bytes)
    const end = bytes.indexOf(10)
    line.push(...bytes.subarray(0, end < 0 ? bytes.length : end))
    if (end < 0) return
    onLine(Wrapper.parseFirstLine(String.fromCharCode(...line)))
    line = undefined
    onRest(bytes.subarray(end + 1))
  }
}

/** Starts a command. The scope ends it, unless it is no longer referenced. */
export const start = Effect.fnUntraced(function*(
  machine: Machine,
  request: Request
): Effect.fn.Return<RunningCommand, PlatformError.PlatformError, Scope.Scope> {
  const { client, os, runner, sandbox, shells } = machine
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  const fail = (method: string) => (fault: Fault) =>
    toPlatformError(fault, { module: "ChildProcess", method, path: request.shown }, os)

  const flow = new Flow(request.limits, (effect) => {
    runFork(effect)
  })
  const stdout = new Channel(flow)
  const stderr = new Channel(flow)
  const started = Deferred.makeUnsafe<number, PlatformError.PlatformError>()

  const readStdout = firstLine((line) => {
    const exit = line === undefined
      ? Exit.fail(
        fail("spawn")(new Refused({ errno: undefined, detail: "the wrapper of the command printed no process id" }))
      )
      : "pid" in line
      ? Exit.succeed(line.pid)
      : Exit.fail(PlatformError.systemError({
        _tag: tagOf(line.errno, os),
        module: "ChildProcess",
        method: "spawn",
        pathOrDescriptor: request.shown,
        description: line.errno === 2
          ? "there is no such program on the server's machine"
          : "the program on the server's machine is not executable"
      }))
    Deferred.doneUnsafe(started, exit)
  }, (bytes) => stdout.push(bytes))

  const isolated = isIsolated(sandbox)
  const staying = isolated && request.ignoreStdin && request.terminal === undefined
    ? Wrapper.stayingCommandLine(request.line, request, machine.facts)
    : undefined

  return yield* Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const process = yield* Effect.mapError(
        restore(runner.start({
          command: staying ?? Wrapper.commandLine(request.line, request),
          cwd: request.cwd,
          env: request.env,
          stdin: staying !== undefined || !request.ignoreStdin,
          terminal: request.terminal
        }, (stream, bytes) => stream === "stdout" ? readStdout(bytes) : stderr.push(bytes))),
        badDirectory
      )

      const hasEnded = () => Deferred.isDoneUnsafe(process.exit)
      const sent = new Set<ChildProcess.Signal>()
      let overflow: PlatformError.PlatformError | undefined

      const control = (pid: number): Signals.Control =>
        staying !== undefined
          ? Signals.byWrapper(process)
          : isolated
          ? Signals.byServer(process)
          : Signals.byNumber(shells, pid, process)

      // The output ends with the process, or with the connection.
      runFork(Effect.flatMap(Effect.exit(Deferred.await(process.exit)), (exit) =>
        Effect.sync(() => {
          machine.running.delete(command)
          const error = Exit.isFailure(exit)
            ? exit.cause.reasons.map((reason) => reason._tag === "Fail" ? fail("read")(reason.error) : undefined)[0]
            : overflow
          stdout.end(error)
          stderr.end(error)
          if (!Deferred.isDoneUnsafe(started)) {
            Deferred.doneUnsafe(
              started,
              Exit.isFailure(exit)
                ? Exit.mapError(exit, badDirectory)
                : Exit.fail(
                  fail("spawn")(
                    new Refused({ errno: undefined, detail: `the wrapper of the command exited with ${exit.value}` })
                  )
                )
            )
          }
        })))

      const kill = Effect.fnUntraced(function*(
        pid: number,
        options: ChildProcess.KillOptions | undefined
      ): Effect.fn.Return<void, PlatformError.PlatformError> {
        if (hasEnded()) return yield* fail("kill")(new Refused({ errno: 3, detail: "the process has ended" }))
        const { send } = control(pid)
        const ended = Effect.ignore(Deferred.await(process.exit))
        const signal = (name: ChildProcess.Signal) =>
          Effect.suspend(() => {
            sent.add(name)
            return Effect.matchEffect(send(name), {
              // It has ended meanwhile, which the server is about to report.
              onFailure: (fault) =>
                fault._tag === "Unsupported"
                  ? Effect.suspend(() => {
                    sent.delete(name)
                    return Effect.fail(fail("kill")(fault))
                  })
                  : Effect.raceFirst(
                    ended,
                    Effect.andThen(realTime("3 seconds"), Effect.fail(fail("kill")(fault)))
                  ),
              onSuccess: () => Effect.sync(() => flow.release())
            })
          })
        yield* signal(options?.killSignal ?? "SIGTERM")
        if (options?.forceKillAfter !== undefined) {
          yield* Effect.raceFirst(ended, realTime(options.forceKillAfter))
          if (!hasEnded()) yield* signal("SIGKILL")
        }
        yield* ended
      })

      const terminate = Effect.suspend(() => {
        sent.add("SIGKILL")
        return Effect.ignore(process.terminate)
      })

      let pid = 0
      const command: RunningCommand = {
        terminate,
        get pid() {
          return pid
        },
        stdout,
        stderr,
        process,
        hasEnded,
        kill: (options) => kill(pid, options),
        isReferenced: true,
        exitCode: Effect.flatMap(Effect.mapError(Deferred.await(process.exit), fail("exitCode")), (code) => {
          const signal = Signals.endedBy(sent, code, { os, hasTerminal: request.terminal !== undefined })
          return signal === undefined ? Effect.succeed(code) : Effect.fail(PlatformError.systemError({
            _tag: "Unknown",
            module: "ChildProcess",
            method: "exitCode",
            pathOrDescriptor: request.shown,
            description: `the process was interrupted by ${signal}`
          }))
        })
      }

      if (!hasEnded()) machine.running.add(command)
      yield* Effect.addFinalizer(() =>
        Effect.suspend(() => {
          if (hasEnded() || !command.isReferenced) return Effect.void
          // Nobody reads any more.
          stdout.end()
          stderr.end()
          const end = Effect.andThen(terminate, Effect.ignore(Deferred.await(process.exit)))
          return Deferred.isDoneUnsafe(started) ? Effect.catch(kill(pid, request.killOptions), () => end) : end
        })
      )

      pid = yield* restore(Deferred.await(started))
      const { canStop, send } = control(pid)
      if (canStop) {
        flow.control((stop) =>
          Effect.suspend(() => hasEnded() ? Effect.void : Effect.ignore(send(stop ? "SIGSTOP" : "SIGCONT")))
        )
      }
      flow.onOverflow = () => {
        overflow = PlatformError.systemError({
          _tag: "BadResource",
          module: "ChildProcess",
          method: "read",
          pathOrDescriptor: request.shown,
          description:
            `more than ${request.limits.maxUnread} bytes of output were unread, and the command could not be stopped; `
            + `it was killed. Read its output, or set stdin: "ignore"`
        })
        runFork(terminate)
      }
      return command
    })
  )

  function badDirectory(fault: Fault): PlatformError.PlatformError {
    // The wrapper is always found, so that what is missing is the directory.
    return fault._tag === "CodexRpcError" && /os error/.test(fault.serverMessage)
      ? toPlatformError(
        fault,
        { module: "FileSystem", method: "access", path: request.cwd },
        client.metadata.platformOs
      )
      : fail("spawn")(fault)
  }
})
