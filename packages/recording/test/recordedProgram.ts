/** A program that records itself, says so when a turn has begun to speak, and waits to be killed. */
import { Recorder } from "@effect-codex/recording"
import * as Codex from "effect-codex/Codex"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const [file = "", cwd = ""] = process.argv.slice(2)

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  yield* thread.stream("Say hello.").pipe(
    Stream.runForEach((event) =>
      Effect.sync(() => {
        if (event.method === "item/agentMessage/delta") process.stdout.write("It speaks.\n")
      })
    )
  )
})

await Effect.runPromise(program.pipe(Effect.provide(Recorder.layerCodex(file, { cwd }))))
