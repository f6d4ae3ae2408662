import { CodexHome, Gate, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { assert, describe, it, layer } from "@effect/vitest"
import { Codex, CodexError } from "effect-codex"
import { Chat, LanguageModel, Prompt, type Response, Tool, Toolkit } from "effect/ai"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { CodexLanguageModel } from "../src/index.ts"
import { killServer, onCodex, seen, setup, threadsOf } from "./utils.ts"

const say = (text: string) => Prompt.userMessage({ content: [Prompt.textPart({ text })] })

const codexOn = { script: TestCodex.echo }

/** Edits messages of a history. */
const messages =
  (edit: (message: Prompt.Message, index: number) => ReadonlyArray<Prompt.Message>) => (prompt: Prompt.Prompt) =>
    Prompt.fromMessages(prompt.content.flatMap(edit))

/** Asks, and returns the answer as the chat keeps it. */
const ask = (chat: Chat.Chat, prompt: string) => Effect.map(chat.generateText({ prompt }), ({ text }) => text)

layer(onCodex({}, codexOn))("a chat", (it) => {
  it.effect("is one thread, whose turns get only what is new", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const before = (yield* model.requests).length
      const chat = yield* Chat.fromPrompt([{ role: "system", content: "Be brief." }])
      assert.strictEqual(yield* ask(chat, "one"), "one")
      yield* Stream.runDrain(chat.streamText({ prompt: "two" }))
      assert.strictEqual(yield* ask(chat, "three"), "three")
      const [threadId, ...rest] = (yield* threadsOf).slice(before)
      assert.deepStrictEqual(rest, [threadId, threadId])
      const [request] = (yield* model.requests).slice(-1)
      assert.deepStrictEqual(seen(request!), [
        "user: one",
        "assistant: one",
        "user: two",
        "assistant: two",
        "user: three"
      ])
      assert.isTrue((yield* codex.threadRead(threadId!)).ephemeral)
    }))

  it.effect("survives export and import", () =>
    Effect.gen(function*() {
      const chat = yield* Chat.empty
      yield* ask(chat, "one")
      const copy = yield* Chat.fromJson(yield* chat.exportJson)
      yield* ask(copy, "two")
      const [first, second] = (yield* threadsOf).slice(-2)
      assert.strictEqual(second, first)
    }))

  const edited = (name: string, edit: (prompt: Prompt.Prompt) => Prompt.Prompt, expected: ReadonlyArray<string>) =>
    it.effect(`${name}: goes on in a new thread, and the model sees what the program says`, () =>
      Effect.gen(function*() {
        const { model } = yield* setup
        const chat = yield* Chat.fromPrompt([{ role: "system", content: "Be brief." }])
        yield* ask(chat, "one")
        yield* ask(chat, "two")
        yield* Ref.update(chat.history, edit)
        yield* ask(chat, "three")
        yield* ask(chat, "four")
        const [first, second, third, fourth] = (yield* threadsOf).slice(-4)
        assert.strictEqual(second, first)
        assert.notStrictEqual(third, second)
        assert.strictEqual(fourth, third)
        const [request] = (yield* model.requests).slice(-2)
        assert.deepStrictEqual(seen(request!), expected)
      }))

  edited("an edited user message", messages((message, index) => index === 1 ? [say("uno")] : [message]), [
    "user: uno",
    "assistant: one",
    "user: two",
    "assistant: two",
    "user: three"
  ])

  edited(
    "an edited answer",
    messages((message) =>
      message.role === "assistant"
        ? [Prompt.assistantMessage({
          content: message.content.map((part) => part.type === "text" ? { ...part, text: `${part.text}!` } : part)
        })]
        : [message]
    ),
    ["user: one", "assistant: one!", "user: two", "assistant: two!", "user: three"]
  )

  edited("another system message", Prompt.setSystem("Be verbose."), [
    "user: one",
    "assistant: one",
    "user: two",
    "assistant: two",
    "user: three"
  ])

  edited("a message taken out", messages((message, index) => index === 3 ? [] : [message]), [
    "user: one",
    "assistant: one",
    "assistant: two",
    "user: three"
  ])

  it.effect("with other tools goes on in a new thread", () =>
    Effect.gen(function*() {
      const chat = yield* Chat.empty
      yield* ask(chat, "one")
      yield* chat.generateText({ prompt: "two", toolkit: Toolkit.make(Tool.make("noop")) }).pipe(
        Effect.provide(Toolkit.make(Tool.make("noop")).toLayer({ noop: () => Effect.void }))
      )
      const [first, second] = (yield* threadsOf).slice(-2)
      assert.notStrictEqual(second, first)
    }))

  it.effect("two branches do not mix", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      const chat = yield* Chat.empty
      yield* ask(chat, "one")
      const branch = yield* Chat.fromPrompt(yield* Ref.get(chat.history))
      yield* ask(chat, "two")
      yield* ask(branch, "three")
      const [first, second, third] = (yield* threadsOf).slice(-3)
      assert.strictEqual(second, first)
      assert.notStrictEqual(third, first)
      const [request] = (yield* model.requests).slice(-1)
      assert.deepStrictEqual(seen(request!), ["user: one", "assistant: one", "user: three"])
    }))

  it.effect("two conversations with the same words are two threads", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* Chat.empty, yield* Chat.empty]
      yield* ask(a, "one")
      yield* ask(b, "one")
      yield* ask(a, "two")
      yield* ask(b, "two")
      const [a1, b1, a2, b2] = (yield* threadsOf).slice(-4)
      assert.notStrictEqual(a1, b1)
      assert.deepStrictEqual([a2, b2], [a1, b1])
    }))

  it.effect("a system message in between is one of the developer", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      const chat = yield* Chat.empty
      yield* ask(chat, "one")
      yield* chat.generateText({
        prompt: [{ role: "system", content: "Now in French." }, { role: "user", content: "two" }]
      })
      const requests = (yield* model.requests).slice(-2)
      assert.strictEqual(requests[1]!.threadId, requests[0]!.threadId)
      assert.strictEqual(requests[1]!.texts("developer").at(-1), "Now in French.")
      assert.deepStrictEqual(seen(requests[1]!), ["user: one", "assistant: one", "user: two"])
    }))

  it.effect("goes on as soon as the finish is there, also before the stream has ended", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.text("one"), Reply.after(gate, Reply.text("two")))
      const parts: Array<Response.StreamPart<{}>> = []
      const next = Effect.suspend(() =>
        LanguageModel.generateText({
          prompt: Prompt.concat(Prompt.concat(Prompt.make("one"), Prompt.fromResponseParts(parts)), "two")
        })
      )
      const fibers = yield* LanguageModel.streamText({ prompt: "one" }).pipe(
        Stream.tap((part) => Effect.sync(() => parts.push(part))),
        Stream.filter(({ type }) => type === "finish"),
        Stream.mapEffect(() => Effect.tap(Effect.forkScoped(next), gate.arrived)),
        Stream.runCollect
      )
      yield* gate.open
      assert.strictEqual((yield* Fiber.join(fibers[0]!)).text, "two")
      const [first, second] = (yield* threadsOf).slice(-2)
      assert.strictEqual(second, first)
    }))

  it.effect("a model that was set for one call does not stay for the next", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      const chat = yield* Chat.empty
      yield* CodexLanguageModel.withConfigOverride(ask(chat, "one"), { model: "gpt-5" })
      yield* ask(chat, "two")
      const requests = (yield* model.requests).slice(-2)
      assert.deepStrictEqual(requests.map(({ model }) => model), ["gpt-5", "mock-model"])
      assert.deepStrictEqual(seen(requests[1]!), ["user: one", "assistant: one", "user: two"])
    }))
})

