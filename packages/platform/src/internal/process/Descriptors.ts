/**
 * Descriptors of a command beyond the standard three: each is a named pipe, with a `cat` of ours at its other end.
 */
import * as Effect from "effect/Effect"
import type * as PlatformError from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import type { ChildProcessHandle } from "effect/process/ChildProcessSpawner"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import { toPlatformError } from "../server/Fault.ts"
import type { Machine } from "../server/Machine.ts"
import { quote } from "../server/quote.ts"
import { badCommand } from "./Stdio.ts"
import type { Descriptor } from "./Wrapper.ts"

/** Starts a command of ours. */
export type Spawn = (
  command: ChildProcess.StandardCommand
) => Effect.Effect<ChildProcessHandle, PlatformError.PlatformError, Scope.Scope>

type ByteSink = Sink.Sink<void, Uint8Array, never, PlatformError.PlatformError>
type ByteStream = Stream.Stream<Uint8Array, PlatformError.PlatformError>

/** The other ends of a command's descriptors. */
export interface Descriptors {
  readonly descriptors: ReadonlyArray<Descriptor>
  readonly getInputFd: (fd: number) => ByteSink
  readonly getOutputFd: (fd: number) => ByteStream
  /** The programs at the other ends. */
  readonly handles: ReadonlyArray<ChildProcessHandle>
}

const none: Descriptors = {
  descriptors: [],
  handles: [],
  getInputFd: () => Sink.drain,
  getOutputFd: () => Stream.empty
}

interface Wanted {
  readonly fd: number
  readonly config: Exclude<ChildProcess.AdditionalFdConfig, { readonly type: "duplex" }>
}

const parse = Effect.fnUntraced(function*(
  options: ChildProcess.CommandOptions
): Effect.fn.Return<ReadonlyArray<Wanted>, PlatformError.PlatformError> {
  const wanted: Array<Wanted> = []
  for (const [name, config] of Object.entries(options.additionalFds ?? {})) {
    const fd = ChildProcess.parseFdName(name)
    if (fd === undefined) continue
    if (fd > 9) return yield* badCommand(`${name}: a shell on the server's machine opens descriptors 3 to 9 only`)
    if (config.type === "duplex") {
      return yield* badCommand(`${name}: a duplex descriptor is impossible; use one for input and one for output`)
    }
    wanted.push({ fd, config })
  }
  return wanted
})

/**
 * Makes the pipes of a command and starts the programs at their other ends. `onSource` runs each stream that feeds a descriptor.
 */
export const make = Effect.fnUntraced(function*(
  machine: Machine,
  spawn: Spawn,
  options: ChildProcess.CommandOptions,
  onSource: (source: ByteStream, sink: ByteSink) => Effect.Effect<void, never, Scope.Scope>
): Effect.fn.Return<Descriptors, PlatformError.PlatformError, Scope.Scope> {
  const wanted = yield* parse(options)
  if (wanted.length === 0) return none
  const inputs = new Map<number, ByteSink>()
  const outputs = new Map<number, ByteStream>()
  const handles: Array<ChildProcessHandle> = []

  const { facts, os, shells } = machine
  const names = wanted.map(({ fd }) => `"$d/${fd}"`).join(" ")
  const directory = yield* Effect.acquireRelease(
    shells.run(
      `d=$(mktemp -d -- ${quote(`${facts.temporary}/effect-codex-XXXXXX`)}) && mkfifo -- ${names} && printf %s "$d"`
    ).pipe(
      Effect.map((bytes) => Buffer.from(bytes).toString()),
      Effect.mapError((fault) =>
        toPlatformError(fault, { module: "ChildProcess", method: "spawn(additionalFds)", path: facts.temporary }, os)
      )
    ),
    (directory) => Effect.ignore(shells.run(`rm -rf -- ${quote(directory)}`))
  )

  for (const { config, fd } of wanted) {
    const pipe = `${directory}/${fd}`
    if (config.type === "output") {
      const handle = yield* spawn(ChildProcess.make("cat", [pipe], { stdin: "ignore", stderr: "ignore" }))
      handles.push(handle)
      outputs.set(fd, config.sink === undefined ? handle.stdout : Stream.transduce(handle.stdout, config.sink))
    } else {
      const handle = yield* spawn(
        ChildProcess.make("/bin/sh", ["-c", `exec cat >"$1"`, "sh", pipe], { stdout: "ignore", stderr: "ignore" })
      )
      handles.push(handle)
      inputs.set(fd, handle.stdin)
      if (config.stream !== undefined) yield* onSource(config.stream, handle.stdin)
    }
  }

  return {
    descriptors: wanted.map(({ config, fd }) => ({ fd, type: config.type, pipe: `${directory}/${fd}` })),
    handles,
    getInputFd: (fd) => inputs.get(fd) ?? Sink.drain,
    getOutputFd: (fd) => outputs.get(fd) ?? Stream.empty
  }
})
