import { CodexHome, Item, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { assert, describe, it, layer } from "@effect/vitest"
import { Codex, type CodexError, Tools } from "effect-codex"
import { AiError, Prompt, Tool, Toolkit } from "effect/ai"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { Equals } from "effect/Types"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { restartServer, serverOf, setup } from "./utils.ts"

/** Lets the model call one tool in a turn of its own, and gives what the model sees of the call. */
const call = Effect.fnUntraced(function*(
  thread: { readonly run: (input: string) => Effect.Effect<unknown, unknown> },
  name: string,
  args: unknown = {},
  namespace?: string
) {
  const model = yield* ScriptedModel.ScriptedModel
  yield* model.enqueue(
    Reply.functionCall({ name, arguments: args, ...(namespace === undefined ? {} : { namespace }) }),
    Reply.text("done")
  )
  yield* Effect.orDie(thread.run("go"))
  return yield* lastRequest
})

/** The last request to the model. */
const lastRequest = Effect.map(
  ScriptedModel.ScriptedModel.use((model) => model.requests),
  (requests) => requests.at(-1)!
)

/** The output of one call, as the model sees it: see {@link call}. */
const outputOf = (...args: Parameters<typeof call>) => Effect.map(call(...args), (request) => request.toolOutput())

class Stock extends Context.Service<Stock, { readonly count: (article: string) => Effect.Effect<number> }>()(
  "test/Stock"
) {}

/** A service that each call has to be given, whoever handles it. */
class Tenant extends Context.Service<Tenant, string>()("test/Tenant") {}

class NoSuchArticle extends Schema.TaggedError<NoSuchArticle>()("NoSuchArticle", { article: Schema.String }) {}

class Broken extends Schema.TaggedError<Broken>()("Broken", { message: Schema.String }) {}

const Count = Tool.make("count", {
  description: "How many pieces of an article there are",
  parameters: Schema.Struct({
    article: Schema.String.annotate({ description: "Its name" }).check(Schema.isMinLength(2)),
    on: Schema.optionalKey(Schema.Date),
    size: Schema.optionalKey(Schema.Tuple([Schema.Finite, Schema.Literals(["cm", "m"])]))
  }),
  success: Schema.Struct({ pieces: Schema.Int, on: Schema.NullOr(Schema.Date) }),
  failure: NoSuchArticle,
  dependencies: [Tenant]
})

const Nothing = Tool.make("nothing")

const counting = Toolkit.make(Count, Nothing)

const CountingLayer = counting.toLayer(Effect.gen(function*() {
  const stock = yield* Stock
  return counting.of({
    count: Effect.fnUntraced(function*({ article, on }) {
      const tenant = yield* Tenant
      const pieces = yield* stock.count(`${tenant}/${article}`)
      return pieces < 0 ? yield* new NoSuchArticle({ article }) : { pieces, on: on ?? null }
    }),
    nothing: () => Effect.void
  })
})).pipe(
  Layer.provide(Layer.succeed(Stock, {
    count: (article) => Effect.succeed(article.includes("missing") ? -1 : article.length)
  }))
)

const tenant = Effect.provideService(Tenant, "acme")

/** One tool of each way to end. */
const ends = Toolkit.make(
  Tool.make("text", { success: Schema.String }),
  Tool.make("returned", { failure: NoSuchArticle, failureMode: "return" }),
  Tool.make("message", { failure: Broken }),
  Tool.make("refused"),
  Tool.make("dies"),
  Tool.make("odd", { success: Schema.Int }),
  Tool.make("slow", { success: Schema.String }).annotate(Tools.Timeout, "20 millis"),
  Tool.make("stops", { success: Schema.String })
)

const EndsLayer = ends.toLayer({
  text: () => Effect.succeed("plain text"),
  returned: () => Effect.fail(new NoSuchArticle({ article: "lamp" })),
  message: () => Effect.fail(new Broken({ message: "the lamp is broken" })),
  refused: () => Effect.fail(new AiError.InvalidRequestError({ description: "not on Sundays" })),
  dies: () => Effect.die(new Error("the password is hunter2")),
  odd: () => Effect.succeed(1.5),
  slow: () => Effect.never,
  stops: () => Effect.interrupt
})

const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

const media = Toolkit.make(
  Tool.make("picture", {
    success: Schema.String,
    toModelOutput: (name) => [
      Prompt.textPart({ text: name }),
      Prompt.filePart({ mediaType: "image/png", data: pixel }),
      Prompt.filePart({ mediaType: "image/png", data: Uint8Array.from(Buffer.from(pixel, "base64")) })
    ]
  }),
  Tool.make("report", {
    toModelOutput: () => [Prompt.filePart({ mediaType: "application/pdf", fileName: "a.pdf", data: "AAAA" })]
  })
)

const MediaLayer = media.toLayer({ picture: () => Effect.succeed("a pixel"), report: () => Effect.void })

const crm = { name: "crm", description: "What we know of our customers" }

const customers = Toolkit.make(
  Tool.make("find", { description: "Finds a customer by name", success: Schema.String }).annotate(Tools.Namespace, crm)
    .annotate(Tools.DeferLoading, true),
  Tool.make("merge", { success: Schema.String }).annotate(Tools.Namespace, crm),
  Tool.make("plain", { success: Schema.String })
)

const CustomersLayer = customers.toLayer({
  find: () => Effect.succeed("found"),
  merge: () => Effect.succeed("merged"),
  plain: () => Effect.succeed("plain")
})

const offered =
  (request: { readonly body: { readonly tools?: ReadonlyArray<Record<string, unknown>> } }) => (name: string) =>
    request.body.tools?.find((tool) => tool["name"] === name)

layer(TestCodex.layer(), { excludeTestServices: true })("tools", (it) => {
  it.effect("are offered to the model", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart({ tools: counting })
      const tool = offered(yield* call(thread, "nothing"))
      assert.deepStrictEqual(tool("count"), {
        type: "function",
        name: "count",
        description: "How many pieces of an article there are",
        strict: false,
        parameters: {
          type: "object",
          properties: {
            article: { type: "string", description: "Its name, a value with a length of at least 2" },
            on: { type: "string", description: "a string that will be decoded as a Date" },
            size: {
              type: "array",
              items: {
                anyOf: [{ type: "number", description: "a finite number" }, { type: "string", enum: ["cm", "m"] }]
              },
              minItems: 2
            }
          },
          required: ["article"],
          additionalProperties: false
        }
      })
      assert.deepInclude(tool("nothing"), {
        description: "",
        parameters: { type: "object", properties: {}, additionalProperties: false }
      })
    }).pipe(tenant, Effect.provide(CountingLayer)))

  it.effect("are called with decoded parameters and their services, and the results are encoded", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart({ tools: counting })
      assert.strictEqual(
        yield* outputOf(thread, "count", { article: "lamp", on: "2026-01-02T03:04:05Z", size: [1, "m"] }),
        `{"pieces":9,"on":"2026-01-02T03:04:05.000Z"}`
      )
      assert.strictEqual(yield* outputOf(thread, "count", { article: "lamps" }), `{"pieces":10,"on":null}`)
      assert.strictEqual(yield* outputOf(thread, "nothing"), "Done.")
      assert.strictEqual(yield* model.pending, 0)
    }).pipe(tenant, Effect.provide(CountingLayer)))

  it.effect("may be given with their handlers", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const withHandlers = yield* Effect.provide(counting, CountingLayer)
      const thread = yield* codex.threadStart({ tools: withHandlers })
      assert.strictEqual(yield* outputOf(thread, "count", { article: "lamp" }), `{"pieces":9,"on":null}`)
    }).pipe(tenant))

  it.effect("report every mistake in the parameters to the model", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart({ tools: counting })
      const issues: ReadonlyArray<readonly [unknown, string]> = [
        [{ article: 1, on: "soon" }, `Expected string\n  at ["article"]\nExpected a valid Date\n  at ["on"]`],
        [{ article: "l" }, `Expected a value with a length of at least 2\n  at ["article"]`],
        [{}, `Missing key\n  at ["article"]`],
        [`"lamp"`, "Expected object"]
      ]
      for (const [args, issue] of issues) {
        assert.strictEqual(yield* outputOf(thread, "count", args), `Invalid parameters for the tool count: ${issue}`)
      }
      // Arguments that are not JSON do not reach the client.
      assert.include(yield* outputOf(thread, "count", "{"), "failed to parse function arguments")
    }).pipe(tenant, Effect.provide(CountingLayer)))

  it.effect("tell the model of a failure, in words", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const counter = yield* codex.threadStart({ tools: counting })
      const noLamp = `{"_tag":"NoSuchArticle","article":"missing"}`
      assert.strictEqual(
        yield* outputOf(counter, "count", { article: "missing" }),
        `The tool count failed: ${noLamp}`
      )
      const thread = yield* codex.threadStart({ tools: ends })
      const outputs = {
        text: "plain text",
        returned: `The tool returned failed: {"_tag":"NoSuchArticle","article":"lamp"}`,
        message: "The tool message failed: the lamp is broken",
        refused: "The tool refused failed: Invalid request. not on Sundays",
        slow: "The tool slow did not answer within 20ms."
      }
      for (const [name, output] of Object.entries(outputs)) {
        assert.strictEqual(yield* outputOf(thread, name), output)
      }
    }).pipe(tenant, Effect.provide([CountingLayer, EndsLayer])))

  it.effect("keep their defects to themselves, and log them", () => {
    const logs: Array<string> = []
    const logger = Logger.make(({ cause, message }) => logs.push(`${message} ${Cause.pretty(cause)}`))
    return Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart({ tools: ends })
      for (const name of ["dies", "odd", "stops"]) {
        assert.strictEqual(yield* outputOf(thread, name), `The tool ${name} failed with an internal error.`)
        assert.include(logs.join("\n"), `The tool ${name} is broken.`)
      }
      assert.include(logs.join("\n"), "the password is hunter2")
    }).pipe(Effect.provide([EndsLayer, Logger.layer([logger])]))
  })

  it.effect("show their failures in the items of the turn", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(
        Reply.make([
          Item.functionCall({ name: "text", arguments: {} }),
          Item.functionCall({ name: "message", arguments: {} })
        ]),
        Reply.text("done")
      )
      const thread = yield* codex.threadStart({ tools: ends })
      const { items } = yield* thread.run("go")
      // They ran at the same time, and ended in any order.
      assert.sameDeepMembers(
        items.flatMap((item) => item.type === "dynamicToolCall" ? [[item.tool, item.status, item.success]] : []),
        [["text", "completed", true], ["message", "failed", false]]
      )
    }).pipe(Effect.provide(EndsLayer)))

  it.effect("may show pictures", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart({ tools: media })
      const image = { type: "input_image", image_url: `data:image/png;base64,${pixel}`, detail: "high" }
      const output = (yield* call(thread, "picture")).inputItems("function_call_output").at(-1)?.["output"]
      assert.deepStrictEqual(output, [{ type: "input_text", text: "a pixel" }, image, image])
      assert.strictEqual(yield* outputOf(thread, "report"), "[application/pdf a.pdf, which can't be shown]")
    }).pipe(Effect.provide(MediaLayer)))

  it.effect("run at the same time", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const arrived = new Map([["a", yield* Deferred.make<void>()], ["b", yield* Deferred.make<void>()]])
      const toolkit = Toolkit.make(
        Tool.make("meet", {
          parameters: Schema.Struct({ me: Schema.String, you: Schema.String }),
          success: Schema.String
        })
      )
      yield* model.enqueue(
        Reply.make([
          Item.functionCall({ name: "meet", callId: "1", arguments: { me: "a", you: "b" } }),
          Item.functionCall({ name: "meet", callId: "2", arguments: { me: "b", you: "a" } })
        ]),
        Reply.text("done")
      )
      yield* Effect.gen(function*() {
        const thread = yield* codex.threadStart({ tools: toolkit })
        yield* thread.run("go")
      }).pipe(Effect.provide(toolkit.toLayer({
        // Each waits for the other.
        meet: ({ me, you }) =>
          Deferred.succeed(arrived.get(me)!, void 0).pipe(
            Effect.andThen(Deferred.await(arrived.get(you)!)),
            Effect.as(`${me} met ${you}`)
          )
      })))
      const request = yield* lastRequest
      assert.deepStrictEqual([request.toolOutput("1"), request.toolOutput("2")], ["a met b", "b met a"])
    }))

  it.effect("are interrupted with their turn", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const started = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      const toolkit = Toolkit.make(Tool.make("wait"))
      yield* model.enqueue(Reply.functionCall({ name: "wait", arguments: {} }))
      yield* Effect.gen(function*() {
        const thread = yield* codex.threadStart({ tools: toolkit })
        const turn = yield* Effect.forkChild(thread.run("go"))
        yield* Deferred.await(started)
        yield* Fiber.interrupt(turn)
        yield* Deferred.await(interrupted)
      }).pipe(Effect.provide(toolkit.toLayer({
        wait: () =>
          Deferred.succeed(started, void 0).pipe(
            Effect.andThen(Effect.never),
            Effect.onInterrupt(() => Deferred.succeed(interrupted, void 0))
          )
      })))
    }))

  it.effect("stand beside other dynamic tools, whose calls go to serverRequests", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart({
        tools: counting,
        dynamicTools: [{ type: "function", name: "other", description: "", inputSchema: { type: "object" } }],
        serverRequests: {
          "item/tool/call": ({ tool }) =>
            Effect.as(Stock, { success: true, contentItems: [{ type: "inputText", text: `by hand: ${tool}` }] })
        }
      })
      assert.strictEqual(yield* outputOf(thread, "other"), "by hand: other")
      assert.strictEqual(yield* outputOf(thread, "count", { article: "lamp" }), `{"pieces":9,"on":null}`)
      const bare = yield* codex.threadFork(thread.id, { tools: counting })
      assert.strictEqual(yield* outputOf(bare, "other"), "No handler is registered for the tool other.")
    }).pipe(tenant, Effect.provide(CountingLayer), Effect.provideService(Stock, { count: () => Effect.succeed(0) })))

  it.effect("may have a schema that is only known at run time", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const parameters = { type: "object", properties: { q: { type: "string" } }, required: ["q"] }
      const toolkit = Toolkit.make(Tool.dynamic("query", { parameters }))
      yield* Effect.gen(function*() {
        const thread = yield* codex.threadStart({ tools: toolkit })
        const request = yield* call(thread, "query", { q: "x" })
        assert.deepStrictEqual(offered(request)("query")?.["parameters"], parameters)
        assert.strictEqual(request.toolOutput(), `[{"q":"x"}]`)
      }).pipe(Effect.provide(toolkit.toLayer({ query: (params) => Effect.succeed([params]) })))
    }))

  it.effect("take no parameters, by a struct without fields too", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const toolkit = Toolkit.make(Tool.make("ping", { parameters: Schema.Struct({}), success: Schema.String }))
      const thread = yield* codex.threadStart({ tools: toolkit }).pipe(
        Effect.provide(toolkit.toLayer({ ping: () => Effect.succeed("pong") }))
      )
      const request = yield* call(thread, "ping")
      assert.deepStrictEqual(offered(request)("ping")?.["parameters"], {
        type: "object",
        properties: {},
        additionalProperties: false
      })
      assert.strictEqual(request.toolOutput(), "pong")
    }))

  it.effect("fail at once when, in JavaScript, they come without handlers", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const start = codex.threadStart as (options: {
        readonly tools: unknown
      }) => Effect.Effect<unknown, CodexError.RequestError>
      const refused: ReadonlyArray<readonly [tools: unknown, detail: string]> = [
        [counting, "there is no handler for count, nothing: provide the Layer that toolkit.toLayer({ ... }) returns"],
        [[Count], "it is not a toolkit"],
        [{ count: Count }, "it is not a toolkit"]
      ]
      for (const [tools, detail] of refused) {
        const error = yield* Effect.flip(start({ tools }))
        assert.strictEqual(error._tag, "InvalidInputError")
        assert.include(error.message, `tools: ${detail}`)
      }
    }))

  const refusals: ReadonlyArray<readonly [string, Tool.Any, detail: string]> = [
    [
      "a namespace is missing",
      Tool.make("late").annotate(Tools.DeferLoading, true),
      "has the annotation Tools.DeferLoading"
    ],
    ["it asks for approval", Tool.make("risky", { needsApproval: true }), "has needsApproval"],
    [
      "another provider runs it",
      Tool.providerDefined({ id: "openai.search", customName: "search", providerName: "search" })(void 0),
      "belongs to a model provider"
    ],
    [
      "its parameters are no object",
      Tool.make("list", { parameters: Schema.Array(Schema.String) }),
      "must take an object"
    ],
    [
      "its parameters are a choice",
      Tool.make("choice", {
        parameters: Schema.Union([Schema.Struct({ a: Schema.Int }), Schema.Struct({ b: Schema.Int })])
      }),
      "must take an object"
    ],
    [
      "a parameter has no form in JSON",
      Tool.make("open", { parameters: Schema.Struct({ at: Schema.Array(Schema.Option(Schema.instanceOf(URL))) }) }),
      `has a parameter without a JSON form, at ["at"][]`
    ]
  ]
  for (const [why, tool, detail] of refusals) {
    it.effect(`are refused before anything is sent: ${why}`, () =>
      Effect.gen(function*() {
        const { codex } = yield* setup
        const tools: Toolkit.WithHandler<{ readonly it: Tool.Any }> = {
          tools: { it: tool },
          handle: () => Effect.die("not to be called")
        }
        const error = yield* Effect.flip(
          codex.threadStart({ tools }) as Effect.Effect<unknown, CodexError.RequestError>
        )
        assert.strictEqual(error._tag, "InvalidInputError")
        assert.include(error.message, `tools: the tool "${tool.name}" ${detail}`)
      }))
  }

  it.effect("have names that the server takes, or fail before anything is sent", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const names: ReadonlyArray<readonly [tool: Tool.Any, tag: CodexError.CodexError["_tag"], detail: string]> = [
        [Tool.make("a b"), "InvalidInputError", "must have a name of 1 to 128 letters"],
        [Tool.make("prüfen"), "InvalidInputError", "must have a name of 1 to 128 letters"],
        [Tool.make(""), "InvalidInputError", "must have a name of 1 to 128 letters"],
        [Tool.make("a".repeat(129)), "InvalidInputError", "must have a name of 1 to 128 letters"],
        [Tool.make("find").annotate(Tools.Namespace, { name: "c.r.m", description: "" }), "InvalidInputError", "c.r.m"],
        [Tool.make("mcp__a"), "CodexRpcError", "dynamic tool name is reserved"]
      ]
      for (const [tool, tag, detail] of names) {
        const toolkit = Toolkit.make(tool)
        const handlers = toolkit.toLayer({ [tool.name]: () => Effect.void })
        const error = yield* Effect.flip(Effect.provide(codex.threadStart({ tools: toolkit }), handlers))
        assert.strictEqual(error._tag, tag)
        assert.include(error.message, detail)
      }
      const error = yield* Effect.flip(codex.threadStart({
        tools: ends,
        dynamicTools: [{ type: "function", name: "text", description: "", inputSchema: { type: "object" } }]
      }))
      assert.include(error.message, "duplicate dynamic tool name: text")
    }).pipe(Effect.provide(EndsLayer)))

  it.effect("give way to Codex's own of the same name, unless they are in a namespace", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const mine = Tool.make("exec_command", { parameters: Tool.EmptyParams, success: Schema.String })
      for (const [tool, namespace] of [[mine], [mine.annotate(Tools.Namespace, crm), crm.name]] as const) {
        const toolkit = Toolkit.make(tool)
        const output = yield* Effect.gen(function*() {
          const thread = yield* codex.threadStart({ tools: toolkit })
          return yield* outputOf(thread, "exec_command", {}, namespace)
        }).pipe(Effect.provide(toolkit.toLayer({ exec_command: () => Effect.succeed("mine") })))
        if (namespace === undefined) assert.include(output, "missing field `cmd`")
        else assert.strictEqual(output, "mine")
      }
    }))

  it.effect("are warned of when Codex has one of that name", () => {
    const warnings: Array<unknown> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
      if (logLevel === "Warn") warnings.push(message)
    })
    return Effect.gen(function*() {
      const { codex } = yield* setup
      const named = (name: string) => {
        const toolkit = Toolkit.make(
          Tool.make(name),
          Tool.make("write_stdin").annotate(Tools.Namespace, crm),
          Tool.make("mine")
        )
        const handlers = toolkit.toLayer({
          [name]: () => Effect.void,
          write_stdin: () => Effect.void,
          mine: () => Effect.void
        })
        return Effect.provide(codex.threadStart({ tools: toolkit }), handlers)
      }
      yield* named("other")
      assert.deepStrictEqual(warnings, [])
      yield* named("view_image")
      assert.strictEqual(warnings.length, 1)
      assert.include(String(warnings[0]), "Codex has its own tools named view_image.")
    }).pipe(Effect.provide(Logger.layer([logger])))
  })

  it.effect("may take classes of any name, and recursive Schemas", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      class Tree extends Schema.Class<Tree>("@app/tree of~100%")({
        name: Schema.String,
        children: Schema.Array(Schema.suspend((): Schema.Codec<Tree, TreeJson> => Tree))
      }) {}
      interface TreeJson {
        readonly name: string
        readonly children: ReadonlyArray<TreeJson>
      }
      const toolkit = Toolkit.make(Tool.make("count", { parameters: Tree, success: Schema.Int }))
      const count = ({ children }: Tree): number => 1 + children.reduce((sum, child) => sum + count(child), 0)
      const output = yield* Effect.gen(function*() {
        const thread = yield* codex.threadStart({ tools: toolkit })
        return yield* outputOf(thread, "count", { name: "a", children: [{ name: "b", children: [] }] })
      }).pipe(Effect.provide(toolkit.toLayer({ count: (tree) => Effect.succeed(count(tree)) })))
      assert.strictEqual(output, "2")
    }))

  it.effect("may be none", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart({ tools: Toolkit.empty })
      yield* model.enqueue(Reply.text("done"))
      assert.strictEqual((yield* thread.run("go")).finalResponse, "done")
    }))
})

