/**
 * A goal: the agent continues by itself, turn after turn, until it declares the goal reached.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart({ sandbox: "readOnly" })

  // The handle resembles that of a turn, with one stream and one result for all turns of the goal.
  const goal = yield* thread.startGoal("Find out what the files here are for.", { tokenBudget: 50_000 })
  yield* goal.items.pipe(
    Stream.filter((item) => item.type === "agentMessage"),
    Stream.runForEach((item) => Console.log("agent: ", item.text))
  )
  const result = yield* goal.run
  yield* Console.log("turn:  ", result.status)

  const stored = yield* thread.goal.read
  yield* Console.log("goal:  ", stored?.status, `(${stored?.objective})`)
  yield* thread.goal.clear
})

const client = ExampleCodex.layer({ config: { features: { goals: true } } })

program.pipe(Effect.provide(client), NodeRuntime.runMain)
