/**
 * Threads by name, with keys: the same key is one turn, whoever asks. In one process here; a fleet has `CodexRunner.layer` in place of
 * `TestThreads.layer`, and the program does not change.
 */
import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import * as TestThreads from "@effect-codex/cluster/TestThreads"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const threads = yield* HostedThreads.HostedThreads
  const thread = threads.thread("ticket-4711")

  const results = yield* Effect.all([
    thread.run("Summarise the ticket.", { turnKey: "summary" }),
    thread.run("Summarise the ticket.", { turnKey: "summary" })
  ], { concurrency: "unbounded" })
  yield* Console.log("answers", new Set(results.map(({ id }) => id)).size === 1 ? "equal" : "different")

  const text = thread.stream("And in one sentence?").pipe(
    Stream.filter((event) => event.method === "item/agentMessage/delta"),
    Stream.map((event) => event.params.delta),
    Stream.mkString
  )
  yield* Console.log("text   ", (yield* text).length > 0 ? "streamed" : "none")

  const { turns } = yield* thread.read({ includeTurns: true })
  yield* Console.log("turns  ", turns?.length)
  yield* Console.log("state  ", (yield* thread.where).state)
})

program.pipe(
  Effect.provide(TestThreads.layer().pipe(Layer.provide(ExampleCodex.layer()))),
  NodeRuntime.runMain
)
