/**
 * The cases that Effect's own tests of `LanguageModel` and `Chat` make of a provider, in our words, on Codex and on a stub.
 *
 * Not among them, because Codex can't be made to show them: responses that finish with `length`, `content-filter` or `error`
 * (Codex continues or fails), parts that are no parts, calls without arguments (a call is JSON by then), tools whose
 * parameters are no object (OpenAI's API and the SDK refuse them), and the Schemas of the default codec (the provider
 * has its own). Expiry and look-up of stored chats touch no provider.
 */
import { Reply, ScriptedModel } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { Chat, LanguageModel, Prompt, ResponseIdTracker, Tool, Toolkit } from "effect/ai"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Persistence from "effect/persistence/Persistence"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { type Answer, providers } from "./provider.ts"
import { onCodex, seen, threadsOf, types } from "./utils.ts"

const Double = Tool.make("double", {
  parameters: Schema.Struct({ n: Schema.FiniteFromString }),
  success: Schema.Finite
})
const doubling = Toolkit.make(Double)
const doubled = Effect.provide(doubling.toLayer({ double: ({ n }) => Effect.succeed(n * 2) }))

const Ask = Tool.make("ask", { parameters: Schema.Struct({ what: Schema.String }), success: Schema.String })
const asking = Toolkit.make(Ask)

const Sometimes = Tool.make("sometimes", {
  parameters: Schema.Struct({ dangerous: Schema.Boolean }),
  success: Schema.String,
  needsApproval: ({ dangerous }) => dangerous
})
const Always = Tool.make("always", { success: Schema.String, needsApproval: true })
const careful = Toolkit.make(Sometimes, Always)

const calls = (name: string, ...params: ReadonlyArray<unknown>): Answer => ({
  calls: params.map((params, index) => ({ id: `${name}-${index}`, name, params }))
})

const text = (text: string): Answer => ({ text })

/** The parts that say what happened, whoever the provider is. */
const essential = (parts: ReadonlyArray<{ readonly type: Parameters<typeof types>[0][number]["type"] }>) =>
  types(parts).filter((type) => type !== "response-metadata" && !type.startsWith("tool-params"))

const approvalOf = (content: ReadonlyArray<{ readonly type: string }>) => {
  const request = content.find((part) => part.type === "tool-approval-request")
  return request !== undefined && "approvalId" in request ? String(request.approvalId) : assert.fail("no request")
}

const respond = (approvalId: string, approved: boolean) =>
  Prompt.toolMessage({ content: [Prompt.toolApprovalResponsePart({ approvalId, approved, reason: "no" })] })

