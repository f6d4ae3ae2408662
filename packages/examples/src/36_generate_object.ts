/**
 * Structured output on Effect AI: Codex is held to a Schema, and you get a decoded value. `--stub` runs the same program on
 * another provider.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ExampleModel from "./shared/ExampleModel.ts"

const City = Schema.Struct({
  city: Schema.String,
  founded: Schema.Int,
  river: Schema.optionalKey(Schema.String)
})

const program = Effect.gen(function*() {
  const response = yield* LanguageModel.generateObject({ prompt: "Rome", schema: City })
  yield* Console.log("city:    ", response.value.city)
  yield* Console.log("founded: ", response.value.founded)
  yield* Console.log("finish:  ", response.finishReason)
})

program.pipe(Effect.provide(ExampleModel.layer()), NodeRuntime.runMain)
