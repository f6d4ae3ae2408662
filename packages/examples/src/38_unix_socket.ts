/**
 * A running server, over its Unix socket: a program that ends leaves its turn running, and the next one watches its end.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as ExampleServer from "./shared/ExampleServer.ts"

const first = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart({ sandbox: "readOnly" })
  const { threadId } = yield* thread.turn("Say hello in one sentence.")
  yield* Console.log("first   has started a turn, and leaves")
  return threadId
})

const second = (threadId: string) =>
  Effect.gen(function*() {
    const codex = yield* Codex.Codex
    // The turns can't be read before the server has stored the first one.
    yield* Effect.repeat(codex.threadRead(threadId), {
      until: ({ status }) => status.type !== "active",
      schedule: Schedule.spaced("100 millis")
    })
    const { turns } = yield* codex.threadRead(threadId, { includeTurns: true })
    for (const item of turns.at(-1)?.items ?? []) {
      if (item.type === "agentMessage") yield* Console.log(`second  reads the answer: ${item.text}`)
    }
  })

Effect.gen(function*() {
  const path = yield* ExampleServer.listen("unix")
  // The socket appears a moment after the server has started.
  const reachable = Effect.retry(
    Effect.provide(first, Codex.layerUnixSocket({ path, detach: true })),
    Schedule.spaced("50 millis").pipe(Schedule.upTo({ times: 100 }))
  )
  const threadId = yield* reachable
  yield* Effect.provide(second(threadId), Codex.layerUnixSocket({ path }))
}).pipe(Effect.scoped, NodeRuntime.runMain)
