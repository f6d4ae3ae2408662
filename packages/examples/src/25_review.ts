/**
 * A review: a turn that reviews the uncommitted changes, a commit, a branch, or what your instructions name.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart({ sandbox: "readOnly" })
  const turn = yield* thread.review({ type: "custom", instructions: "Look for mistakes in the names of the files." })
  const result = yield* turn.run
  for (const item of result.items) {
    if (item.type === "exitedReviewMode") yield* Console.log("review:", item.review)
  }
  yield* Console.log("status:", result.status)
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
