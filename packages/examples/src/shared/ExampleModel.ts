/**
 * The `LanguageModel` of the examples: Codex, or with `--stub` a provider that has nothing to do with it, so that you see the same
 * program on both.
 */
import { CodexLanguageModel } from "@effect-codex/ai"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./ExampleCodex.ts"

const isStub = process.argv.includes("--stub")

/** A Layer of the model. */
export const layer = (options?: CodexLanguageModel.Options) =>
  isStub ? stub : CodexLanguageModel.layer(options).pipe(Layer.provide(ExampleCodex.layer()))

/** The last text of the user. */
const lastText = ({ content }: Prompt.Prompt): string => {
  const message = content.findLast(({ role }) => role === "user")
  return message?.role === "user" ? message.content.map((part) => part.type === "text" ? part.text : "").join("") : ""
}

const finish: Response.FinishPartEncoded = {
  type: "finish",
  reason: "stop",
  usage: { inputTokens: { total: 1 }, outputTokens: { total: 1 } }
}

/** A provider that repeats what it is told. */
const stub = Layer.effect(
  LanguageModel.LanguageModel,
  LanguageModel.make({
    generateText: ({ prompt, responseFormat }) => {
      const text = responseFormat.type === "json"
        ? JSON.stringify({ city: lastText(prompt), founded: 1 })
        : lastText(prompt)
      return Effect.succeed([{ type: "text", text }, finish])
    },
    streamText: ({ prompt }) =>
      Stream.make(
        { type: "text-start", id: "1" },
        { type: "text-delta", id: "1", delta: `A stub. You said: ${lastText(prompt)}` },
        { type: "text-end", id: "1" },
        finish
      )
  })
)
