/**
 * The events of a turn, as they happen. A program that stops reading interrupts the turn.
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

  // Running the stream starts the turn. It ends with the turn's `turn/completed`.
  yield* thread.stream("Run `echo hello` and tell me what it printed.").pipe(
    Stream.runForEach((event) => {
      switch (event.method) {
        case "item/started":
          return Console.log(event.method, event.params.item.type)
        case "item/completed":
          return Console.log(event.method, event.params.item.type)
        case "item/agentMessage/delta":
          return Console.log(event.method, JSON.stringify(event.params.delta))
        case "turn/completed":
          return Console.log(event.method, event.params.turn.status)
        // Unknown events of a newer server arrive here, with the raw payload.
        case "$unknown":
          return Console.log("something new:", event.raw)
        default:
          return Console.log(event.method)
      }
    })
  )

  // After the first three events, the SDK interrupts the turn on the server.
  const first = yield* thread.stream("Count slowly to 1000.").pipe(Stream.take(3), Stream.runCollect)
  yield* Console.log("\nthe first three:", first.map((event) => event.method).join(", "))
  const stored = yield* thread.read({ includeTurns: true })
  yield* Console.log("the second turn:", stored.turns.at(-1)?.status)
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
