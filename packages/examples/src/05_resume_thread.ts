/**
 * A conversation goes on: by the id of its thread, also from another process or another day.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

/** Starts a conversation. What is kept of it is its id. */
const begin = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  const result = yield* thread.run("Remember the word heron.")
  yield* Console.log("first: ", result.finalResponse)
  return thread.id
})

/** Takes it up again. Options that are left out are as they were. */
const goOn = Effect.fn(function*(threadId: string) {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadResume(threadId)
  const result = yield* thread.run("What did I say?")
  yield* Console.log("second:", result.finalResponse)
})

const program = Effect.flatMap(begin, goOn)

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
