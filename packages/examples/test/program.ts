import * as Effect from "effect/Effect"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Stream from "effect/Stream"
import { fileURLToPath } from "node:url"

/** The directory of the examples. */
export const examples = fileURLToPath(new URL("../src", import.meta.url))

export interface Options {
  readonly args?: ReadonlyArray<string>
  /** The text on standard input. */
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** Starts a program like its users do. The scope ends it. */
export const start = (file: string, { args = [], cwd, env = {}, input = "" }: Options = {}) =>
  ChildProcess.make(process.execPath, ["--conditions=@effect-codex/source", file, ...args], {
    cwd,
    env,
    extendEnv: true,
    stdin: Stream.make(new TextEncoder().encode(input)),
    forceKillAfter: "5 seconds"
  })

/** Runs a program to its end. */
export const run = (file: string, options?: Options) =>
  Effect.gen(function*() {
    const child = yield* start(file, options)
    const text = (bytes: typeof child.stdout) => Stream.mkString(Stream.decodeText(bytes))
    const [stdout, stderr, exitCode] = yield* Effect.all([text(child.stdout), text(child.stderr), child.exitCode], {
      concurrency: "unbounded"
    })
    return { stdout, stderr, exitCode }
  }).pipe(Effect.scoped)
