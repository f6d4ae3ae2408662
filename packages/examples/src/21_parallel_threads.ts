/**
 * Many threads at once, on one process. Each turn receives only its own events.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const topics = ["herons", "otters", "kingfishers", "dragonflies", "reeds", "frogs", "eels", "water lilies"]

const describe = Effect.fn(function*(topic: string) {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart({ ephemeral: true })
  const { finalResponse } = yield* thread.run(`One fact about ${topic}.`)
  return `${topic}: ${finalResponse}`
})

const program = Effect.gen(function*() {
  // At most four run at a time. If one fails, the others are interrupted.
  const facts = yield* Effect.forEach(topics, describe, { concurrency: 4 })
  yield* Effect.forEach(facts, (fact) => Console.log(fact), { discard: true })
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