for (const [name, on] of providers) {
  layer(onCodex())(name, (it) => {
    it.effect("parameters stay encoded, whether or not the calls are resolved", () =>
      doubled(Effect.gen(function*() {
        const ask = { prompt: "2 * 21?", toolkit: doubling }
        const left = yield* on([calls("double", { n: "21" })])(
          LanguageModel.generateText({ ...ask, disableToolCallResolution: true })
        )
        assert.deepStrictEqual(left.toolCalls.map(({ params }) => params), [{ n: "21" }])
        const resolved = yield* on([calls("double", { n: "21" })])(LanguageModel.generateText(ask))
        assert.deepStrictEqual(resolved.toolCalls.map(({ params }) => params), [{ n: "21" }])
        assert.deepStrictEqual(resolved.toolResults.map(({ result }) => result), [42])
      })))

    it.effect("parameters that do not fit fail the call", () =>
      doubled(Effect.gen(function*() {
        const ask = { prompt: "2 * 21?", toolkit: doubling }
        const unresolved = yield* on([calls("double", { n: true })])(
          Effect.flip(LanguageModel.generateText({ ...ask, disableToolCallResolution: true }))
        )
        assert.strictEqual(unresolved.reason._tag, "InvalidOutputError")
        const error = yield* on([calls("double", { n: true })])(Effect.flip(LanguageModel.generateText(ask)))
        assert.strictEqual(error.reason._tag, "ToolParameterValidationError")
      })))

    it.effect("calls come before their handlers run, and the finish comes last", () =>
      Effect.gen(function*() {
        const order: Array<string> = []
        const parts = yield* on([calls("ask", { what: "a" }, { what: "b" })])(
          LanguageModel.streamText({ prompt: "go", toolkit: asking }).pipe(
            Stream.tap((part) =>
              Effect.sync(() => {
                if (part.type === "tool-call") order.push("call")
              })
            ),
            Stream.runCollect
          )
        ).pipe(Effect.provide(asking.toLayer({
          ask: ({ what }) =>
            Effect.sync(() => {
              order.push("handler")
              return what
            })
        })))
        assert.strictEqual(order[0], "call")
        assert.deepStrictEqual(essential(parts).slice(-3), ["tool-result", "tool-result", "finish"])
      }))

    for (const [concurrency, atOnce] of [[1, 1], [2, 2], ["unbounded", 3]] as const) {
      it.effect(`concurrency: ${concurrency} runs ${atOnce} handlers at once`, () =>
        Effect.gen(function*() {
          let [running, most] = [0, 0]
          const full = yield* Deferred.make<void>()
          const handlers = asking.toLayer({
            ask: ({ what }) =>
              Effect.gen(function*() {
                most = Math.max(most, ++running)
                if (running === atOnce) yield* Deferred.succeed(full, undefined)
                yield* Deferred.await(full)
                yield* Effect.yieldNow
                running--
                return what
              })
          })
          const response = yield* on([calls("ask", { what: "a" }, { what: "b" }, { what: "c" })])(
            LanguageModel.generateText({ prompt: "go", toolkit: asking, concurrency })
          ).pipe(Effect.provide(handlers))
          assert.strictEqual(most, atOnce)
          assert.sameMembers(response.toolResults.map(({ result }) => result), ["a", "b", "c"])
        }))
    }

    it.effect("a handler knows the id of its call", () =>
      Effect.gen(function*() {
        const response = yield* on([calls("ask", { what: "a" }, { what: "a" })])(
          LanguageModel.generateText({ prompt: "go", toolkit: asking })
        ).pipe(Effect.provide(asking.toLayer({ ask: (_, { toolCallId }) => Effect.succeed(toolCallId ?? "none") })))
        assert.deepStrictEqual(
          response.toolResults.map(({ id, result }) => [id, result]).toSorted(),
          [["ask-0", "ask-0"], ["ask-1", "ask-1"]]
        )
      }))

    it.effect("an object that does not fit fails with the whole text", () =>
      Effect.gen(function*() {
        const error = yield* on([text("{\"city\":1}")])(
          Effect.flip(LanguageModel.generateObject({ prompt: "?", schema: Schema.Struct({ city: Schema.String }) }))
        )
        assert.strictEqual(error.reason._tag, "StructuredOutputError")
        assert.strictEqual("responseText" in error.reason ? error.reason.responseText : "", "{\"city\":1}")
      }))

    const handled = Effect.provide(careful.toLayer({
      sometimes: ({ dangerous }) => Effect.succeed(dangerous ? "bang" : "fine"),
      always: () => Effect.succeed("done")
    }))

    it.effect("approval is asked for when a tool needs it", () =>
      handled(Effect.gen(function*() {
        const ask = { prompt: "go", toolkit: careful }
        const always = yield* on([calls("always", {})])(LanguageModel.generateText(ask))
        approvalOf(always.content)
        assert.deepStrictEqual(always.toolResults, [])
        const streamed = yield* on([calls("always", {})])(Stream.runCollect(LanguageModel.streamText(ask)))
        approvalOf(streamed)
        const dangerous = yield* on([calls("sometimes", { dangerous: true })])(LanguageModel.generateText(ask))
        approvalOf(dangerous.content)
        const harmless = yield* on([calls("sometimes", { dangerous: false })])(LanguageModel.generateText(ask))
        assert.deepStrictEqual(harmless.toolResults.map(({ result }) => result), ["fine"])
      })))

    for (const approved of [true, false]) {
      it.effect(`a call that was ${approved ? "approved" : "denied"} is resolved before the model goes on`, () =>
        handled(Effect.gen(function*() {
          const chat = yield* Chat.empty
          const responses = yield* on([calls("always", {}), text("ok"), text("bye")])(Effect.gen(function*() {
            const first = yield* chat.generateText({ prompt: "go", toolkit: careful })
            const answer = [respond(approvalOf(first.content), approved)]
            const second = yield* Stream.runCollect(chat.streamText({ prompt: answer, toolkit: careful }))
            const third = yield* chat.generateText({ prompt: "bye", toolkit: careful })
            return { second, third }
          }))
          const results = responses.second.flatMap((part) => part.type === "tool-result" ? [part] : [])
          assert.deepStrictEqual(results.map(({ isFailure }) => isFailure), [!approved])
          assert.deepStrictEqual(essential(responses.second), [
            "tool-result",
            "text-start",
            "text-delta",
            "text-end",
            "finish"
          ])
          assert.strictEqual(responses.third.text, "bye")
        })))
    }

    it.effect("a completed approval is not replayed", () =>
      Effect.gen(function*() {
        const runs = yield* Ref.make(0)
        const handlers = careful.toLayer({
          sometimes: () => Effect.succeed(""),
          always: () => Effect.as(Ref.update(runs, (n) => n + 1), "done")
        })
        const chat = yield* Chat.empty
        yield* on([calls("always", {}), text("ok"), text("bye")])(Effect.gen(function*() {
          const first = yield* chat.generateText({ prompt: "go", toolkit: careful })
          yield* chat.generateText({ prompt: [respond(approvalOf(first.content), true)], toolkit: careful })
          yield* chat.generateText({ prompt: "bye", toolkit: careful })
        })).pipe(Effect.provide(handlers))
        assert.strictEqual(yield* Ref.get(runs), 1)
      }))

    it.effect("a stored chat has the same history as the one in memory, and goes on", () =>
      Effect.gen(function*() {
        const persistence = yield* Chat.Persistence
        const chat = yield* persistence.getOrCreate("1")
        yield* on([text("one"), text("two")])(Effect.gen(function*() {
          yield* chat.generateText({ prompt: "uno" })
          const stored = yield* persistence.get("1")
          assert.deepStrictEqual((yield* Ref.get(stored.history)).content, (yield* Ref.get(chat.history)).content)
          assert.strictEqual((yield* stored.generateText({ prompt: "due" })).text, "two")
        }))
      }).pipe(Effect.provide(
        Chat.layerPersisted({ storeId: "chat" }).pipe(Layer.provideMerge(Persistence.layerBackingMemory))
      )))
  })
}

