import { Item, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { Tools } from "effect-codex"
import { Chat, LanguageModel, Prompt, Response, Tool, Toolkit } from "effect/ai"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { onCodex, seen, setup, threadsOf, turnsOf, types, usage } from "./utils.ts"

/** A service that the handlers are built with. */
class Stock extends Context.Service<Stock, { readonly count: (article: string) => number }>()("test/Stock") {}

/** A service that each call has to be given. */
class Tenant extends Context.Service<Tenant, string>()("test/Tenant") {}

const Count = Tool.make("count", {
  description: "How many pieces of an article there are",
  parameters: Schema.Struct({ article: Schema.String }),
  success: Schema.Struct({ pieces: Schema.Int, tenant: Schema.String }),
  dependencies: [Tenant]
})

const Since = Tool.make("since", {
  description: "When an article was last sold",
  parameters: Schema.Struct({ after: Schema.Date }),
  success: Schema.Date
})

const toolkit = Toolkit.make(Count, Since)

const handlers = toolkit.toLayer(Effect.gen(function*() {
  const stock = yield* Stock
  return toolkit.of({
    count: Effect.fnUntraced(function*({ article }) {
      return { pieces: stock.count(article), tenant: yield* Tenant }
    }),
    since: ({ after }) => Effect.succeed(new Date(after.getTime() + 1000))
  })
})).pipe(Layer.provide(Layer.succeed(Stock, { count: (article) => article.length })))

/** The loop that programs write for any provider: its type names neither Codex nor anything else of ours. */
const agent = Effect.fnUntraced(function*(prompt: string) {
  const chat = yield* Chat.fromPrompt([{ role: "system", content: "Count." }])
  const responses = [yield* chat.generateText({ prompt, toolkit })]
  while (responses.at(-1)!.toolCalls.length > 0) {
    responses.push(yield* chat.generateText({ prompt: [], toolkit }))
  }
  return { responses, history: yield* Ref.get(chat.history) }
})

const run = (prompt: string): Effect.Effect<
  {
    readonly responses: ReadonlyArray<LanguageModel.GenerateTextResponse<Toolkit.Tools<typeof toolkit>, "opaque">>
    readonly history: Prompt.Prompt
  },
  unknown,
  LanguageModel.LanguageModel | Tool.HandlersFor<Toolkit.Tools<typeof toolkit>> | Tenant
> => agent(prompt)

const provided = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(Effect.provideService(Tenant, "acme"), Effect.provide(handlers))

const script = [
  Reply.make([
    Item.message({ text: "I will count.", phase: "commentary" }),
    Item.functionCall({ callId: "a", name: "count", arguments: { article: "lamp" } }),
    Item.functionCall({ callId: "b", name: "count", arguments: { article: "chair" } })
  ], { usage: { inputTokens: 7, outputTokens: 1 } }),
  Reply.functionCall({ callId: "c", name: "since", arguments: { after: "2026-01-01T00:00:00.000Z" } }, {
    usage: { inputTokens: 9, outputTokens: 2 }
  }),
  Reply.message({ text: "Nine.", phase: "final_answer" }, usage)
]

/** What a program sees, without what tells one provider from another. */
const comparable = ({ history, responses }: Effect.Success<ReturnType<typeof run>>) => ({
  responses: responses.map(({ content, finishReason, text }) => ({
    text,
    finishReason,
    content: content
      .filter(({ type }) => type !== "response-metadata" && type !== "reasoning")
      .map((part) => part.type === "finish" ? { type: part.type, reason: part.reason } : { ...part, metadata: {} })
  })),
  history: history.content.map(({ content, role }) => ({
    role,
    content: typeof content === "string"
      ? content
      : content.filter(({ type }) => type !== "reasoning").map((part) => ({ ...part, options: {} }))
  }))
})

const finish = (reason: Response.FinishReason): Response.FinishPartEncoded => ({
  type: "finish",
  reason,
  usage: { inputTokens: {}, outputTokens: {} }
})

/** A provider that is no Codex, and answers the same. */
const stub = Effect.gen(function*() {
  const answers: Array<Array<Response.PartEncoded>> = [
    [
      { type: "tool-call", id: "a", name: "count", params: { article: "lamp" } },
      { type: "tool-call", id: "b", name: "count", params: { article: "chair" } },
      finish("tool-calls")
    ],
    [
      { type: "tool-call", id: "c", name: "since", params: { after: new Date("2026-01-01T00:00:00.000Z") } },
      finish("tool-calls")
    ],
    [{ type: "text", text: "Nine." }, finish("stop")]
  ]
  return yield* LanguageModel.make({
    generateText: () => Effect.sync(() => answers.shift() ?? []),
    streamText: () => Stream.empty
  })
})

layer(onCodex())("a tool loop", (it) => {
  it.effect("is one turn, whose steps the program sees as those of any provider", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(...script)
      const result = yield* provided(run("How many?"))
      assert.strictEqual(result.responses.length, 3)
      assert.deepStrictEqual(result.history.content.map(({ role }) => role), [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
        "assistant"
      ])
      assert.deepStrictEqual(result.responses.map(({ usage }) => usage.inputTokens.total), [7, 9, 10])
      assert.deepStrictEqual(result.responses.map(({ usage }) => usage.outputTokens.total), [1, 2, 5])
      const requests = yield* model.requests
      assert.strictEqual(requests.length, 3)
      assert.strictEqual(new Set(yield* turnsOf).size, 1)
      assert.deepStrictEqual(
        seen(requests[2]!).slice(2),
        [
          "call count: {\"article\":\"lamp\"}",
          "call count: {\"article\":\"chair\"}",
          "output: {\"pieces\":4,\"tenant\":\"acme\"}",
          "output: {\"pieces\":5,\"tenant\":\"acme\"}",
          "call since: {\"after\":\"2026-01-01T00:00:00.000Z\"}",
          "output: 2026-01-01T00:00:01.000Z"
        ].map((line) => line.replace("output: 2026-01-01T00:00:01.000Z", "output: \"2026-01-01T00:00:01.000Z\""))
      )

      const other = yield* provided(Effect.provideServiceEffect(run("How many?"), LanguageModel.LanguageModel, stub))
      assert.deepStrictEqual(comparable(result), comparable(other))
    }))

  it.effect("streams", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(...script)
      const chat = yield* Chat.empty
      const first = yield* provided(Stream.runCollect(chat.streamText({ prompt: "How many?", toolkit })))
      assert.deepStrictEqual(types(first), [
        "response-metadata",
        "reasoning-start",
        "reasoning-delta",
        "reasoning-end",
        "tool-params-start",
        "tool-params-delta",
        "tool-params-end",
        "tool-call",
        "tool-params-start",
        "tool-params-delta",
        "tool-params-end",
        "tool-call",
        "tool-result",
        "tool-result",
        "finish"
      ])
      yield* provided(Stream.runDrain(chat.streamText({ prompt: [], toolkit })))
      yield* provided(Stream.runDrain(chat.streamText({ prompt: [], toolkit })))
      assert.strictEqual(new Set((yield* turnsOf).slice(-3)).size, 1)
      yield* model.enqueue(Reply.text("bye"))
      yield* provided(chat.generateText({ prompt: "bye", toolkit }))
      assert.strictEqual(new Set((yield* threadsOf).slice(-4)).size, 1)
    }))

  it.effect("results and a word of the user: the output comes first", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(script[1]!, Reply.text("Since then."))
      const chat = yield* Chat.empty
      yield* provided(chat.generateText({ prompt: "Since when?", toolkit }))
      const response = yield* provided(chat.generateText({ prompt: "Quick!", toolkit }))
      assert.strictEqual(response.text, "Since then.")
      const requests = (yield* model.requests).slice(-2)
      assert.strictEqual(requests[0]!.turnId, requests[1]!.turnId)
      assert.deepStrictEqual(seen(requests[1]!).slice(-2), ["output: \"2026-01-01T00:00:01.000Z\"", "user: Quick!"])
    }))

  it.effect("calls without results, and another message: the turn is given up", () =>
    Effect.gen(function*() {
      const { model, router } = yield* setup
      yield* model.enqueue(script[1]!, Reply.text("Never mind."))
      const chat = yield* Chat.empty
      yield* provided(chat.generateText({ prompt: "Since when?", toolkit, disableToolCallResolution: true }))
      const response = yield* provided(chat.generateText({ prompt: "Forget it.", toolkit }))
      assert.strictEqual(response.text, "Never mind.")
      const requests = (yield* model.requests).slice(-2)
      assert.notStrictEqual(requests[0]!.threadId, requests[1]!.threadId)
      assert.deepStrictEqual(seen(requests[1]!), [
        "user: Since when?",
        "call since: {\"after\":\"2026-01-01T00:00:00.000Z\"}",
        "output: The call was not answered.",
        "user: Forget it."
      ])
      assert.deepInclude(router.stats(), { turns: 0, pending: 0 })
    }))

  it.effect("results that no turn waits for become history", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(Reply.text("Four."))
      const response = yield* provided(LanguageModel.generateText({
        toolkit,
        prompt: [
          { role: "user", content: "How many?" },
          {
            role: "assistant",
            content: [{ type: "tool-call", id: "z", name: "count", params: { article: "lamp" } }]
          },
          {
            role: "tool",
            content: [{ type: "tool-result", id: "z", name: "count", isFailure: false, result: { pieces: 4 } }]
          }
        ]
      }))
      assert.strictEqual(response.text, "Four.")
      const [request] = (yield* model.requests).slice(-1)
      assert.deepStrictEqual(seen(request!), [
        "user: How many?",
        "call count: {\"article\":\"lamp\"}",
        "output: {\"pieces\":4}"
      ])
    }))

  it.effect("toolChoice: none offers no tools, oneOf some; no tool can be forced", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(Reply.text("a"), Reply.text("b"))
      yield* provided(LanguageModel.generateText({ prompt: "hi", toolkit, toolChoice: "none" }))
      yield* provided(LanguageModel.generateText({ prompt: "hi", toolkit, toolChoice: { oneOf: ["count"] } }))
      const requests = (yield* model.requests).slice(-2)
      const offered = requests.map(({ toolNames }) => toolNames.filter((name) => name in toolkit.tools))
      assert.deepStrictEqual(offered, [[], ["count"]])
      for (
        const toolChoice of ["required", { tool: "count" }, { mode: "required", oneOf: ["count"] }] as const
      ) {
        const error = yield* provided(Effect.flip(LanguageModel.generateText({ prompt: "hi", toolkit, toolChoice })))
        assert.strictEqual(error.reason._tag, "InvalidRequestError")
      }
    }))
})

