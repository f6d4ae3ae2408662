/** The core of the model, on every supported version of the server: `npm run test:versions`. */
import { Item, Reply, TestCodex } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Chat, LanguageModel, Tool, Toolkit } from "effect/ai"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { onCodex, seen, setup, threadsOf, usage } from "../utils.ts"

const Count = Tool.make("count", { parameters: Schema.Struct({ article: Schema.String }), success: Schema.Int })
const toolkit = Toolkit.make(Count)
const handled = Effect.provide(toolkit.toLayer({ count: ({ article }) => Effect.succeed(article.length) }))

const call = (callId: string, article: string) => Item.functionCall({ callId, name: "count", arguments: { article } })

describe("every version", () => {
  it.live("chats", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      const chat = yield* Chat.fromPrompt([{ role: "system", content: "Be brief." }])
      yield* chat.generateText({ prompt: "one" })
      yield* Stream.runDrain(chat.streamText({ prompt: "two" }))
      assert.strictEqual(new Set(yield* threadsOf).size, 1)
      const [request] = (yield* model.requests).slice(-1)
      assert.deepStrictEqual(seen(request!), ["user: one", "assistant: one", "user: two"])
      assert.include(request!.texts("developer").join("\n"), "Be brief.")
    }).pipe(Effect.provide(onCodex({}, { script: TestCodex.echo }))))

  it.live("calls tools, in as many steps as the server makes of them", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(Reply.make([call("a", "lamp"), call("b", "chair")], usage), Reply.text("Nine.", usage))
      const chat = yield* Chat.empty
      const responses = [yield* handled(chat.generateText({ prompt: "How many?", toolkit }))]
      while (responses.at(-1)!.toolCalls.length > 0) {
        responses.push(yield* handled(chat.generateText({ prompt: [], toolkit })))
      }
      assert.strictEqual(responses.at(-1)!.text, "Nine.")
      // Before 0.160 the server does not tell the order of the response.
      assert.sameMembers(responses.flatMap(({ toolResults }) => toolResults.map(({ result }) => result)), [4, 5])
      const tokens = responses.map(({ usage }) => usage.inputTokens.total ?? 0)
      assert.strictEqual(tokens.reduce((sum, count) => sum + count, 0), 20)
      const requests = yield* model.requests
      assert.strictEqual(requests.length, 2)
      assert.strictEqual(requests[1]!.turnId, requests[0]!.turnId)
      assert.deepStrictEqual(["a", "b"].map((id) => requests[1]!.toolOutput(id)), ["4", "5"])
    }).pipe(Effect.provide(onCodex())))

  it.live("calls tools within the turn", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(Reply.make([call("a", "lamp"), call("b", "chair")]), Reply.text("Nine."))
      const response = yield* handled(LanguageModel.generateText({ prompt: "How many?", toolkit }))
      assert.strictEqual(response.text, "Nine.")
      assert.sameMembers(response.toolResults.map(({ result }) => result), [4, 5])
    }).pipe(Effect.provide(onCodex({ toolExecution: "turn" }))))

  it.live("returns objects", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(Reply.text("{\"city\":\"Rome\"}"))
      const schema = Schema.Struct({ city: Schema.String })
      assert.deepStrictEqual((yield* LanguageModel.generateObject({ prompt: "Where?", schema })).value, {
        city: "Rome"
      })
    }).pipe(Effect.provide(onCodex())))

  it.live("branches a stored conversation", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      const chat = yield* Chat.empty
      yield* chat.generateText({ prompt: "one" })
      const branch = yield* Chat.fromJson(yield* chat.exportJson)
      yield* chat.generateText({ prompt: "two" })
      yield* branch.generateText({ prompt: "three" })
      assert.strictEqual(new Set(yield* threadsOf).size, 2)
      const [request] = (yield* model.requests).slice(-1)
      assert.deepStrictEqual(seen(request!), ["user: one", "assistant: one", "user: three"])
    }).pipe(Effect.provide(onCodex({ ephemeral: false }, { script: TestCodex.echo }))))

  it.live("stops a turn that is interrupted", () =>
    Effect.gen(function*() {
      const { model, router } = yield* setup
      yield* model.enqueue(Reply.hang, Reply.text("there"))
      const fiber = yield* Effect.forkScoped(LanguageModel.generateText({ prompt: "hello?" }))
      yield* model.awaitRequest(0)
      yield* Fiber.interrupt(fiber)
      // Codex 0.150 ends the turn, and keeps the connection to a model that is silent.
      assert.deepInclude(router.stats(), { turns: 0, pending: 0 })
      assert.strictEqual((yield* LanguageModel.generateText({ prompt: "hello?" })).text, "there")
    }).pipe(Effect.scoped, Effect.provide(onCodex())))
})
