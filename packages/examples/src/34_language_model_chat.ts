/**
 * Codex as an Effect AI `LanguageModel`: a chat that streams. Nothing but the Layer names Codex; `--stub` runs the same program
 * on another provider.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Chat from "effect/ai/Chat"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"
import * as ExampleModel from "./shared/ExampleModel.ts"

const program = Effect.gen(function*() {
  const terminal = yield* Terminal.Terminal
  const chat = yield* Chat.fromPrompt([{ role: "system", content: "Answer in one sentence." }])
  while (true) {
    yield* terminal.display("> ")
    const question = (yield* terminal.readLine).trim()
    if (question === "") break
    yield* chat.streamText({ prompt: question }).pipe(
      Stream.runForEach((part) => {
        switch (part.type) {
          case "text-delta":
            return terminal.display(part.delta)
          case "finish":
            return Console.log(`\n[${part.reason}, ${part.usage.inputTokens.total} tokens in]\n`)
          default:
            return Effect.void
        }
      })
    )
  }
}).pipe(Effect.catchTag("QuitError", () => Effect.void))

program.pipe(Effect.provide([ExampleModel.layer(), NodeServices.layer]), NodeRuntime.runMain)
