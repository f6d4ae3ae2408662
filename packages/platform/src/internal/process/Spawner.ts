/**
 * Effect's `ChildProcessSpawner` on the server's machine.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as PlatformError from "effect/PlatformError"
import type * as ChildProcess from "effect/process/ChildProcess"
import * as Spawner from "effect/process/ChildProcessSpawner"
import * as CommandLine from "effect/process/CommandLine"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { posix } from "node:path"
import { toPlatformError, Unsupported } from "../server/Fault.ts"
import type { Machine } from "../server/Machine.ts"
import type { RemoteProcess, Size } from "../server/RemoteProcess.ts"
import * as Descriptors from "./Descriptors.ts"
import type { Limits } from "./Output.ts"
import * as Pipeline from "./Pipeline.ts"
import * as RunningCommand from "./RunningCommand.ts"
import * as Stdio from "./Stdio.ts"

/** The terminal of the commands that are spawned; `undefined` for none. */
export const Pty: Context.Reference<Size | undefined> = Context.Reference<Size | undefined>(
  "@effect-codex/platform/CodexChildProcessSpawner/Pty",
  { defaultValue: () => undefined }
)

/** The terminals of handles. */
const terminals = new WeakMap<
  Spawner.ChildProcessHandle,
  (size: Size) => Effect.Effect<void, PlatformError.PlatformError>
>()

/** Changes the size of the terminal of a command. */
export const resize = (
  handle: Spawner.ChildProcessHandle,
  size: Size
): Effect.Effect<void, PlatformError.PlatformError> =>
  Effect.suspend(() => {
    const resize = terminals.get(handle)
    return resize === undefined
      ? Effect.fail(PlatformError.badArgument({
        module: "ChildProcess",
        method: "resize",
        description: "the process has no terminal; provide CodexChildProcessSpawner.Pty when it is spawned"
      }))
      : resize(size)
  })

/** Variables that shells set. */
const setByShells = ["PWD", "OLDPWD", "SHLVL"]

/** The variables to set and to remove. Without `extendEnv`, `env` replaces all that the server has. */
const environment = (
  env: Readonly<Record<string, string | undefined>> | undefined,
  extendEnv: boolean | undefined,
  variables: ReadonlyArray<string>
): { readonly [name: string]: string | null } | undefined => {
  if (env === undefined) return undefined
  const removed = extendEnv === true ? [] : variables.map((name) => [name, null] as const)
  return Object.fromEntries([...removed, ...Object.entries(env).map(([name, value]) => [name, value ?? null] as const)])
}

/** The sink of a command's standard input. */
const inputSink = (
  process: RemoteProcess,
  endOnDone: boolean,
  shown: string,
  os: string | undefined
): Sink.Sink<void, Uint8Array, never, PlatformError.PlatformError> => {
  const write = (bytes: Uint8Array) =>
    Effect.mapError(
      process.write(bytes),
      (fault) => toPlatformError(fault, { module: "ChildProcess", method: "write(stdin)", path: shown }, os)
    )
  const sink = Sink.forEach(write)
  // Nothing is left to close of a process that has ended.
  return endOnDone ? Sink.mapEffect(sink, () => Effect.ignore(process.closeStdin)) : sink
}

type Bytes = Stream.Stream<Uint8Array, PlatformError.PlatformError>

/** The visible part of an output stream. */
const outputOf = (stream: Bytes, { isIgnored, sink }: Stdio.Stdio["stdout"]): Bytes =>
  isIgnored ? Stream.empty : sink === undefined ? stream : Stream.transduce(stream, sink)

