/**
 * The first turn: start a thread, stream the answer, read the result.
 *
 *     npm start "What is in this directory?"
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  yield* Console.log(`server  ${codex.metadata.serverName} ${codex.metadata.serverVersion}`)

  const thread = yield* codex.threadStart()
  yield* Console.log(`thread  ${thread.id}`)

  const turn = yield* thread.turn(ExampleCodex.prompt ?? "Say hello in one sentence.")
  yield* Console.log(`turn    ${turn.id}\n`)
  yield* turn.text.pipe(Stream.runForEach((piece) => Effect.sync(() => process.stdout.write(piece))))

  const result = yield* turn.run
  yield* Console.log(`\n\nanswer  ${result.finalResponse}`)
  yield* Console.log(`items   ${result.items.map((item) => item.type).join(", ")}`)
  yield* Console.log(`usage   ${result.usage?.last.inputTokens} in, ${result.usage?.last.outputTokens} out`)
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
