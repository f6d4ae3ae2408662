/**
 * An evaluation: two models answer three questions each, a function and a judge score the answers, and a table compares them.
 */
import { Evaluation } from "@effect-codex/testing"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const questions = ["Why is the sky blue?", "Why do leaves turn red?", "Why is the sea salty?"]

/** The program under evaluation. */
const explain = Effect.fn(function*(question: string, model: string) {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart({ model, sandbox: "readOnly", ephemeral: true })
  const { finalResponse } = yield* thread.run(`${question} Answer a child, in one sentence.`)
  return finalResponse ?? ""
})

const program = Effect.gen(function*() {
  const report = yield* Evaluation.run({
    program: ({ seed, variant }) => explain(questions[seed]!, variant),
    variants: ["gpt-5.5", "gpt-5.4"],
    runs: questions.length,
    concurrency: 3,
    score: {
      short: (answer) => answer.length < 250,
      simple: Evaluation.judge({ question: "Would a child of eight understand this?" })
    }
  })
  yield* Console.log(Evaluation.table(report))

  // In a test: assert.isAtLeast(report.total.passRate, 0.8)
  for (const run of report.runs) {
    if (run._tag === "Scored" && !run.passed) yield* Console.log(run.variant, run.value, run.reasons)
  }
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
