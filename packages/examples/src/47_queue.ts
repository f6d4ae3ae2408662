/**
 * The queue of a thread: input that the server turns into turns by itself, one after another.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()

  yield* thread.queue.changes.pipe(
    Stream.runForEach((queue) => Console.log(`${queue.length} in the queue`)),
    Effect.forkChild({ startImmediately: true })
  )

  const first = yield* thread.turn("Count slowly to 20.")
  const second = yield* thread.queue.add("Say hello.")
  const third = yield* thread.queue.add("Say goodbye.")
  const unneeded = yield* thread.queue.add("Write a poem.")
  yield* thread.queue.reorder([unneeded.id, third.id, second.id])
  yield* thread.queue.remove(unneeded.id)

  yield* first.run
  // Each input has the handle of its turn, when that has started.
  for (const queued of [third, second]) {
    const turn = yield* queued.turn
    yield* Console.log((yield* turn.run).finalResponse)
  }
  yield* Console.log((yield* thread.queue.current).length, "left")
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
