/**
 * A chat in the terminal. An empty line or the end of the input ends it.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Codex, type Thread } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const terminal = yield* Terminal.Terminal
  const thread = yield* codex.threadStart()

  const answer = Effect.fn(function*(thread: Thread.Thread, question: string) {
    const turn = yield* thread.turn(question)
    yield* turn.text.pipe(Stream.runForEach(terminal.display))
    const { status, usage } = yield* turn.run
    yield* Console.log(`\n[${status}, ${usage?.last.totalTokens} tokens, ${usage?.total.totalTokens} in all]\n`)
  })

  while (true) {
    yield* terminal.display("> ")
    const question = (yield* terminal.readLine).trim()
    if (question === "") break
    // A failed turn does not end the chat.
    yield* answer(thread, question).pipe(Effect.catchTag("TurnFailedError", (error) => Console.error(error.message)))
  }
}).pipe(Effect.catchTag("QuitError", () => Effect.void))

program.pipe(Effect.provide([ExampleCodex.layer(), NodeServices.layer]), NodeRuntime.runMain)
