/**
 * A race of two turns. The first answer wins, and the SDK interrupts the other turn on the server.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const quick = yield* codex.threadStart({ config: { model_reasoning_effort: "low" } })
  const thorough = yield* codex.threadStart({ config: { model_reasoning_effort: "high" } })

  const winner = yield* Effect.race(quick.run("Say hello."), thorough.run("Count slowly to 1000."))
  yield* Console.log("the winner: ", winner.threadId === quick.id ? "quick" : "thorough")
  yield* Console.log("its answer: ", winner.finalResponse)

  const stored = yield* thorough.read({ includeTurns: true })
  yield* Console.log("the other:  ", stored.turns.at(-1)?.status)
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