describe("tools in namespaces", () => {
  it.live("are offered under its name, or found by searching", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart({ tools: customers })
      yield* model.enqueue(
        Reply.make([
          Item.raw({
            type: "tool_search_call",
            execution: "client",
            call_id: "search",
            status: "completed",
            arguments: { query: "customer" }
          })
        ]),
        Reply.functionCall({ name: "find", namespace: "crm", arguments: {} }),
        Reply.text("done")
      )
      yield* thread.run("go")
      const [first, second, third] = yield* model.requests
      assert.includeMembers([...first!.toolNames], ["crm.merge", "plain"])
      assert.notInclude(first!.toolNames, "crm.find")
      assert.deepInclude(offered(first!)("crm"), { type: "namespace", description: crm.description })
      assert.include(JSON.stringify(second!.inputItems("tool_search_output")), "Finds a customer by name")
      assert.strictEqual(third!.toolOutput(), "found")
      assert.strictEqual(yield* outputOf(thread, "merge", {}, "crm"), "merged")
      assert.strictEqual(yield* outputOf(thread, "plain"), "plain")
    }).pipe(Effect.provide([CustomersLayer, TestCodex.layer({ home: { model: "gpt-5.5" } })])))
})

/** A tool that says who answers. */
const answering = (answer: string) => {
  const toolkit = Toolkit.make(Tool.make("who", { success: Schema.String }))
  return { toolkit, layer: toolkit.toLayer({ who: () => Effect.succeed(answer) }) }
}
describe("tools of a stored thread", () => {
  const first = answering("the first process")
  const second = answering("the second process")

  it.live("are answered by the caller that resumes or forks it", () =>
    Effect.gen(function*() {
      const home = yield* CodexHome.CodexHome
      const process = Codex.layer({ cwd: home.workspace, env: home.env })
      const threadId = yield* Effect.gen(function*() {
        const codex = yield* Codex.Codex
        const thread = yield* codex.threadStart({ tools: first.toolkit })
        assert.strictEqual(yield* outputOf(thread, "who"), "the first process")
        return thread.id
      }).pipe(Effect.provide(Layer.merge(first.layer, process), { local: true }))
      yield* Effect.gen(function*() {
        const codex = yield* Codex.Codex
        const bare = yield* codex.threadFork(threadId)
        assert.strictEqual(yield* outputOf(bare, "who"), "No handler is registered for the tool who.")
        const fork = yield* codex.threadFork(threadId, { tools: second.toolkit })
        assert.strictEqual(yield* outputOf(fork, "who"), "the second process")
        const resumed = yield* codex.threadResume(threadId, { tools: second.toolkit })
        assert.strictEqual(yield* outputOf(resumed, "who"), "the second process")
        const inherited = yield* codex.threadFork(threadId)
        assert.strictEqual(yield* outputOf(inherited, "who"), "the second process")
      }).pipe(Effect.provide(Layer.merge(second.layer, process), { local: true }))
    }).pipe(Effect.provide(CodexHome.layer().pipe(Layer.provideMerge(ScriptedModel.layer())))))

  it.live("are answered after a restart of the server", () =>
    Effect.gen(function*() {
      const { codex, home } = yield* setup
      const thread = yield* codex.threadStart({ tools: first.toolkit })
      assert.strictEqual(yield* outputOf(thread, "who"), "the first process")
      const pid = yield* serverOf(home.codexHome)
      yield* restartServer
      assert.strictEqual(yield* outputOf(thread, "who"), "the first process")
      assert.notStrictEqual(yield* serverOf(home.codexHome), pid)
    }).pipe(
      Effect.provide([first.layer, TestCodex.layer({ client: { restart: Schedule.recurs(3) } })])
    ))
})

