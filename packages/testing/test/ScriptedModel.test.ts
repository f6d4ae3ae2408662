import { Gate, Item, Reply, ScriptedModel, Step } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

type Event = { readonly type: string; readonly [key: string]: unknown }

const body = (text: string, more: object = {}) => ({
  model: "mock-model",
  input: [{ type: "message", role: "user", content: [{ type: "input_text", text }] }],
  ...more
})

const post = (model: ScriptedModel.Service, payload: unknown) =>
  Effect.promise((signal) => fetch(`${model.url}/responses`, { method: "POST", body: JSON.stringify(payload), signal }))

const parse = (sse: string): ReadonlyArray<Event> =>
  sse.split("\n\n").filter((block) => block !== "").map((block) => {
    const [event, data] = block.split("\n")
    const parsed = JSON.parse(data!.slice("data: ".length)) as Event
    assert.strictEqual(event, `event: ${parsed.type}`)
    return parsed
  })

const ask = (model: ScriptedModel.Service, text: string, more?: object) =>
  post(model, body(text, more)).pipe(
    Effect.flatMap((response) => Effect.promise(() => response.text())),
    Effect.map(parse)
  )

const deltas = (events: ReadonlyArray<Event>) =>
  events.filter((event) => event.type === "response.output_text.delta").map((event) => event.delta)

