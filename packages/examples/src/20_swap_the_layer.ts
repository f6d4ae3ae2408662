/**
 * A test of a program that uses Codex. The test provides another Layer: the real binary on a scripted model.
 */
import { Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

/** The code under test. It does not depend on where Codex comes from. */
const review = Effect.fn(function*(diff: string) {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart({ sandbox: "readOnly", ephemeral: true })
  const { finalResponse } = yield* thread.run(`Answer yes or no: is this diff safe?\n${diff}`)
  return finalResponse?.trim().toLowerCase().startsWith("yes") ? "approved" as const : "needs a person" as const
})

/** The test. In a test runner, write `it.live("...", () => test)`. */
const test = Effect.gen(function*() {
  const model = yield* ScriptedModel.ScriptedModel
  yield* model.enqueue(Reply.text("Yes."), Reply.text("No: it deletes the backups."))

  const verdicts = [yield* review("+ comment"), yield* review("- backups")]
  const asked = (yield* model.awaitRequest(1)).lastUserText
  yield* Console.log("in the test:   ", verdicts, "after", JSON.stringify(asked))
}).pipe(Effect.provide(TestCodex.layer()))

const production = Effect.gen(function*() {
  yield* Console.log("in production: ", yield* review("+ console.log(1)"))
}).pipe(Effect.provide(ExampleCodex.layer()))

test.pipe(Effect.andThen(production), NodeRuntime.runMain)
