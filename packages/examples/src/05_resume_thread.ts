/**
 * A conversation that continues by the id of its thread, in this process or in a later one.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

/** Starts a conversation and returns its id. */
const begin = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  const result = yield* thread.run("Remember the word heron.")
  yield* Console.log("first: ", result.finalResponse)
  return thread.id
})

/** Continues the conversation. Options that you leave out keep their values. */
const goOn = Effect.fn(function*(threadId: string) {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadResume(threadId)
  const result = yield* thread.run("What did I say?")
  yield* Console.log("second:", result.finalResponse)
})

const program = Effect.flatMap(begin, goOn)

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
