/**
 * The result of a turn: status, times, items and usage; and the thread as the server stores it.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  const result = yield* thread.run("Run `echo hello` and tell me what it printed.")

  yield* Console.log("thread   ", result.threadId)
  yield* Console.log("turn     ", result.id)
  yield* Console.log("status   ", result.status)
  yield* Console.log("error    ", result.error)
  yield* Console.log("started  ", result.startedAt)
  yield* Console.log("completed", result.completedAt)
  yield* Console.log("duration ", result.durationMs, "ms")
  yield* Console.log("answer   ", result.finalResponse)

  // Items are a union, discriminated by `type`. A newer server may send unknown types.
  for (const item of result.items) {
    switch (item.type) {
      case "userMessage":
        yield* Console.log(
          "item      the user:",
          item.content.map((part) => part.type === "text" ? part.text : part.type)
        )
        break
      case "agentMessage":
        yield* Console.log(`item      the agent (${item.phase ?? "no phase"}):`, item.text)
        break
      case "commandExecution":
        yield* Console.log(`item      the command ${item.command} exited with ${item.exitCode}:`, item.aggregatedOutput)
        break
      default:
        yield* Console.log("item     ", item.type)
    }
  }

  // `last` is the usage of this turn, `total` that of the whole thread.
  yield* Console.log("usage    ", result.usage?.last)
  yield* Console.log("context  ", result.usage?.modelContextWindow, "tokens")

  const stored = yield* thread.read({ includeTurns: true })
  yield* Console.log("stored   ", stored.turns.length, "turn in", stored.path)
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
