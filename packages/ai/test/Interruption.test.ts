import { Gate, Reply, TestCodex } from "@effect-codex/testing"
import { assert, it, layer } from "@effect/vitest"
import { Chat, LanguageModel, Tool, Toolkit } from "effect/ai"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { CodexLanguageModel } from "../src/index.ts"
import { onCodex, seen, setup } from "./utils.ts"

layer(onCodex())("interruption", (it) => {
  it.effect("of generateText ends the turn; the next call works", () =>
    Effect.gen(function*() {
      const { model, router } = yield* setup
      yield* model.enqueue(Reply.hang, Reply.text("there"))
      const chat = yield* Chat.empty
      const fiber = yield* Effect.forkScoped(chat.generateText({ prompt: "hello?" }))
      const request = yield* model.awaitRequest(0)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* request.outcome, "aborted")
      assert.deepInclude(router.stats(), { turns: 0, pending: 0 })
      assert.strictEqual((yield* chat.generateText({ prompt: "hello?" })).text, "there")
    }))

  it.effect("of a stream after a piece of text ends the turn", () =>
    Effect.gen(function*() {
      const { model, router } = yield* setup
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.message({ deltas: ["one ", gate, "two"] }), Reply.text("three"))
      const before = (yield* model.requests).length
      const chat = yield* Chat.empty
      yield* chat.streamText({ prompt: "Count." }).pipe(
        Stream.takeUntil(({ type }) => type === "text-delta"),
        Stream.runDrain
      )
      assert.strictEqual(yield* (yield* model.awaitRequest(before)).outcome, "aborted")
      assert.deepInclude(router.stats(), { turns: 0, pending: 0 })
      assert.strictEqual((yield* chat.generateText({ prompt: "Go on." })).text, "three")
      const [request] = (yield* model.requests).slice(-1)
      assert.deepStrictEqual(seen(request!), ["user: Count.", "assistant: one ", "user: Go on."])
    }))

  it.effect("of a handler ends the turn that waits for it", () =>
    Effect.gen(function*() {
      const { model, router } = yield* setup
      const slow = Toolkit.make(Tool.make("slow"))
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.functionCall({ name: "slow", arguments: {} }))
      const fiber = yield* LanguageModel.generateText({ prompt: "go", toolkit: slow }).pipe(
        Effect.provide(slow.toLayer({ slow: () => gate.pass })),
        Effect.forkScoped
      )
      yield* gate.arrived
      yield* Fiber.interrupt(fiber)
      assert.deepInclude(router.stats(), { turns: 0, pending: 0 })
    }))
})

it.live("the end of the Layer stops turns that wait", () =>
  Effect.gen(function*() {
    const { model, router } = yield* setup
    const tools = Toolkit.make(Tool.make("ask"))
    yield* model.enqueue(Reply.functionCall({ name: "ask", arguments: {} }))
    const scope = yield* Scope.make()
    const services = yield* Layer.buildWithScope(CodexLanguageModel.layer(), scope)
    yield* LanguageModel.generateText({ prompt: "go", toolkit: tools, disableToolCallResolution: true }).pipe(
      Effect.provide(services),
      Effect.provide(tools.toLayer({ ask: () => Effect.void }))
    )
    assert.deepInclude(router.stats(), { turns: 1, pending: 0 })
    yield* Scope.close(scope, Exit.void)
    assert.deepInclude(router.stats(), { turns: 0, pending: 0 })
  }).pipe(Effect.provide(TestCodex.layer())))
