/**
 * A program that records itself and serves the timeline of its recording: open the URL, and watch the program work.
 *
 * The program ends after its work; with `--stay`, the page stays until Ctrl-C.
 */
import * as TimelineServer from "@effect-codex/recording/TimelineServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const file = fileURLToPath(new URL("../dist/recordings/service.jsonl", import.meta.url))

const work = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const questions = ["Review the change.", "Write the release notes."]
  yield* Effect.forEach(questions, (question) =>
    Effect.gen(function*() {
      const thread = yield* codex.threadStart({ sandbox: "readOnly" })
      const { finalResponse } = yield* thread.run(question)
      yield* Console.log(finalResponse)
    }), { concurrency: "unbounded" })
})

const status = (url: string | URL) => Effect.promise(async () => (await fetch(url)).status)

const main = Effect.gen(function*() {
  // The recorder has begun the file anew, so the page has nothing of an earlier run.
  const { url } = yield* TimelineServer.make(file, { title: "A service" })
  yield* Console.log(`watch: ${url}`)
  yield* work
  if (process.argv.includes("--stay")) return yield* Effect.never
  yield* Console.log(`the page answered with ${yield* status(url)}`)
  yield* Console.log(`without the key in its URL, the server answered with ${yield* status(new URL("/", url))}`)
}).pipe(Effect.scoped, Effect.provide(ExampleCodex.layerRecorded(file)))

NodeRuntime.runMain(main)
