/**
 * A running server, over its Unix socket: a program that ends leaves its turn running, and the next one watches its end.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as ExampleServer from "./shared/ExampleServer.ts"

const first = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart({ sandbox: "readOnly" })
  const { text, threadId } = yield* thread.turn("Say hello in one sentence.")
  // The server has stored the turn when the model answers.
  yield* Stream.runHead(text)
  yield* Console.log("first   has started a turn, and leaves")
  return threadId
})

const second = (threadId: string) =>
  Effect.gen(function*() {
    const codex = yield* Codex.Codex
    const { turns } = yield* Effect.repeat(codex.threadRead(threadId, { includeTurns: true }), {
      until: ({ status }) => status.type !== "active",
      schedule: Schedule.spaced("100 millis")
    })
    for (const item of turns.at(-1)?.items ?? []) {
      if (item.type === "agentMessage") yield* Console.log(`second  reads the answer: ${item.text}`)
    }
  })

Effect.gen(function*() {
  const path = yield* ExampleServer.listen("unix")
  const threadId = yield* Effect.provide(first, Codex.layerUnixSocket({ path, detach: true }))
  yield* Effect.provide(second(threadId), Codex.layerUnixSocket({ path }))
}).pipe(Effect.scoped, NodeRuntime.runMain)
