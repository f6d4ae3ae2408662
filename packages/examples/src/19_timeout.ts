/**
 * A turn with a time limit. A turn that exceeds it is stopped, not abandoned, so the thread is free again.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()

  const answer = yield* thread.run("Count slowly to 1000.").pipe(
    Effect.map((result) => result.finalResponse),
    Effect.timeoutOrElse({ duration: "500 millis", orElse: () => Effect.succeed("no answer in time") })
  )
  yield* Console.log("first: ", answer)

  const next = yield* thread.run("Then say hello.")
  yield* Console.log("second:", next.finalResponse)
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
