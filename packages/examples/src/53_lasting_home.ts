/**
 * A test home that stays: its threads are there in the next run, so a test can resume what an earlier one left.
 */
import { TestCodex } from "@effect-codex/testing"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { fileURLToPath } from "node:url"

const directory = fileURLToPath(new URL("../dist/lasting-home", import.meta.url))

/** Continues the latest thread in the home, or starts the first one. */
const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const [latest] = yield* codex.threadList().pipe(Stream.take(1), Stream.runCollect)
  const thread = latest === undefined ? yield* codex.threadStart() : yield* codex.threadResume(latest.id)
  const { finalResponse } = yield* thread.run("Are you still there?")
  const { turns } = yield* thread.read({ includeTurns: true })
  yield* Console.log(`turn ${turns.length} of ${thread.id}: ${finalResponse}`)
}).pipe(Effect.provide(TestCodex.layer({ script: TestCodex.echo, home: { directory } })))

// Each run has a server of its own. Run the example again: it goes on.
Effect.andThen(program, program).pipe(NodeRuntime.runMain)
