/**
 * A run that is recorded once and then replayed without a binary, a network or an account, as a test in CI would. The same
 * recording is drawn as an HTML page.
 */
import { Replay } from "@effect-codex/recording"
import * as Recording from "@effect-codex/recording/Recording"
import * as Timeline from "@effect-codex/recording/Timeline"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const file = fileURLToPath(new URL("../dist/recordings/greeting.jsonl", import.meta.url))
const page = file.replace(/jsonl$/, "html")

/** The code under test. It does not depend on where Codex comes from. */
const ask = Effect.fn(function*(question: string) {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart({ sandbox: "readOnly" })
  const { finalResponse } = yield* thread.run(question)
  return finalResponse
})

/** Records the run. Do this once, by hand, for instance with `RECORD=1 npm test`, and commit the recording. */
const record = Effect.gen(function*() {
  yield* Console.log("recorded:", yield* ask("Say hello in one sentence."))
}).pipe(Effect.provide(ExampleCodex.layerRecorded(file)))

/** Replays the run, in CI. In a test runner, write `it.live("...", () => replay)`. */
const replay = Effect.gen(function*() {
  yield* Console.log("replayed:", yield* ask("Say hello in one sentence."))
  // Fails if the program has not used the whole recording.
  const { done } = yield* Replay.Replay
  yield* done
}).pipe(Effect.provide(Replay.layerCodex(file)))

/** Shows the error of a program that differs from the recorded one. */
const replayAnother = Effect.gen(function*() {
  const error = yield* Effect.flip(ask("Say goodbye."))
  yield* Console.log(`\nnot what was recorded:\n${Replay.mismatch(error)?.message}`)
}).pipe(Effect.provide(Replay.layerCodex(file)))

/** Draws the recording, like `npx @effect-codex/cli timeline FILE`. */
const draw = Effect.gen(function*() {
  const recording = yield* Recording.read(file)
  yield* Timeline.write(recording, page)
  yield* Console.log(`\n${recording.entries.length} messages to look at: ${page}`)
})

record.pipe(
  Effect.andThen(replay),
  Effect.andThen(replayAnother),
  Effect.andThen(draw),
  NodeRuntime.runMain
)