const crm = { name: "crm", description: "Our customers" }
const others = Toolkit.make(
  Tool.make("find", { success: Schema.String }).annotate(Tools.Namespace, crm),
  Tool.make("big", { parameters: Schema.Struct({ n: Schema.BigInt }), success: Schema.BigInt }),
  Tool.dynamic("search", {
    description: "Searches",
    parameters: { type: "object", properties: { q: { type: "string" } } }
  })
)

layer(onCodex())("other kinds of tools", (it) => {
  it.effect("a call whose arguments are no JSON is Codex's to refuse; the other one of the response is asked", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(
        Reply.make([
          Item.functionCall({ callId: "bad", name: "count", arguments: "{" }),
          Item.functionCall({ callId: "good", name: "count", arguments: { article: "lamp" } })
        ]),
        Reply.text("done")
      )
      const chat = yield* Chat.empty
      const first = yield* provided(chat.generateText({ prompt: "go", toolkit }))
      assert.deepStrictEqual(first.toolCalls.map(({ id }) => id), ["good"])
      assert.strictEqual((yield* provided(chat.generateText({ prompt: [], toolkit }))).text, "done")
      const [request] = (yield* model.requests).slice(-1)
      assert.strictEqual(request!.toolOutput("good"), "{\"pieces\":4,\"tenant\":\"acme\"}")
      assert.isString(request!.toolOutput("bad"))
    }))

  it.effect("tools in a namespace, and tools with a JSON Schema", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(
        Reply.make([
          Item.functionCall({ callId: "f", namespace: "crm", name: "find", arguments: {} }),
          Item.functionCall({ callId: "s", name: "search", arguments: { q: "x" } }),
          Item.functionCall({ callId: "b", name: "big", arguments: { n: "21" } })
        ]),
        Reply.text("done")
      )
      const chat = yield* Chat.empty
      const handled = Effect.provide(others.toLayer({
        find: () => Effect.succeed("found"),
        big: ({ n }) => Effect.succeed(n * 2n),
        search: (params) => Effect.succeed({ asked: params })
      }))
      const first = yield* handled(chat.generateText({ prompt: "go", toolkit: others }))
      assert.sameDeepMembers(first.toolResults.map(({ result }) => result), ["found", { asked: { q: "x" } }, 42n])
      assert.strictEqual((yield* handled(chat.generateText({ prompt: [], toolkit: others }))).text, "done")
      const requests = (yield* model.requests).slice(-2)
      assert.includeMembers([...requests[0]!.toolNames], ["crm.find", "search"])
      assert.deepStrictEqual(["f", "s", "b"].map((id) => requests[1]!.toolOutput(id)), [
        "found",
        "{\"asked\":{\"q\":\"x\"}}",
        "\"42\""
      ])
    }))
})

