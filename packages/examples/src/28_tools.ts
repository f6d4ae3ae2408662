/**
 * Tools of your own. The model can call the tools of an Effect AI Toolkit, and Effects answer the calls.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

class NoSuchArticle extends Schema.TaggedError<NoSuchArticle>("examples/NoSuchArticle")("NoSuchArticle", {
  article: Schema.String
}) {}

const Stock = Tool.make("stock", {
  description: "Returns how many pieces of an article are in stock",
  parameters: Schema.Struct({ article: Schema.String }),
  success: Schema.Struct({ pieces: Schema.Int }),
  // The model receives a failure and may try something else.
  failure: NoSuchArticle
})

const toolkit = Toolkit.make(Stock)

const handlers = toolkit.toLayer({
  stock: ({ article }) =>
    Effect.gen(function*() {
      yield* Console.log("asked for:", article)
      return article === "lamp" ? { pieces: 7 } : yield* new NoSuchArticle({ article })
    })
})

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart({ tools: toolkit })
  for (const article of ["lamp", "chair"]) {
    const result = yield* thread.run(`How many of the article "${article}" are in stock?`)
    yield* Console.log("agent:    ", result.finalResponse)
  }
})

program.pipe(Effect.provide([handlers, ExampleCodex.layer()]), NodeRuntime.runMain)