describe("ScriptedModel", () => {
  it.live("answers a request with the events of the Responses API", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make()
      yield* model.enqueue(Reply.message({ deltas: ["grüß ", "🦀", "日本"], phase: "final_answer" }, {
        usage: { inputTokens: 12, cachedInputTokens: 3, outputTokens: 5, reasoningOutputTokens: 2 }
      }))
      const response = yield* post(model, body("hi"))
      assert.strictEqual(response.status, 200)
      assert.strictEqual(response.headers.get("content-type"), "text/event-stream")
      const events = parse(yield* Effect.promise(() => response.text()))
      assert.deepStrictEqual(events, [
        { type: "response.created", response: { id: "resp_0" } },
        {
          type: "response.output_item.added",
          output_index: 0,
          item: {
            type: "message",
            id: "msg_0_0",
            role: "assistant",
            status: "in_progress",
            content: [],
            phase: "final_answer"
          }
        },
        ...["grüß ", "🦀", "日本"].map((delta) => ({
          type: "response.output_text.delta",
          item_id: "msg_0_0",
          output_index: 0,
          content_index: 0,
          delta
        })),
        {
          type: "response.output_item.done",
          output_index: 0,
          item: {
            type: "message",
            id: "msg_0_0",
            role: "assistant",
            status: "completed",
            content: [{ type: "output_text", text: "grüß 🦀日本", annotations: [] }],
            phase: "final_answer"
          }
        },
        {
          type: "response.completed",
          response: {
            id: "resp_0",
            status: "completed",
            usage: {
              input_tokens: 12,
              input_tokens_details: { cached_tokens: 3 },
              output_tokens: 5,
              output_tokens_details: { reasoning_tokens: 2 },
              total_tokens: 17
            }
          }
        }
      ])
    }))

  it.live("sends the other items: reasoning, function calls, custom tool calls, raw ones", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make({
        replies: [Reply.make([
          Item.reasoning({ deltas: ["h", "m"] }),
          Item.functionCall({ name: "exec_command", arguments: { cmd: "ls" } }),
          Item.functionCall({ name: "ask", namespace: "people", arguments: "not json", callId: "mine" }),
          Item.customToolCall({ name: "apply_patch", input: "*** Begin Patch" }),
          Item.raw({ type: "web_search_call", id: "ws_1" })
        ])]
      })
      const events = yield* ask(model, "hi")
      assert.deepStrictEqual(
        events.filter((event) => event.type === "response.reasoning_summary_text.delta").map((event) => event.delta),
        ["h", "m"]
      )
      assert.deepStrictEqual(
        events.filter((event) => event.type === "response.output_item.done").map((event) => event.item),
        [
          { type: "reasoning", id: "rs_0_0", summary: [{ type: "summary_text", text: "hm" }] },
          {
            type: "function_call",
            id: "fc_0_1",
            call_id: "call_0_1",
            name: "exec_command",
            arguments: `{"cmd":"ls"}`,
            status: "completed"
          },
          {
            type: "function_call",
            id: "fc_0_2",
            call_id: "mine",
            name: "ask",
            namespace: "people",
            arguments: "not json",
            status: "completed"
          },
          {
            type: "custom_tool_call",
            id: "ctc_0_3",
            call_id: "call_0_3",
            name: "apply_patch",
            input: "*** Begin Patch",
            status: "completed"
          },
          { type: "web_search_call", id: "ws_1" }
        ]
      )
    }))

  it.live("fails as scripted: in the stream, by status, by a broken connection", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make()
      yield* model.enqueue(
        Reply.failed({ code: "server_is_overloaded", message: "later" }),
        Reply.httpError(503, "busy"),
        Reply.message({ deltas: ["half", Step.cut, "never"] })
      )
      const failed = yield* ask(model, "1")
      assert.deepStrictEqual(failed.at(-1), {
        type: "response.failed",
        response: {
          id: "resp_0",
          status: "failed",
          error: { code: "server_is_overloaded", message: "later" }
        }
      })

      const busy = yield* post(model, body("2"))
      assert.strictEqual(busy.status, 503)
      assert.strictEqual(yield* Effect.promise(() => busy.text()), "busy")

      const cut = yield* post(model, body("3"))
      const chunks: Array<string> = []
      const error = yield* Stream.fromReadableStream({ evaluate: () => cut.body!, onError: (error) => error }).pipe(
        Stream.decodeText,
        Stream.runForEach((chunk) => Effect.sync(() => chunks.push(chunk))),
        Effect.flip
      )
      assert.isTrue(Predicate.isError(error))
      assert.deepStrictEqual(deltas(parse(chunks.join(""))), ["half"])
      assert.strictEqual(yield* Effect.flatMap(model.awaitRequest(2), (request) => request.outcome), "aborted")
    }))

  it.live("explains that the script is over, or answers with a function of the request", () =>
    Effect.gen(function*() {
      const silent = yield* ScriptedModel.make({ replies: [Reply.text("only one")] })
      assert.deepStrictEqual(deltas(yield* ask(silent, "1")), ["only one"])
      const response = yield* post(silent, body("2"))
      assert.strictEqual(response.status, 400)
      assert.include(yield* Effect.promise(() => response.text()), `no reply left for request 1`)

      const echo = yield* ScriptedModel.make({ respond: (request) => Reply.text(`${request.lastUserText}!`) })
      yield* echo.enqueue(Reply.text("first the script"))
      assert.deepStrictEqual(deltas(yield* ask(echo, "a")), ["first the script"])
      const names = Array.from({ length: 32 }, (_, index) => `name ${index}`)
      const answers = yield* Effect.forEach(names, (name) => ask(echo, name), { concurrency: "unbounded" })
      assert.deepStrictEqual(answers.map((events) => deltas(events)), names.map((name) => [`${name}!`]))
    }))

  it.live("stops at a gate until the test opens it", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make()
      const [before, between] = [yield* Gate.make, yield* Gate.make]
      yield* model.enqueue(Reply.after(before, Reply.message({ deltas: ["one", between, "two"] })))

      const pending = yield* Effect.forkChild(post(model, body("hi")))
      yield* before.arrived
      assert.strictEqual((yield* model.requests).length, 1)
      assert.isUndefined(pending.pollUnsafe())
      yield* before.open

      const response = yield* Fiber.join(pending)
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
      yield* between.arrived
      const first = yield* Effect.promise(() => reader.read())
      assert.deepStrictEqual(deltas(parse(first.value!)), ["one"])
      yield* between.open
      const second = yield* Effect.promise(() => reader.read())
      assert.deepStrictEqual(deltas(parse(second.value!)), ["two"])
    }))

  it.live("survives a client that disconnects", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make()
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.after(gate, Reply.text("never")), Reply.message({ deltas: ["a", Step.hang] }))

      const first = yield* Effect.forkChild(ask(model, "1"))
      yield* gate.arrived
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* Effect.flatMap(model.awaitRequest(0), (request) => request.outcome), "aborted")

      const abort = new AbortController()
      const response = yield* Effect.promise(() =>
        fetch(`${model.url}/responses`, { method: "POST", body: JSON.stringify(body("2")), signal: abort.signal })
      )
      assert.strictEqual(response.status, 200)
      abort.abort()
      assert.strictEqual(yield* Effect.flatMap(model.awaitRequest(1), (request) => request.outcome), "aborted")

      yield* model.enqueue(Reply.text("still here"))
      assert.deepStrictEqual(deltas(yield* ask(model, "3")), ["still here"])
      assert.strictEqual(yield* Effect.flatMap(model.awaitRequest(2), (request) => request.outcome), "answered")
    }))

  it.live("ends at once with its scope, whatever is still open", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const gate = yield* Gate.make
      const model = yield* Scope.provide(
        ScriptedModel.make({
          replies: [
            Reply.text("kept alive"),
            Reply.after(gate, Reply.text("never")),
            Reply.message({ deltas: ["a", Step.hang] })
          ]
        }),
        scope
      )
      yield* ask(model, "idle keep-alive connection")
      const waiting = yield* Effect.forkChild(Effect.exit(ask(model, "at the gate")))
      yield* gate.arrived
      const streaming = yield* post(model, body("in the stream"))
      const rest = yield* Effect.forkChild(Effect.exit(Effect.promise(() => streaming.text())))
      yield* Scope.close(scope, yield* Effect.exit(Effect.void)).pipe(Effect.timeout("1 second"))
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "Failure")
      assert.strictEqual((yield* Fiber.join(rest))._tag, "Failure")
      const after = yield* Effect.exit(ask(model, "nobody there"))
      assert.strictEqual(after._tag, "Failure")
    }))

  it.live("records its requests", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make({ respond: () => Reply.text("ok") })
      const third = yield* Effect.forkChild(model.awaitRequest(2))
      const streamed = yield* Effect.forkChild(model.stream.pipe(Stream.take(3), Stream.runCollect))
      yield* ask(model, "one", {
        instructions: "be brief",
        tools: [
          { type: "function", name: "exec_command" },
          { type: "web_search" },
          { type: "namespace", name: "people", tools: [{ type: "function", name: "ask" }] }
        ],
        text: { format: { type: "json_schema", name: "answer" } },
        stream: true
      })
      yield* ask(model, "", {
        input: [
          { type: "message", role: "developer", content: "rules" },
          {
            type: "message",
            role: "user",
            content: [{ type: "input_text", text: "look" }, {
              type: "input_image",
              image_url: "data:image/png;base64,AA"
            }]
          },
          { type: "function_call_output", call_id: "a", output: "first" },
          {
            type: "custom_tool_call_output",
            call_id: "b",
            output: [{ type: "input_text", text: "se" }, { type: "input_text", text: "cond" }]
          }
        ]
      })
      yield* ask(model, "three")

      const [first, second] = yield* model.requests
      assert.strictEqual(first!.index, 0)
      assert.strictEqual(first!.path, "/v1/responses")
      assert.strictEqual(first!.model, "mock-model")
      assert.strictEqual(first!.headers["content-type"], "text/plain;charset=UTF-8")
      assert.strictEqual(first!.instructions, "be brief")
      assert.deepStrictEqual(first!.toolNames, ["exec_command", "web_search", "people.ask"])
      assert.deepStrictEqual(first!.outputFormat, { type: "json_schema", name: "answer" })
      assert.strictEqual(first!.body.stream, true)
      assert.isUndefined(first!.toolOutput())
      assert.deepStrictEqual(second!.texts("developer"), ["rules"])
      assert.deepStrictEqual(second!.userTexts, ["look"])
      assert.deepStrictEqual(second!.imageUrls, ["data:image/png;base64,AA"])
      assert.strictEqual(second!.toolOutput("a"), "first")
      assert.strictEqual(second!.toolOutput(), "se\ncond")
      assert.strictEqual((yield* Fiber.join(third)).lastUserText, "three")
      assert.deepStrictEqual((yield* Fiber.join(streamed)).map((request) => request.index), [0, 1, 2])
    }))

  it.live("refuses a request that does not belong to the Responses API", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make()
      const response = yield* post(model, { hello: 1 })
      assert.strictEqual(response.status, 400)
      assert.include(yield* Effect.promise(() => response.text()), "does not understand")
      assert.deepStrictEqual(yield* model.requests, [])
      const lost = yield* Effect.promise(() => fetch(`${model.url}/nowhere`))
      assert.strictEqual(lost.status, 404)
      yield* Effect.promise(() => lost.text())
    }))

  it.live("lists no models, and serves files", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make()
      const models = yield* Effect.promise(() => fetch(`${model.url}/models?client_version=1`).then((r) => r.json()))
      assert.deepStrictEqual(models, { object: "list", data: [], models: [] })
      const url = yield* model.file("a b.png", new Uint8Array([1, 2, 3]))
      const file = yield* Effect.promise(() => fetch(url))
      assert.strictEqual(file.headers.get("content-type"), "image/png")
      assert.deepStrictEqual(new Uint8Array(yield* Effect.promise(() => file.arrayBuffer())), new Uint8Array([1, 2, 3]))
    }))

  it.live("paces its events", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make({
        replies: [Reply.message({ deltas: ["a", Step.delay("1 millis"), "b"] }, { pace: "1 millis" })]
      })
      assert.deepStrictEqual(deltas(yield* ask(model, "hi")), ["a", "b"])
    }))
})