class Broken extends Schema.TaggedError<Broken>()("Broken", { message: Schema.String }) {}

const Fragile = Tool.make("fragile", { failure: Broken })
const fragile = Toolkit.make(Fragile)
const breaking = Effect.provide(fragile.toLayer({ fragile: () => Effect.fail(new Broken({ message: "no" })) }))

layer(onCodex())("a handler that fails", (it) => {
  it.effect("fails the call, and the turn is stopped at once", () =>
    Effect.gen(function*() {
      const { model, router } = yield* setup
      for (
        const call of [
          LanguageModel.generateText({ prompt: "go", toolkit: fragile }),
          Stream.runDrain(LanguageModel.streamText({ prompt: "go", toolkit: fragile }))
        ]
      ) {
        yield* model.enqueue(Reply.functionCall({ name: "fragile", arguments: {} }))
        const error = yield* breaking(Effect.flip(call))
        assert.strictEqual(error._tag, "Broken")
        assert.deepInclude(router.stats(), { turns: 0, pending: 0 })
      }
    }))
})

const Erase = Tool.make("erase", {
  parameters: Schema.Struct({ path: Schema.String }),
  success: Schema.String,
  needsApproval: true
})
const erasing = Toolkit.make(Erase)
const erased = Effect.provide(erasing.toLayer({ erase: ({ path }) => Effect.succeed(`erased ${path}`) }))

