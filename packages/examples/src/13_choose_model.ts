/**
 * The choice of a model and of its reasoning effort, from the list that the server offers.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const models = yield* Stream.runCollect(codex.models())
  const model = models.find(({ isDefault }) => isDefault) ?? models[0]
  // Efforts are in ascending order.
  const effort = model?.supportedReasoningEfforts.at(-1)?.reasoningEffort
  yield* Console.log(`${model?.displayName} with effort ${effort}, of ${models.length} models`)

  const thread = yield* codex.threadStart({ model: model?.model })
  const result = yield* thread.run("Say hello in one sentence.", { effort })
  yield* Console.log(result.finalResponse)
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
