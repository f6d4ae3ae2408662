/**
 * A typed answer with stricter checks than those that Codex holds the model to. If the answer does not pass, the program sends
 * the issue to the model in the same thread, and the model answers again.
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
  // The model writes a string, which the SDK decodes to a Date.
  date: Schema.Date,
  kind: Schema.Union([
    Schema.Struct({ type: Schema.Literal("patch"), fixes: Schema.Array(Schema.String) }),
    Schema.Struct({ type: Schema.Literal("feature"), title: Schema.String })
  ])
})

/** Asks for a typed answer, and sends the issue back at most twice. */
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