layer(onCodex({}, { script: TestCodex.echo }))("approval", (it) => {
  const begin = Effect.gen(function*() {
    const model = yield* ScriptedModel.ScriptedModel
    yield* model.enqueue(
      Reply.functionCall({ callId: "e", name: "erase", arguments: { path: "a.txt" } }),
      Reply.text("ok")
    )
    const chat = yield* Chat.empty
    const response = yield* chat.generateText({ prompt: "Erase it.", toolkit: erasing })
    const request = response.content.find((part) => part.type === "tool-approval-request")
    assert.strictEqual(request?.toolCallId, "e")
    assert.deepStrictEqual(response.toolResults, [])
    const answer = (approved: boolean) =>
      chat.generateText({
        toolkit: erasing,
        prompt: [Prompt.toolMessage({
          content: [Prompt.toolApprovalResponsePart({ approvalId: request!.approvalId, approved, reason: "not today" })]
        })]
      })
    return { answer, chat, model }
  })

  it.effect("granted: the handler runs, and the same turn goes on", () =>
    erased(Effect.gen(function*() {
      const { answer, chat, model } = yield* begin
      assert.strictEqual((yield* answer(true)).text, "ok")
      yield* chat.generateText({ prompt: "Thanks.", toolkit: erasing })
      const requests = (yield* model.requests).slice(-3)
      assert.strictEqual(requests[1]!.turnId, requests[0]!.turnId)
      assert.strictEqual(requests[1]!.toolOutput("e"), "erased a.txt")
      assert.strictEqual(requests[2]!.threadId, requests[0]!.threadId)
    })))

  it.effect("denied: the model sees that", () =>
    erased(Effect.gen(function*() {
      const { answer, model } = yield* begin
      assert.strictEqual((yield* answer(false)).text, "ok")
      const requests = (yield* model.requests).slice(-2)
      assert.strictEqual(requests[1]!.turnId, requests[0]!.turnId)
      assert.include(requests[1]!.toolOutput("e"), "execution-denied")
      assert.include(requests[1]!.toolOutput("e"), "not today")
    })))
})

layer(onCodex())("a turn that waits for too long", (it) => {
  it.effect("is stopped; its results become history", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(script[1]!, Reply.text("done"))
      const chat = yield* Chat.empty
      yield* provided(chat.generateText({ prompt: "Since when?", toolkit }))
      yield* TestClock.adjust("10 minutes")
      const response = yield* provided(chat.generateText({ prompt: [], toolkit }))
      assert.strictEqual(response.text, "done")
      const requests = yield* model.requests
      assert.notStrictEqual(requests[1]!.threadId, requests[0]!.threadId)
      assert.deepStrictEqual(seen(requests[1]!), [
        "user: Since when?",
        "call since: {\"after\":\"2026-01-01T00:00:00.000Z\"}",
        "output: \"2026-01-01T00:00:01.000Z\""
      ])
    }))
})
