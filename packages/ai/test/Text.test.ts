import { CodexHome, Gate, Item, Reply } from "@effect-codex/testing"
import { assert, describe, layer } from "@effect/vitest"
import { LanguageModel, Model, Prompt } from "effect/ai"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { CodexLanguageModel } from "../src/index.ts"
import { onCodex, seen, setup, types, usage } from "./utils.ts"

const answer = Reply.make([
  Item.reasoning({ text: "hm" }),
  Item.message({ text: "Let me see.", phase: "commentary" }),
  Item.message({ deltas: ["It is ", "four."], phase: "final_answer" })
], usage)

layer(onCodex())("text", (it) => {
  it.effect("generateText returns the answer, the reasoning and the usage", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(answer)
      const response = yield* LanguageModel.generateText({
        prompt: [{ role: "system", content: "Be brief." }, { role: "user", content: "2 + 2?" }]
      })
      assert.strictEqual(response.text, "It is four.")
      assert.deepStrictEqual(response.reasoning.map(({ text }) => text), ["hm", "Let me see."])
      assert.strictEqual(response.finishReason, "stop")
      assert.deepInclude(response.usage.inputTokens, { total: 10, cacheRead: 4, uncached: 6 })
      assert.deepInclude(response.usage.outputTokens, { total: 5, text: 3, reasoning: 2 })
      const [request] = (yield* model.requests).slice(-1)
      assert.deepStrictEqual(seen(request!), ["user: 2 + 2?"])
      const developer = request!.texts("developer").join("\n")
      assert.include(developer, "Be brief.")
      assert.include(developer, "read-only")
    }))

  it.effect("streamText emits the parts as they come", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      const gate = yield* Gate.make
      const first = yield* Gate.make
      yield* model.enqueue(Reply.make([
        Item.reasoning({ deltas: ["h", "m"] }),
        Item.message({ deltas: ["It is ", gate, "four."], phase: "final_answer" })
      ], usage))
      const fiber = yield* LanguageModel.streamText({ prompt: "2 + 2?" }).pipe(
        Stream.tap((part) => part.type === "text-delta" ? first.open : Effect.void),
        Stream.runCollect,
        Effect.forkScoped
      )
      yield* first.pass
      yield* gate.open
      const parts = yield* Fiber.join(fiber)
      assert.deepStrictEqual(types(parts), [
        "response-metadata",
        "reasoning-start",
        "reasoning-delta",
        "reasoning-delta",
        "reasoning-end",
        "text-start",
        "text-delta",
        "text-delta",
        "text-end",
        "finish"
      ])
      const [metadata] = parts
      const [request] = (yield* model.requests).slice(-1)
      assert.strictEqual(
        metadata?.type === "response-metadata" ? metadata.id : undefined,
        `${request?.threadId}/${request?.turnId}`
      )
    }))

  it.effect("as a Model it has the names of the provider and of the model", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(Reply.text("hi"))
      const names = yield* Effect.gen(function*() {
        yield* LanguageModel.generateText({ prompt: "hi" })
        return [yield* Model.ProviderName, yield* Model.ModelName]
      }).pipe(Effect.provide(CodexLanguageModel.model("gpt-5.5", { effort: "low" })))
      assert.deepStrictEqual(names, ["codex", "gpt-5.5"])
      assert.strictEqual((yield* model.requests).at(-1)?.model, "gpt-5.5")
    }))

  it.effect("the options of a call reach the model", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(Reply.text("one"), Reply.text("two"))
      const ask = LanguageModel.generateText({ prompt: "hi" })
      yield* ask.pipe(CodexLanguageModel.withConfigOverride({ model: "gpt-5", effort: "high" }))
      yield* LanguageModel.streamText({ prompt: "hi" }).pipe(
        CodexLanguageModel.withConfigOverride({ effort: "low" }),
        Stream.runDrain,
        CodexLanguageModel.withConfigOverride({ model: "gpt-5-codex", effort: "medium" })
      )
      const requests = (yield* model.requests).slice(-2)
      assert.deepStrictEqual(requests.map(({ model }) => model), ["gpt-5", "gpt-5-codex"])
      assert.deepStrictEqual(
        requests.map(({ body }) => body["reasoning"]).map((reasoning) =>
          JSON.stringify(reasoning)?.match(/"effort":"(\w+)"/)?.[1]
        ),
        ["high", "low"]
      )
    }))

  it.effect("files go along as what they are; what Codex does not take is refused", () =>
    Effect.gen(function*() {
      const { codex: _, model } = yield* setup
      yield* model.enqueue(Reply.text("a pixel"), Reply.text("still a pixel"))
      const first = [
        Prompt.userMessage({
          content: [
            Prompt.textPart({ text: "What is this?" }),
            Prompt.filePart({ mediaType: "image/png", data: pixel }),
            Prompt.filePart({
              mediaType: "text/plain",
              fileName: "notes.txt",
              data: new TextEncoder().encode("a note")
            })
          ]
        })
      ]
      yield* LanguageModel.generateText({ prompt: first })
      yield* LanguageModel.generateText({
        prompt: [
          ...first,
          Prompt.assistantMessage({ content: [Prompt.textPart({ text: "a dot" })] }),
          Prompt.userMessage({ content: [Prompt.textPart({ text: "Sure?" })] })
        ]
      })
      const requests = (yield* model.requests).slice(-2)
      for (const request of requests) {
        assert.deepStrictEqual(request.imageUrls, [`data:image/png;base64,${Buffer.from(pixel).toString("base64")}`])
        assert.include(request.userTexts.join("\n"), "<file name=\"notes.txt\">\na note\n</file>")
      }
      const local = Prompt.userMessage({
        content: [Prompt.filePart({ mediaType: "image/png", data: pathToFileURL(yield* file) })]
      })
      yield* model.enqueue(Reply.text("a"), Reply.text("b"))
      yield* LanguageModel.generateText({ prompt: [local] })
      yield* LanguageModel.generateText({
        prompt: [local, Prompt.assistantMessage({ content: [Prompt.textPart({ text: "a dot" })] }), ...first]
      })
      for (const request of (yield* model.requests).slice(-2)) {
        assert.match(request.imageUrls[0] ?? "", /^data:image\/png;base64,/)
      }
      const before = (yield* model.requests).length
      for (
        const [mediaType, data] of [
          ["application/pdf", pixel],
          ["image/png", new URL("https://example.com/a.png")]
        ] as const
      ) {
        const error = yield* Effect.flip(LanguageModel.generateText({
          prompt: [Prompt.userMessage({ content: [Prompt.filePart({ mediaType, data })] })]
        }))
        assert.strictEqual(error.reason._tag, "InvalidUserInputError")
      }
      assert.strictEqual((yield* model.requests).length, before)
    }))
})

/** The pixel in a file. */
const file = Effect.map(CodexHome.CodexHome, ({ workspace }) => {
  const path = join(workspace, "pixel.png")
  writeFileSync(path, pixel)
  return path
})

const pixel = Uint8Array.from(Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64"
))

const commentary = Reply.make([
  Item.message({ text: "Let me see. ", phase: "commentary" }),
  Item.message({ text: "Four.", phase: "final_answer" })
])

describe("commentary", () => {
  layer(onCodex({ commentary: "text" }))("as text", (it) => {
    it.effect("is part of the text", () =>
      Effect.gen(function*() {
        const { model } = yield* setup
        yield* model.enqueue(commentary)
        assert.strictEqual((yield* LanguageModel.generateText({ prompt: "2 + 2?" })).text, "Let me see. Four.")
      }))
  })
  layer(onCodex({ commentary: "omit" }))("left out", (it) => {
    it.effect("is in no part", () =>
      Effect.gen(function*() {
        const { model } = yield* setup
        yield* model.enqueue(commentary)
        const response = yield* LanguageModel.generateText({ prompt: "2 + 2?" })
        assert.deepStrictEqual(types(response.content), ["response-metadata", "text", "finish"])
      }))
  })
})
