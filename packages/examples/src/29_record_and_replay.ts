/**
 * A run is recorded once, and replayed from then on: no binary, no network, no account. That is how a program that uses
 * Codex is tested in CI. The same recording becomes a page to look at.
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

/** What is tested. It does not know where its Codex comes from. */
const ask = Effect.fn(function*(question: string) {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart({ sandbox: "readOnly" })
  const { finalResponse } = yield* thread.run(question)
  return finalResponse
})

/** Once, by hand: `RECORD=1 npm test`. The recording goes to the repository. */
const record = Effect.gen(function*() {
  yield* Console.log("recorded:", yield* ask("Say hello in one sentence."))
}).pipe(Effect.provide(ExampleCodex.layerRecorded(file)))

/** In CI. With a test runner: `it.live("...", () => replay)`. */
const replay = Effect.gen(function*() {
  yield* Console.log("replayed:", yield* ask("Say hello in one sentence."))
  // Nothing of what was recorded is left.
  const { done } = yield* Replay.Replay
  yield* done
}).pipe(Effect.provide(Replay.layerCodex(file)))

/** A program that is not the one that was recorded is shown where it differs. */
const replayAnother = Effect.gen(function*() {
  const error = yield* Effect.flip(ask("Say goodbye."))
  yield* Console.log(`\nnot what was recorded:\n${Replay.mismatch(error)?.message}`)
}).pipe(Effect.provide(Replay.layerCodex(file)))

/** Draws the page, as `npx @effect-codex/cli timeline FILE` does. */
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
