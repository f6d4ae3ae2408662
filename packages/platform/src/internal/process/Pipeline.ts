/**
 * Commands piped together: each is a process of its own, and the bytes pass through the client.
 */
import * as Effect from "effect/Effect"
import type * as PlatformError from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Spawner from "effect/process/ChildProcessSpawner"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Spawn } from "./Descriptors.ts"

/** A command, and how it is fed by the one before it. */
interface Stage {
  readonly command: ChildProcess.StandardCommand
  readonly pipe: ChildProcess.PipeOptions
}

const stages = (command: ChildProcess.Command, pipe: ChildProcess.PipeOptions): ReadonlyArray<Stage> =>
  command._tag === "StandardCommand"
    ? [{ command, pipe }]
    : [...stages(command.left, pipe), ...stages(command.right, command.options)]

const outputOf = (
  handle: Spawner.ChildProcessHandle,
  from: ChildProcess.PipeFromOption = "stdout"
): Stream.Stream<Uint8Array, PlatformError.PlatformError> => {
  if (from === "stdout" || from === "stderr" || from === "all") return handle[from]
  const fd = ChildProcess.parseFdName(from)
  return fd === undefined ? handle.stdout : handle.getOutputFd(fd)
}

/** Returns a command that is fed by the one before it. */
const fed = (
  { command, pipe }: Stage,
  stream: Stream.Stream<Uint8Array, PlatformError.PlatformError>
): ChildProcess.StandardCommand => {
  const { options } = command
  const fd = ChildProcess.parseFdName(pipe.to ?? "stdin")
  if (fd === undefined) {
    const { stdin } = options
    const endOnDone = typeof stdin === "object" && "stream" in stdin ? stdin.endOnDone : undefined
    return ChildProcess.make(command.command, command.args, { ...options, stdin: { stream, endOnDone } })
  }
  const name: `fd${number}` = `fd${fd}`
  const existing = options.additionalFds?.[name]
  return ChildProcess.make(command.command, command.args, {
    ...options,
    additionalFds: {
      ...options.additionalFds,
      [name]: existing?.type === "duplex" ? { ...existing, stream } : { type: "input", stream }
    }
  })
}

/** Starts the commands of a pipeline. The handle is that of the last one, with the standard input of the first. */
export const spawn = Effect.fnUntraced(function*(
  pipeline: ChildProcess.PipedCommand,
  spawnOne: Spawn
): Effect.fn.Return<Spawner.ChildProcessHandle, PlatformError.PlatformError, Scope.Scope> {
  const [root, ...others] = stages(pipeline, {})
  const first = yield* spawnOne(root!.command)
  const handles = [first]
  let last = first
  for (const stage of others) {
    last = yield* spawnOne(fed(stage, outputOf(last, stage.pipe.from)))
    handles.push(last)
  }
  const reversed = handles.toReversed()
  return Spawner.makeHandle({
    ...last,
    stdin: first.stdin,
    kill: (options) => Effect.forEach(reversed, (handle) => Effect.ignore(handle.kill(options)), { discard: true }),
    unref: Effect.map(
      Effect.forEach(handles, (handle) => handle.unref),
      (rerefs) => Effect.forEach(rerefs.toReversed(), (reref) => reref, { discard: true })
    )
  })
})
