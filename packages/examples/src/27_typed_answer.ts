/**
 * A typed answer: Codex holds the model to a Schema, and the SDK decodes the answer with it.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const Finding = Schema.Struct({
  title: Schema.String,
  severity: Schema.Literals(["low", "medium", "high"]),
  line: Schema.Int
})

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart({ sandbox: "readOnly" })
  const { output } = yield* thread.run("Review this directory.", { output: Schema.Array(Finding) })

  // output: ReadonlyArray<{ title: string, severity: "low" | "medium" | "high", line: number }>
  for (const finding of output) yield* Console.log(`${finding.severity} at line ${finding.line}: ${finding.title}`)
}).pipe(
  // The model may still answer something else.
  Effect.catchTag("OutputDecodeError", ({ issue, text }) => Console.error(`not a list of findings: ${issue}\n${text}`))
)

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
