/**
 * Skills and hooks: what the server finds and runs, as it changes.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex

  // The stream starts with the current skills. Leave out take, and it emits them again when their files change.
  yield* codex.skills.changes().pipe(
    Stream.take(1),
    Stream.runForEach(([found]) => Console.log("skills:", found?.skills.map(({ name }) => name).slice(0, 3)))
  )

  yield* codex.hooks.runs.pipe(
    Stream.runForEach(({ params: { run } }) => Console.log(`hook:   ${run.eventName} ${run.status}`)),
    Effect.forkChild({ startImmediately: true })
  )
  // Hooks run once a person has trusted them in Codex. This key is for examples.
  const thread = yield* codex.threadStart({
    config: {
      bypass_hook_trust: true,
      hooks: { UserPromptSubmit: [{ hooks: [{ type: "command", command: "echo noted" }] }] }
    }
  })
  const { finalResponse } = yield* thread.run("Say hello.")
  yield* Console.log(`agent:  ${finalResponse}`)
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
