/** A program that runs one turn with `effect-codex`. Arguments: the binary and the workspace. */
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

const [codexPath = "", cwd = ""] = process.argv.slice(2)

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  yield* Console.log((yield* thread.run("hello")).finalResponse)
})

await Effect.runPromise(Effect.provide(program, Codex.layer({ codexPath, cwd })))
