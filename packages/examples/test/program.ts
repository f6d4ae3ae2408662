import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Stream from "effect/Stream"
import { fileURLToPath } from "node:url"
import { commandOf, runtimeOf } from "../../codex/test/runtimes/command.ts"
import { mark } from "./inOneProcess.ts"

/** The directory of the examples. */
export const examples = fileURLToPath(new URL("../src", import.meta.url))

export interface Options {
  readonly args?: ReadonlyArray<string>
  /** The text on standard input. */
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** The permissions on Deno. Default: those that the documentation names. */
  readonly permissions?: ReadonlyArray<string>
}

/** The runtime of the programs. A project of `vitest.workspace.ts` sets the variable. */
export const runtime = runtimeOf(process.env["RUNTIME"] ?? "node")

/** Starts a program like its users do. The scope ends it. */
export const start = (file: string, { args = [], cwd, env = {}, input = "", permissions }: Options = {}) => {
  const [program, ...before] = commandOf(runtime, file, permissions)
  return ChildProcess.make(program, [...before, ...args], {
    cwd,
    env,
    extendEnv: true,
    stdin: Stream.make(new TextEncoder().encode(input)),
    forceKillAfter: "5 seconds"
  })
}

/** The end of a program, and its output. */
export interface Outcome {
  readonly stdout: string
  readonly stderr: string
  /** Undefined if the program did not end in time, and was killed. */
  readonly exitCode: number | undefined
}

/** Runs a program to its end. */
export const run = (file: string, options?: Options) =>
  Effect.gen(function*() {
    const child = yield* start(file, options)
    const output = { stdout: "", stderr: "" }
    const read = (stream: "stdout" | "stderr") =>
      Stream.runForEach(Stream.decodeText(child[stream]), (text) => Effect.sync(() => void (output[stream] += text)))
    const [exit] = yield* Effect.all([
      Effect.timeoutOption(child.exitCode, "2 minutes"),
      Effect.timeoutOption(Effect.all([read("stdout"), read("stderr")], { concurrency: 2 }), "2 minutes")
    ], { concurrency: 2 })
    const outcome: Outcome = { ...output, exitCode: Option.isSome(exit) ? Number(exit.value) : undefined }
    return outcome
  }).pipe(Effect.scoped)

const inOneProcess = fileURLToPath(new URL("inOneProcess.ts", import.meta.url))

/**
 * Runs programs to their end, one after the other. On Node, they share a process until one fails: starting it and loading the
 * modules takes longer than most of them.
 */
export const runAll = (
  files: ReadonlyArray<string>,
  options?: Omit<Options, "args">
): Effect.Effect<ReadonlyMap<string, Outcome>, PlatformError, ChildProcessSpawner> =>
  Effect.gen(function*() {
    if (runtime !== "node") {
      return new Map(
        yield* Effect.forEach(files, (file) => Effect.map(run(file, options), (end) => [file, end] as const))
      )
    }
    const outcomes = new Map<string, Outcome>()
    if (files.length === 0) return outcomes
    const { exitCode, ...output } = yield* run(inOneProcess, { ...options, args: files })
    const [stdout, stderr] = [output.stdout.split(mark).slice(1), output.stderr.split(mark).slice(1)]
    const last = Math.max(stdout.length, 1) - 1
    for (let index = 0; index <= last; index++) {
      outcomes.set(files[index]!, {
        stdout: stdout[index] ?? output.stdout,
        stderr: stderr[index] ?? output.stderr,
        exitCode: index === last ? exitCode : 0
      })
    }
    return new Map([...outcomes, ...yield* runAll(files.slice(last + 1), options)])
  })