/** Makes the service. */
export const make = (machine: Machine, limits: Limits): Spawner.ChildProcessSpawner["Service"] => {
  const { cwd, facts, os } = machine

  const spawnOne = (terminal: Size | undefined): Descriptors.Spawn =>
    Effect.fnUntraced(function*(
      command: ChildProcess.StandardCommand
    ): Effect.fn.Return<Spawner.ChildProcessHandle, PlatformError.PlatformError, Scope.Scope> {
      const { options } = command
      const { env, line } = yield* Stdio.words(command)
      const stdio = yield* Stdio.parse(options)
      const shown = CommandLine.display([command.command, ...command.args])
      const inputFailure = Deferred.makeUnsafe<never, PlatformError.PlatformError>()
      // A failure of the source truncates the input, which the exit code must not hide.
      const feed = (
        source: Stream.Stream<Uint8Array, PlatformError.PlatformError>,
        sink: Sink.Sink<void, Uint8Array, never, PlatformError.PlatformError>
      ) =>
        Effect.asVoid(Effect.forkScoped(
          Stream.run(Stream.tapError(source, (error) => Deferred.fail(inputFailure, error)), sink)
        ))

      const { descriptors, getInputFd, getOutputFd, handles } = yield* Descriptors.make(
        machine,
        spawnOne(undefined),
        options,
        feed
      )
      const variables = environment(env, options.extendEnv, facts.variables)
      const running = yield* RunningCommand.start(machine, {
        line,
        shown,
        cwd: options.cwd === undefined ? cwd : posix.resolve(cwd, options.cwd),
        env: variables,
        unset: variables === undefined ? [] : setByShells.filter((name) => {
          const value = variables[name]
          return value === null || (value === undefined && options.extendEnv !== true)
        }),
        ignoreStdin: stdio.stdin.isIgnored,
        ignoreStdout: stdio.stdout.isIgnored,
        ignoreStderr: stdio.stderr.isIgnored,
        descriptors,
        terminal,
        limits,
        killOptions: options
      })
      const { process } = running
      const stdin = stdio.stdin.isIgnored ? Sink.drain : inputSink(process, stdio.stdin.endOnDone, shown, os)
      if (stdio.stdin.source !== undefined) yield* feed(stdio.stdin.source, stdin)

      const stdout = outputOf(running.stdout.stream, stdio.stdout)
      const stderr = outputOf(running.stderr.stream, stdio.stderr)

      const exitCode = Effect.raceFirst(running.exitCode, Deferred.await(inputFailure)).pipe(
        Effect.flatMap((code) =>
          Deferred.isDoneUnsafe(inputFailure)
            ? Deferred.await(inputFailure)
            : Effect.succeed(Spawner.ExitCode(code))
        )
      )
      const setReferenced = (
        isReferenced: boolean,
        others: ReadonlyArray<Effect.Effect<unknown, PlatformError.PlatformError>>
      ) =>
        Effect.andThen(
          Effect.forEach(others, (other) => other, { discard: true }),
          Effect.sync(() => {
            running.isReferenced = isReferenced
          })
        )

      const handle = Spawner.makeHandle({
        pid: Spawner.ProcessId(running.pid),
        exitCode,
        isRunning: Effect.sync(() => !running.hasEnded()),
        kill: running.kill,
        stdin,
        stdout,
        stderr,
        all: Stream.merge(stdout, stderr),
        getInputFd,
        getOutputFd,
        unref: Effect.gen(function*() {
          const rerefs = yield* Effect.forEach(handles, (handle) => handle.unref)
          yield* setReferenced(false, [])
          return setReferenced(true, rerefs)
        })
      })
      if (terminal !== undefined) {
        terminals.set(handle, (size) =>
          Effect.mapError(process.resize(size), (fault) =>
            toPlatformError(fault, { module: "ChildProcess", method: "resize", path: shown }, os)))
      }
      return handle
    })

  return Spawner.make(Effect.fnUntraced(function*(command) {
    const terminal = yield* Pty
    if (command._tag === "StandardCommand") return yield* spawnOne(terminal)(command)
    if (terminal !== undefined) {
      return yield* Effect.fail(toPlatformError(
        new Unsupported({ detail: "a pipeline has no terminal; spawn a shell with the pipeline as its script" }),
        { module: "ChildProcess", method: "spawn" },
        os
      ))
    }
    return yield* Pipeline.spawn(command, spawnOne(undefined))
  }))
}
