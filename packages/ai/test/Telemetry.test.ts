import { Reply } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { Chat, LanguageModel, Tool, Toolkit } from "effect/ai"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { onCodex, setup, usage } from "./utils.ts"

/** Runs an effect, and returns its spans. */
const spansOf = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const spans: Array<Tracer.Span> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = Tracer.nativeTracer.span(options)
      spans.push(span)
      return span
    }
  })
  yield* Effect.provideService(effect, Tracer.Tracer, tracer)
  return spans.map((span) => ({
    name: span.name,
    parent: span.parent._tag === "Some" && span.parent.value._tag === "Span" ? span.parent.value.name : undefined,
    attributes: Object.fromEntries(span.attributes),
    ended: span.status._tag === "Ended"
  }))
})

layer(onCodex())("spans", (it) => {
  it.effect("one of the call, and below it one of the turn, which alone has the usage", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      for (
        const [name, call] of [
          ["generateText", LanguageModel.generateText({ prompt: "hi" })],
          ["streamText", Stream.runDrain(LanguageModel.streamText({ prompt: "hi" }))]
        ] as const
      ) {
        yield* model.enqueue(Reply.text("there", usage))
        const spans = yield* spansOf(call)
        assert.deepStrictEqual(
          spans.map(({ name, parent }) => [name, parent]).filter(([name]) => name !== "codex.request"),
          [
            [`LanguageModel.${name}`, undefined],
            ["codex.turn", `LanguageModel.${name}`]
          ]
        )
        const [request] = (yield* model.requests).slice(-1)
        const [call_, turn] = spans.filter(({ name }) => name !== "codex.request")
        assert.deepInclude(call_?.attributes, {
          "gen_ai.operation.name": "chat",
          "gen_ai.provider.name": "codex",
          "gen_ai.request.model": request!.model,
          "gen_ai.response.id": `${request!.threadId}/${request!.turnId}`,
          "gen_ai.response.finish_reasons": ["stop"]
        })
        const withUsage = spans.filter(({ attributes }) => Object.keys(attributes).some((key) => key.includes("usage")))
        assert.deepStrictEqual(withUsage, [turn!])
        assert.strictEqual(turn!.attributes["gen_ai.usage.input_tokens"], 10)
        assert.isTrue(spans.every(({ ended }) => ended))
      }
    }))

  it.effect("a turn over several calls has one span", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      const tools = Toolkit.make(Tool.make("noop"))
      yield* model.enqueue(Reply.functionCall({ name: "noop", arguments: {} }, usage), Reply.text("done", usage))
      const spans = yield* spansOf(
        Effect.gen(function*() {
          const chat = yield* Chat.empty
          yield* chat.generateText({ prompt: "go", toolkit: tools })
          yield* chat.generateText({ prompt: [], toolkit: tools })
        }).pipe(Effect.provide(tools.toLayer({ noop: () => Effect.void })))
      )
      assert.strictEqual(spans.filter(({ name }) => name === "LanguageModel.generateText").length, 2)
      const turns = spans.filter(({ name }) => name === "codex.turn")
      assert.strictEqual(turns.length, 1)
      assert.strictEqual(turns[0]!.attributes["gen_ai.usage.input_tokens"], 20)
      assert.isTrue(spans.every(({ ended }) => ended))
    }))
})