layer(onCodex())("what only Codex shows", (it) => {
  const on = providers[0]![1]

  it.effect("approvals are not shown to the model", () =>
    Effect.gen(function*() {
      const chat = yield* Chat.empty
      yield* on([calls("always", {}), text("ok")])(Effect.gen(function*() {
        const first = yield* chat.generateText({ prompt: "go", toolkit: careful })
        yield* chat.generateText({ prompt: [respond(approvalOf(first.content), true)], toolkit: careful })
      })).pipe(Effect.provide(careful.toLayer({
        sometimes: () => Effect.succeed(""),
        always: () => Effect.succeed("done")
      })))
      const requests = yield* ScriptedModel.ScriptedModel.use((model) => model.requests)
      assert.deepStrictEqual(seen(requests.at(-1)!), ["user: go", "call always: {}", "output: done"])
    }))

  it.effect("a tracker of responses may be there; a request that was refused is not run a second time", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.ScriptedModel
      const chat = yield* Chat.empty
      const before = (yield* threadsOf).length
      yield* model.enqueue(
        Reply.text("one"),
        Reply.text("two"),
        Reply.failed({ code: "context_length_exceeded", message: "too much" }),
        Reply.text("never")
      )
      yield* Effect.gen(function*() {
        yield* chat.generateText({ prompt: "uno" })
        yield* Stream.runDrain(chat.streamText({ prompt: "due" }))
        const error = yield* Effect.flip(chat.generateText({ prompt: "tre" }))
        assert.strictEqual(error.reason._tag, "InvalidRequestError")
      }).pipe(Effect.provideServiceEffect(ResponseIdTracker.ResponseIdTracker, ResponseIdTracker.make))
      const threads = (yield* threadsOf).slice(before)
      assert.strictEqual(threads.length, 3)
      assert.strictEqual(new Set(threads).size, 1)
      assert.strictEqual(yield* model.pending, 1)
    }))
})

layer(onCodex({ toolExecution: "turn" }))("within the turn", (it) => {
  it.effect("parameters that do not fit go back to the model, if the tool returns its failures", () =>
    Effect.gen(function*() {
      const Long = Tool.make("long", {
        parameters: Schema.Struct({ word: Schema.String.check(Schema.isMinLength(3)) }),
        success: Schema.String,
        failureMode: "return"
      })
      const toolkit = Toolkit.make(Long)
      const response = yield* providers[0]![1]([calls("long", { word: "a" }), text("sorry")])(
        LanguageModel.generateText({ prompt: "go", toolkit })
      ).pipe(Effect.provide(toolkit.toLayer({ long: ({ word }) => Effect.succeed(word) })))
      assert.strictEqual(response.text, "sorry")
      assert.deepStrictEqual(response.toolCalls, [])
      const requests = yield* ScriptedModel.ScriptedModel.use((model) => model.requests)
      assert.include(requests.at(-1)!.toolOutput(), "ToolParameterValidationError")
    }))
})
