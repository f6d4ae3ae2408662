import * as Effect from "effect/Effect"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Stream from "effect/Stream"
import { fileURLToPath } from "node:url"
import { commandOf, runtimeOf } from "../../codex/test/runtimes/command.ts"

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

/** Node's compile cache, so that the programs do not compile the same sources again. */
const compileCache = fileURLToPath(new URL("../dist/compile-cache", import.meta.url))

/** The runtime of the programs. `npm run test:runtimes` sets the variable. */
export const runtime = runtimeOf(process.env["RUNTIME"] ?? "node")

/** Starts a program like its users do. The scope ends it. */
export const start = (file: string, { args = [], cwd, env = {}, input = "", permissions }: Options = {}) => {
  const [program, ...before] = commandOf(runtime, file, permissions)
  return ChildProcess.make(program, [...before, ...args], {
    cwd,
    env: { NODE_COMPILE_CACHE: compileCache, ...env },
    extendEnv: true,
    stdin: Stream.make(new TextEncoder().encode(input)),
    forceKillAfter: "5 seconds"
  })
}

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
