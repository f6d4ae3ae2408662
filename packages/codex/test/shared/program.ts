/**
 * A program that uses the shared server, for tests that start and kill it. It prints one line for each step, after `> `, and stays.
 *
 *     node program.ts run TEXT            runs a turn on a thread of its own, and another one for each line of its input
 *     node program.ts start TEXT ID       starts a turn whose message has that id
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createInterface } from "node:readline"

const [what, text = "", clientUserMessageId] = process.argv.slice(2)

const print = (text: string | null) => Console.log(`> ${text}`)

const lines = Stream.fromAsyncIterable(createInterface({ input: process.stdin }), (error) => error)

const main = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  yield* print(thread.id)
  if (what === "start") {
    const turn = yield* thread.turn(text, { clientUserMessageId })
    yield* print(turn.id)
    return yield* Effect.never
  }
  const run = (text: string) => Effect.flatMap(thread.run(text), ({ finalResponse }) => print(finalResponse))
  yield* run(text)
  yield* Stream.runForEach(lines, run)
})

main.pipe(
  Effect.provide(
    Codex.layerShared({ env: JSON.parse(process.env["PROGRAM_ENV"] ?? "{}"), handshakeTimeout: "2 minutes" })
  ),
  NodeRuntime.runMain
)
