/**
 * A typed answer that is checked further than the model is held to: what does not fit is told to the model, in the same
 * thread, which then answers again.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex, type Output, type Thread } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const Release = Schema.Struct({
  version: Schema.String,
  // The model says it in a string, which the program gets as a Date.
  date: Schema.Date,
  kind: Schema.Union([
    Schema.Struct({ type: Schema.Literal("patch"), fixes: Schema.Array(Schema.String) }),
    Schema.Struct({ type: Schema.Literal("feature"), title: Schema.String })
  ])
})

/** Asks, and tells what does not fit, twice at most. */
const ask = Effect.fnUntraced(function*<A>(thread: Thread.Thread, question: string, output: Output.OutputSchema<A>) {
  let input = question
  for (let left = 2;; left--) {
    const answer = yield* Effect.result(thread.run(input, { output }))
    if (Result.isSuccess(answer)) return answer.success.output
    const error = answer.failure
    if (error._tag !== "OutputDecodeError" || left === 0) return yield* Effect.fail(error)
    yield* Console.log(`not yet: ${error.issue.replaceAll("\n ", "")}`)
    input = `That does not fit: ${error.issue}. Answer again.`
  }
})

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart({ sandbox: "readOnly" })
  const { date, kind } = yield* ask(thread, "What is the latest release of this project?", Release)
  yield* Console.log("released in", date.getUTCFullYear())
  yield* Console.log(kind.type === "patch" ? `${kind.fixes.length} fixes` : kind.title)
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