layer(onCodex({ maxThreads: 1 }, codexOn))("with room for one thread", (it) => {
  it.effect("the older conversation goes on in a new one", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      const [a, b] = [yield* Chat.empty, yield* Chat.empty]
      yield* ask(a, "one")
      yield* ask(b, "uno")
      yield* ask(a, "two")
      assert.strictEqual(new Set(yield* threadsOf).size, 3)
      const [request] = (yield* model.requests).slice(-1)
      assert.deepStrictEqual(seen(request!), ["user: one", "assistant: one", "user: two"])
    }))
})

const stored = { ephemeral: false }

describe("stored threads", () => {
  layer(onCodex(stored, codexOn))("in one process", (it) => {
    it.effect("a branch is a fork at its turn", () =>
      Effect.gen(function*() {
        const { codex, model } = yield* setup
        const chat = yield* Chat.empty
        yield* ask(chat, "one")
        const branch = yield* Chat.fromPrompt(yield* Ref.get(chat.history))
        yield* ask(chat, "two")
        yield* ask(branch, "three")
        yield* ask(branch, "four")
        const [first, , third, fourth] = (yield* threadsOf).slice(-4)
        assert.strictEqual(fourth, third)
        assert.strictEqual((yield* codex.threadRead(third!)).forkedFromId, first)
        const requests = (yield* model.requests).slice(-2)
        assert.deepStrictEqual(seen(requests[0]!), ["user: one", "assistant: one", "user: three"])
      }))
  })

  it.live("a conversation goes on after a restart", () =>
    Effect.gen(function*() {
      const home = yield* CodexHome.CodexHome
      const process = <A, E>(use: Effect.Effect<A, E, LanguageModel.LanguageModel>, options = stored) =>
        use.pipe(
          Effect.provide(
            Layer.provide(
              CodexLanguageModel.layer(options),
              Codex.layer({ cwd: home.workspace, env: home.env })
            ),
            { local: true }
          )
        )
      const chat = yield* Chat.empty
      yield* process(ask(chat, "one"))
      yield* process(ask(chat, "two"))
      yield* process(ask(chat, "three"), { ephemeral: true })
      const [first, second, third] = yield* threadsOf
      assert.strictEqual(second, first)
      assert.notStrictEqual(third, first)
      const requests = yield* ScriptedModel.ScriptedModel.use((model) => model.requests)
      assert.deepStrictEqual(seen(requests[1]!), ["user: one", "assistant: one", "user: two"])
      assert.deepStrictEqual(seen(requests[2]!), [
        "user: one",
        "assistant: one",
        "user: two",
        "assistant: two",
        "user: three"
      ])
    }).pipe(
      Effect.provide(CodexHome.layer().pipe(Layer.provideMerge(ScriptedModel.layer(TestCodex.echo))))
    ))
})

