/**
 * Short runs of the codex binary, such as `codex --version`.
 */
import * as Effect from "effect/Effect"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Stream from "effect/Stream"
import { command } from "./Situation.ts"

/** The end of a program, and the text that it printed. */
export interface Ended {
  /** The exit code. */
  readonly exitCode: number
  /** The beginning of standard output and standard error. */
  readonly output: string
}

/** The number of characters of the output that are kept. */
const most = 10_000

/** Runs the binary with arguments to its end. Interrupting it kills the process. */
export const codex = Effect.fnUntraced(function*(args: ReadonlyArray<string>) {
  const { env, program } = yield* command
  const child = yield* ChildProcess.make(program, args, {
    env,
    extendEnv: false,
    stdin: "ignore",
    forceKillAfter: "1 second"
  })
  let output = ""
  yield* Stream.runForEach(
    Stream.decodeText(child.all),
    (text) => Effect.sync(() => output = (output + text).slice(0, most))
  )
  const ended: Ended = { exitCode: yield* child.exitCode, output }
  return ended
}, Effect.scoped)
