/**
 * A program that uses the shared server, for tests that start and kill it. It prints one line for each step, and stays.
 *
 *     node program.ts run TEXT            runs a turn on a thread of its own
 *     node program.ts start TEXT ID       starts a turn whose message has that id, and waits for its end
 *     node program.ts join THREAD ID      finds the turn of an earlier program, and waits for its end
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

const [what, first = "", id = ""] = process.argv.slice(2)

const main = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  if (what === "join") {
    const thread = yield* codex.threadResume(first)
    const turn = yield* thread.findTurn(id)
    yield* Console.log(turn?.id ?? "none")
    if (turn !== undefined) yield* Console.log((yield* turn.run).finalResponse)
  } else {
    const thread = yield* codex.threadStart()
    yield* Console.log(thread.id)
    if (what === "run") yield* Console.log((yield* thread.run(first)).finalResponse)
    else {
      const turn = yield* thread.turn(first, { clientUserMessageId: id })
      yield* Console.log(turn.id)
      yield* Console.log((yield* turn.run).finalResponse)
    }
  }
  return yield* Effect.never
})

main.pipe(
  Effect.provide(Codex.layerShared({ env: JSON.parse(process.env["PROGRAM_ENV"] ?? "{}"), handshakeTimeout: "1 minute" })),
  NodeRuntime.runMain
)
