/**
 * Background terminals: commands that run on after the agent has stopped waiting for them.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart({ sandbox: "fullAccess" })
  const terminals = thread.backgroundTerminals

  yield* thread.run("Please run `sleep 1000` in the background.")
  const running = yield* terminals.current
  for (const { command } of running) yield* Console.log("running:", command)

  // A program usually waits, with a limit.
  yield* terminals.settled.pipe(
    Effect.timeout("500 millis"),
    Effect.catchTag("TimeoutError", () => Console.log("still running"))
  )
  for (const { processId } of running) yield* terminals.stop(processId)
  yield* terminals.settled
  yield* Console.log("settled")
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