/** Waits until a server that has died runs again: requests wait for it, but for those that it has received. */
const started = (codex: Codex.Codex["Service"]) =>
  Effect.retry(codex.client.request("thread/loaded/list", {}), { while: CodexError.isRetryable })

describe("a server that dies and is started again", () => {
  const restarting = { client: { restart: Schedule.recurs(1) } }

  for (const [name, options] of [["in memory", {}], ["stored", stored]] as const) {
    it.live(`a conversation goes on, ${name}`, () =>
      Effect.gen(function*() {
        const { codex, model } = yield* setup
        const home = yield* CodexHome.CodexHome
        const chat = yield* Chat.empty
        yield* ask(chat, "one")
        yield* killServer(home.codexHome)
        yield* started(codex)
        yield* ask(chat, "two")
        const [first, second] = yield* threadsOf
        if (name === "stored") assert.strictEqual(second, first)
        else assert.notStrictEqual(second, first)
        const [request] = (yield* model.requests).slice(-1)
        assert.deepStrictEqual(seen(request!), ["user: one", "assistant: one", "user: two"])
      }).pipe(Effect.provide(onCodex(options, { ...codexOn, ...restarting }))))
  }

  it.live("results of a turn that has died become history", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const home = yield* CodexHome.CodexHome
      const toolkit = Toolkit.make(Tool.make("noop", { success: Schema.String }))
      yield* model.enqueue(Reply.functionCall({ name: "noop", arguments: {} }), Reply.text("done"))
      const chat = yield* Chat.empty
      const handled = Effect.provide(toolkit.toLayer({ noop: () => Effect.succeed("ok") }))
      yield* handled(chat.generateText({ prompt: "go", toolkit }))
      yield* killServer(home.codexHome)
      yield* started(codex)
      assert.strictEqual((yield* handled(chat.generateText({ prompt: [], toolkit }))).text, "done")
      const [request] = (yield* model.requests).slice(-1)
      assert.deepStrictEqual(seen(request!), ["user: go", "call noop: {}", "output: ok"])
    }).pipe(Effect.provide(onCodex({}, restarting))))
})

layer(onCodex())("structured output", (it) => {
  const Answer = Schema.Struct({ city: Schema.String, country: Schema.optionalKey(Schema.String) })

  it.effect("is decoded, with optional keys; a remark before it does not matter", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(
        Reply.make([
          { ...Reply.message({ text: "Let me see.", phase: "commentary" }).parts[0]! },
          { ...Reply.message({ text: "{\"city\":\"Rome\",\"country\":null}", phase: "final_answer" }).parts[0]! }
        ]),
        Reply.text("bye")
      )
      const chat = yield* Chat.empty
      const response = yield* chat.generateObject({ prompt: "Where?", schema: Answer })
      assert.deepStrictEqual(response.value, { city: "Rome" })
      yield* ask(chat, "bye")
      const requests = (yield* model.requests).slice(-2)
      const { schema } = requests[0]!.outputFormat as { schema: { required: ReadonlyArray<string> } }
      assert.deepStrictEqual(schema.required, ["city", "country"])
      assert.isUndefined(requests[1]!.outputFormat)
      assert.strictEqual(requests[1]!.threadId, requests[0]!.threadId)
    }))

  it.effect("may be a union", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(Reply.text("{\"value\":{\"b\":1}}"))
      const schema = Schema.Union([Schema.Struct({ a: Schema.String }), Schema.Struct({ b: Schema.Finite })])
      const response = yield* LanguageModel.generateObject({ prompt: "Which?", schema })
      assert.deepStrictEqual(response.value, { b: 1 })
    }))

  it.effect("that is none fails with what the model said", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(Reply.text("I don't know."))
      const error = yield* Effect.flip(LanguageModel.generateObject({ prompt: "Where?", schema: Answer }))
      assert.strictEqual(error.reason._tag, "StructuredOutputError")
      assert.strictEqual(
        error.reason._tag === "StructuredOutputError" ? error.reason.responseText : undefined,
        "I don't know."
      )
    }))
})