describe("programs without tools", () => {
  it.live("load of Effect's AI modules only the conversion of typed answers, and its imports", () =>
    Effect.gen(function*() {
      const program = `
        import { registerHooks } from "node:module"
        const urls = []
        registerHooks({ resolve: (specifier, context, next) => {
          const resolved = next(specifier, context)
          urls.push(resolved.url)
          return resolved
        } })
        await import("effect-codex")
        console.log(JSON.stringify([urls.length > 50, urls.flatMap((url) => url.split("/effect/dist/ai/")[1] ?? [])]))`
      const { stdout } = yield* Effect.promise(() =>
        promisify(execFile)(process.execPath, [
          "--conditions=@effect-codex/source",
          "--input-type=module",
          "--eval",
          program
        ], { cwd: import.meta.dirname })
      )
      const [loaded, modules] = JSON.parse(stdout)
      assert.isTrue(loaded)
      assert.deepStrictEqual(
        new Set(modules),
        new Set([
          "OpenAiStructuredOutput.js",
          "internal/structured-output.js",
          "Tool.js",
          "AiError.js"
        ])
      )
    }))
})

// ---------------------------------------------------------------------------------------------------------------------
// The compiler checks these types.
// ---------------------------------------------------------------------------------------------------------------------

const isTrue = <_ extends true>() => {}

export const types = Effect.gen(function*() {
  const codex = yield* Codex.Codex

  // The handlers are required, and what a tool says that each call requires.
  const start = codex.threadStart({ tools: counting })
  isTrue<Equals<Effect.Services<typeof start>, Tool.Handler<"count"> | Tool.Handler<"nothing"> | Tenant>>()
  const resume = codex.threadResume("id", { tools: counting })
  isTrue<Equals<Effect.Services<typeof resume>, Effect.Services<typeof start>>>()

  // With its handlers, a toolkit requires only the latter; beside other handlers, what these require too.
  const withHandlers = yield* Effect.provide(counting, CountingLayer)
  const fork = codex.threadFork("id", {
    tools: withHandlers,
    serverRequests: { "currentTime/read": () => Effect.as(Stock, { currentTimeAt: 0 }) }
  })
  isTrue<Equals<Effect.Services<typeof fork>, Tenant | Stock>>()

  // No tools, no requirements.
  const plain = codex.threadStart({ model: "gpt-5.4" })
  isTrue<Equals<Effect.Services<typeof plain>, never>>()
  return [start, resume, fork, plain]
})
