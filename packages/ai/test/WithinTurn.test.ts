import { Item, Reply } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { Chat, LanguageModel, Tool, Toolkit } from "effect/ai"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { onCodex, seen, setup, types } from "./utils.ts"

class Tenant extends Context.Service<Tenant, string>()("test/Tenant") {}

class Broken extends Schema.TaggedError<Broken>()("Broken", { message: Schema.String }) {}

const Count = Tool.make("count", {
  parameters: Schema.Struct({ article: Schema.String }),
  success: Schema.Struct({ pieces: Schema.Int }),
  failure: Broken,
  dependencies: [Tenant]
})

const Sold = Tool.make("sold", {
  parameters: Schema.Struct({ on: Schema.Date }),
  success: Schema.Struct({ on: Schema.Date }),
  failure: Broken,
  failureMode: "return"
})

const toolkit = Toolkit.make(Count, Sold)

const provided = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.provideService(Tenant, "acme"),
    Effect.provide(toolkit.toLayer({
      count: Effect.fnUntraced(function*({ article }) {
        const tenant = yield* Tenant
        return article === "ghost" ? yield* new Broken({ message: `${tenant} has none` }) : { pieces: article.length }
      }),
      sold: ({ on }) => on.getTime() < 0 ? Effect.fail(new Broken({ message: "too long ago" })) : Effect.succeed({ on })
    }))
  )

const count = (article: string) => Reply.functionCall({ callId: "a", name: "count", arguments: { article } })

// The model is not that of the other tests: the server may ask it once more before the turn is stopped.
layer(onCodex({ toolExecution: "turn" }, { script: { respond: () => count("ghost") } }))(
  "a handler within the turn",
  (it) => {
    it.effect("that fails fails the call with its error", () =>
      Effect.gen(function*() {
        const { router } = yield* setup
        for (
          const call of [
            LanguageModel.generateText({ prompt: "How many?", toolkit }),
            Stream.runDrain(LanguageModel.streamText({ prompt: "How many?", toolkit }))
          ]
        ) {
          const error = yield* provided(Effect.flip(call))
          assert.strictEqual(error._tag, "Broken")
          assert.strictEqual(error.message, "acme has none")
          assert.deepInclude(router.stats(), { turns: 0, pending: 0 })
        }
      }))
  }
)

layer(onCodex({ toolExecution: "turn" }))("tools within the turn", (it) => {
  it.effect("one call is the whole agent, and the chat goes on on its thread", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(
        count("lamp"),
        Reply.functionCall({ callId: "b", name: "sold", arguments: { on: "2026-01-01T00:00:00.000Z" } }),
        Reply.text("Four."),
        Reply.text("bye")
      )
      const chat = yield* Chat.empty
      const response = yield* provided(chat.generateText({ prompt: "How many?", toolkit }))
      assert.strictEqual(response.text, "Four.")
      assert.deepStrictEqual(response.toolCalls.map(({ name, providerExecuted }) => [name, providerExecuted]), [
        ["count", true],
        ["sold", true]
      ])
      assert.deepStrictEqual(response.toolResults.map(({ result }) => result), [
        { pieces: 4 },
        { on: new Date("2026-01-01T00:00:00.000Z") }
      ])
      yield* provided(chat.generateText({ prompt: "bye", toolkit }))
      const requests = yield* model.requests
      assert.strictEqual(requests.length, 4)
      assert.strictEqual(new Set(requests.map(({ threadId }) => threadId)).size, 1)
      assert.deepStrictEqual(seen(requests[3]!), [
        "user: How many?",
        "call count: {\"article\":\"lamp\"}",
        "output: {\"pieces\":4}",
        "call sold: {\"on\":\"2026-01-01T00:00:00.000Z\"}",
        "output: {\"on\":\"2026-01-01T00:00:00.000Z\"}",
        "assistant: Four.",
        "user: bye"
      ])
    }))

  it.effect("streams: call, result, text, finish", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(count("lamp"), Reply.text("Four."))
      const parts = yield* provided(Stream.runCollect(LanguageModel.streamText({ prompt: "How many?", toolkit })))
      assert.deepStrictEqual(types(parts), [
        "response-metadata",
        "tool-call",
        "tool-result",
        "text-start",
        "text-delta",
        "text-end",
        "finish"
      ])
    }))

  it.effect("a failure that the tool returns goes to the model", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(
        Reply.functionCall({ callId: "b", name: "sold", arguments: { on: "1900-01-01T00:00:00.000Z" } }),
        Reply.text("Sorry.")
      )
      const response = yield* provided(LanguageModel.generateText({ prompt: "When?", toolkit }))
      assert.deepStrictEqual(response.toolResults.map(({ isFailure }) => isFailure), [true])
      assert.strictEqual(response.text, "Sorry.")
      assert.include((yield* model.requests).at(-1)!.toolOutput("b"), "too long ago")
    }))

  it.effect("generateObject with tools returns the value", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(
        Reply.make([
          Item.message({ text: "I will count." }),
          Item.functionCall({ name: "count", arguments: { article: "lamp" } })
        ]),
        Reply.text("{\"pieces\":4}")
      )
      const response = yield* provided(LanguageModel.generateObject({
        prompt: "How many?",
        schema: Schema.Struct({ pieces: Schema.Int }),
        toolkit
      }))
      assert.deepStrictEqual(response.value, { pieces: 4 })
    }))

  it.effect("concurrency: 1 runs one handler at a time", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      const log: Array<string> = []
      const Step = Tool.make("step", { parameters: Schema.Struct({ n: Schema.Int }) })
      const steps = Toolkit.make(Step)
      yield* model.enqueue(
        Reply.make([
          Item.functionCall({ name: "step", arguments: { n: 1 } }),
          Item.functionCall({ name: "step", arguments: { n: 2 } })
        ]),
        Reply.text("done")
      )
      yield* LanguageModel.generateText({ prompt: "go", toolkit: steps, concurrency: 1 }).pipe(
        Effect.provide(steps.toLayer({
          step: ({ n }) =>
            Effect.gen(function*() {
              log.push(`start ${n}`)
              yield* Effect.yieldNow
              yield* Effect.yieldNow
              log.push(`end ${n}`)
            })
        }))
      )
      assert.deepStrictEqual(log.map((line) => line.split(" ")[0]), ["start", "end", "start", "end"])
    }))

  it.effect("a tool that needs approval is refused", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      const before = (yield* model.requests).length
      const asking = Toolkit.make(Tool.make("erase", { needsApproval: true }))
      const error = yield* LanguageModel.generateText({ prompt: "go", toolkit: asking }).pipe(
        Effect.provide(asking.toLayer({ erase: () => Effect.void })),
        Effect.flip
      )
      assert.strictEqual(error.reason._tag, "ToolConfigurationError")
      assert.strictEqual((yield* model.requests).length, before)
    }))

  it.effect("calls that the program wants to resolve itself are left to it", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(count("lamp"))
      const response = yield* provided(
        LanguageModel.generateText({ prompt: "How many?", toolkit, disableToolCallResolution: true })
      )
      assert.deepStrictEqual(response.toolCalls.map(({ providerExecuted }) => providerExecuted), [false])
      assert.strictEqual(response.finishReason, "tool-calls")
    }))
})
