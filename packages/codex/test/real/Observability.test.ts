import { FakeAppServer, Gate, Item, Reply, TestCodex } from "@effect-codex/testing"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Codex, CodexError } from "effect-codex"
import { Tool, Toolkit } from "effect/ai"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as NetAddress from "effect/net/NetAddress"
import * as Otlp from "effect/observability/Otlp"
import * as OtlpExporter from "effect/observability/OtlpExporter"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Http from "node:http"
import { internalClient } from "../internals.ts"
import { serverOf, setup } from "./utils.ts"

// ---------------------------------------------------------------------------------------------------------------------
// A collector of OpenTelemetry
// ---------------------------------------------------------------------------------------------------------------------

const Value = Schema.Record(Schema.String, Schema.Unknown)
const Attributes = Schema.Array(Schema.Struct({ key: Schema.String, value: Value }))

const Traces = Schema.Struct({
  resourceSpans: Schema.Array(Schema.Struct({
    scopeSpans: Schema.Array(Schema.Struct({
      spans: Schema.Array(Schema.Struct({
        traceId: Schema.String,
        spanId: Schema.String,
        parentSpanId: Schema.optionalKey(Schema.String),
        name: Schema.String,
        kind: Schema.Int,
        attributes: Attributes,
        status: Schema.Struct({ code: Schema.optionalKey(Schema.Int), message: Schema.optionalKey(Schema.String) })
      }))
    }))
  }))
})

const Point = Schema.Struct({
  attributes: Attributes,
  asInt: Schema.optionalKey(Schema.Union([Schema.Finite, Schema.FiniteFromString])),
  asDouble: Schema.optionalKey(Schema.Finite)
})
const Points = Schema.optionalKey(Schema.Struct({ dataPoints: Schema.Array(Point) }))

const Metrics = Schema.Struct({
  resourceMetrics: Schema.Array(Schema.Struct({
    scopeMetrics: Schema.Array(Schema.Struct({
      metrics: Schema.Array(Schema.Struct({ name: Schema.String, sum: Points, gauge: Points }))
    }))
  }))
})

const attributesOf = (attributes: typeof Attributes.Type): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

/** The exports of this program and of the app-server. */
class Collector extends Context.Service<Collector, {
  readonly url: string
  /** Everything, as it came. */
  readonly bodies: ReadonlyArray<readonly [path: string, body: string]>
}>()("test/Collector") {
  static readonly layer = Layer.effect(
    Collector,
    Effect.gen(function*() {
      const bodies: Array<readonly [string, string]> = []
      const server = yield* NodeHttpServer.make(() => Http.createServer(), { host: "127.0.0.1", port: 0 })
      yield* server.serve(Effect.gen(function*() {
        const request = yield* HttpServerRequest.HttpServerRequest
        bodies.push([request.url, yield* request.text])
        return HttpServerResponse.jsonUnsafe({})
      })).pipe(Effect.provideService(HttpMiddleware.TracerDisabledWhen, () => true))
      return { url: NetAddress.formatUrlUnsafe(server.address).replace(/\/$/, ""), bodies }
    })
  )

  private static readonly of_ = <S extends Schema.Codec<unknown, unknown>>(path: string, schema: S) =>
    Collector.useSync(({ bodies }) =>
      bodies.filter(([url]) => url === path).map(([, body]) =>
        Schema.decodeUnknownSync(Schema.fromJsonString(schema))(body) as S["Type"]
      )
    )

  /** The spans so far, with their attributes as a record. */
  static readonly spans = Effect.map(
    Collector.of_("/v1/traces", Traces),
    (traces) =>
      traces.flatMap(({ resourceSpans }) => resourceSpans).flatMap(({ scopeSpans }) => scopeSpans).flatMap((
        { spans }
      ) => spans.map((span) => ({ ...span, attributes: attributesOf(span.attributes) })))
  )

  /** The last value of a metric's series with these attributes. */
  static readonly metric = (name: string, attributes: Record<string, unknown> = {}) =>
    Effect.map(
      Collector.of_("/v1/metrics", Metrics),
      (metrics) =>
        metrics.flatMap(({ resourceMetrics }) => resourceMetrics).flatMap(({ scopeMetrics }) => scopeMetrics)
          .flatMap(({ metrics }) => metrics).filter((metric) => metric.name === name)
          .flatMap(({ gauge, sum }) => (sum ?? gauge)?.dataPoints ?? [])
          .filter((point) => {
            const actual = attributesOf(point.attributes)
            return Object.entries(attributes).every(([key, value]) => actual[key] === value)
          })
          .map(({ asDouble, asInt }) => asInt ?? asDouble)
          .at(-1)
    )
}

/** Exports what is observed, with metrics of its own. */
const exporter = Layer.unwrap(Collector.useSync(({ url }) =>
  Otlp.layerJson({
    baseUrl: url,
    resource: { serviceName: "test" },
    tracerExportInterval: "1 hour",
    metricsExportInterval: "1 hour",
    loggerExportInterval: "1 hour"
  })
)).pipe(
  Layer.provide(FetchHttpClient.layer),
  Layer.provideMerge(Layer.sync(Metric.MetricRegistry, () => new Map())),
  Layer.provideMerge(Collector.layer)
)

/** Hands over what was observed. */
const flush = Effect.flatMap(OtlpExporter.Flusher, (flusher) => flusher.flush)

type Spans = Effect.Success<typeof Collector.spans>

const only = (spans: Spans, name: string, method?: string): Spans[number] => {
  const found = spans.filter((span) =>
    span.name === name && (method === undefined || span.attributes["rpc.method"] === method)
  )
  assert.lengthOf(found, 1, `${name} ${method ?? ""} among ${spans.map(({ name }) => name).join(", ")}`)
  return found[0]!
}

// The numbers of OpenTelemetry.
const [server, client] = [2, 3]
const [ok, error] = [1, 2]

const weather = Toolkit.make(
  Tool.make("weather", { parameters: Schema.Struct({ city: Schema.String }), success: Schema.String })
)
const WeatherLayer = weather.toLayer({
  weather: ({ city }) => Effect.succeed(`rain in ${city}`).pipe(Effect.withSpan("look outside"))
})

describe("spans", () => {
  it.live("cover a turn, its requests, the server's requests, and the server's own work", () =>
    Effect.gen(function*() {
      const { url } = yield* Collector
      // Codex exports by itself what it does, to the same collector; the rest of it when it ends.
      const otel = {
        exporter: "none",
        trace_exporter: { "otlp-http": { endpoint: `${url}/v1/traces`, protocol: "json" } }
      }
      const { threadId, turnId } = yield* Effect.gen(function*() {
        const { codex, model } = yield* setup
        yield* model.enqueue(
          Reply.functionCall({ name: "weather", callId: "call-1", arguments: { city: "Bergen" } }, {
            usage: { inputTokens: 10, cachedInputTokens: 4, outputTokens: 1, reasoningOutputTokens: 1 }
          }),
          Reply.text("Take an umbrella.", { usage: { inputTokens: 20, outputTokens: 2 } })
        )
        const thread = yield* codex.threadStart({ tools: weather })
        const { id } = yield* thread.run("How is it outside?")
        return { threadId: thread.id, turnId: id }
      }).pipe(
        Effect.withSpan("app"),
        Effect.provide(Layer.merge(WeatherLayer, TestCodex.layer({ home: { config: { otel } } })))
      )
      yield* flush
      const spans = yield* Collector.spans

      const app = only(spans, "app")
      const threadStart = only(spans, "codex.request", "thread/start")
      assert.deepInclude(threadStart, { kind: client, parentSpanId: app.spanId, traceId: app.traceId })
      assert.deepStrictEqual(threadStart.status.code, ok)
      assert.deepStrictEqual(threadStart.attributes, { "rpc.system.name": "jsonrpc", "rpc.method": "thread/start" })

      const turn = only(spans, "codex.turn")
      assert.deepInclude(turn, { kind: client, parentSpanId: app.spanId, traceId: app.traceId })
      assert.strictEqual(turn.status.code, ok)
      assert.deepInclude(turn.attributes, {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "codex",
        "gen_ai.provider.name": "scripted",
        "gen_ai.request.model": "mock-model",
        "gen_ai.conversation.id": threadId,
        "codex.turn.id": turnId,
        "codex.turn.status": "completed"
      })
      // Of both requests to the model.
      const used = {
        "gen_ai.usage.input_tokens": "30",
        "gen_ai.usage.cache_read.input_tokens": "4",
        "gen_ai.usage.output_tokens": "3",
        "gen_ai.usage.reasoning.output_tokens": "1"
      }
      for (const [name, value] of Object.entries(used)) assert.strictEqual(String(turn.attributes[name]), value, name)

      const turnStart = only(spans, "codex.request", "turn/start")
      assert.deepInclude(turnStart, { kind: client, parentSpanId: turn.spanId, traceId: app.traceId })

      const asked = only(spans, "codex.server_request")
      assert.deepInclude(asked, { kind: server, parentSpanId: turn.spanId, traceId: app.traceId })
      assert.deepStrictEqual(asked.attributes, {
        "rpc.system.name": "jsonrpc",
        "rpc.method": "item/tool/call",
        "gen_ai.conversation.id": threadId,
        "codex.turn.id": turnId,
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "weather",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "call-1",
        tool: "weather"
      })
      assert.strictEqual(only(spans, "look outside").parentSpanId, asked.spanId)

      // The server goes on with the trace that the request brought.
      const serving = spans.filter(({ parentSpanId }) => parentSpanId === turnStart.spanId)
      assert.isNotEmpty(serving)
      for (const span of serving) assert.strictEqual(span.traceId, app.traceId)
    }).pipe(Effect.provide(exporter)))

  it.live("tell how turns and requests end that do not succeed", () =>
    Effect.gen(function*() {
      const ids = yield* Effect.gen(function*() {
        const { codex, model } = yield* setup
        const gate = yield* Gate.make
        const failing = yield* codex.threadStart()
        yield* model.enqueue(Reply.failed({ code: "server_is_overloaded", message: "try later" }))
        yield* Effect.flip(failing.run("fail"))

        const interrupted = yield* codex.threadStart()
        yield* model.enqueue(Reply.message({ deltas: ["one", gate] }))
        const running = yield* Effect.forkChild(interrupted.run("stop"))
        yield* gate.arrived
        yield* Fiber.interrupt(running)

        const unknown = codex.thread("019a0000-0000-7000-8000-000000000000")
        yield* Effect.flip(unknown.run("nobody"))
        return { failing: failing.id, interrupted: interrupted.id, unknown: unknown.id }
      }).pipe(Effect.provide(TestCodex.layer()))
      yield* flush
      const spans = yield* Collector.spans
      const turnOf = (threadId: string) =>
        spans.filter(({ attributes, name }) =>
          name === "codex.turn" && attributes["gen_ai.conversation.id"] === threadId
        )[0]!

      const failed = turnOf(ids.failing)
      assert.strictEqual(failed.status.code, error)
      assert.deepInclude(failed.attributes, { "codex.turn.status": "failed", "error.type": "serverOverloaded" })

      const interrupted = turnOf(ids.interrupted)
      assert.strictEqual(interrupted.status.code, ok)
      assert.deepInclude(interrupted.attributes, { "codex.turn.status": "interrupted" })

      const unknown = turnOf(ids.unknown)
      assert.strictEqual(unknown.status.code, error)
      assert.deepInclude(unknown.attributes, { "error.type": "ThreadNotFound" })
      assert.notProperty(unknown.attributes, "gen_ai.request.model")
      const refused = spans.filter(({ parentSpanId }) => parentSpanId === unknown.spanId)[0]!
      assert.strictEqual(refused.status.code, error)
      assert.deepInclude(refused.attributes, { "error.type": "ThreadNotFound", "rpc.response.status_code": "-32600" })

      assert.strictEqual(yield* Collector.metric("codex.turns", { status: "failed" }), 1)
      assert.strictEqual(yield* Collector.metric("codex.turns", { status: "interrupted" }), 1)
      assert.strictEqual(
        yield* Collector.metric("codex.requests", { "rpc.method": "turn/start", outcome: "ThreadNotFound" }),
        1
      )
    }).pipe(Effect.provide(exporter)))
})

describe("metrics", () => {
  it.live("count requests, turns, tokens and the server's requests", () =>
    Effect.gen(function*() {
      yield* Effect.gen(function*() {
        const { codex, model } = yield* setup
        const gate = yield* Gate.make
        yield* model.enqueue(
          Reply.make([Item.functionCall({ name: "weather", arguments: { city: "Bergen" } }), gate], {
            usage: { inputTokens: 10, cachedInputTokens: 4, outputTokens: 3, reasoningOutputTokens: 1 }
          }),
          Reply.text("one", { usage: { inputTokens: 20, outputTokens: 2 } }),
          Reply.text("two", { usage: { inputTokens: 30, outputTokens: 1 } })
        )
        const thread = yield* codex.threadStart({ tools: weather })
        const both = yield* Effect.forkChild(
          Effect.all([thread.run("one"), thread.run("two")], { concurrency: 2 }),
          { startImmediately: true }
        )
        yield* gate.arrived
        yield* flush
        assert.strictEqual(yield* Collector.metric("codex.turns.active"), 1)
        assert.strictEqual(yield* Collector.metric("codex.turns.waiting"), 1)
        yield* gate.open
        yield* Fiber.join(both)
      }).pipe(Effect.provide(Layer.merge(WeatherLayer, TestCodex.layer())))
      yield* flush
      const expected = [
        ["codex.requests", { "rpc.method": "initialize", outcome: "success" }, 1],
        ["codex.requests", { "rpc.method": "thread/start", outcome: "success" }, 1],
        ["codex.requests", { "rpc.method": "turn/start", outcome: "success" }, 2],
        ["codex.server_requests", { "rpc.method": "item/tool/call", outcome: "success" }, 1],
        ["codex.turns", { status: "completed", "gen_ai.request.model": "mock-model" }, 2],
        ["codex.turns.active", {}, 0],
        ["codex.turns.waiting", {}, 0],
        ["codex.tokens", { "gen_ai.token.type": "input", "gen_ai.request.model": "mock-model" }, 60],
        ["codex.tokens", { "gen_ai.token.type": "cached_input" }, 4],
        ["codex.tokens", { "gen_ai.token.type": "output" }, 6],
        ["codex.tokens", { "gen_ai.token.type": "reasoning_output" }, 1],
        ["codex.bad_lines", {}, undefined],
        ["codex.restarts", {}, undefined]
      ] as const
      for (const [name, attributes, value] of expected) {
        assert.strictEqual(yield* Collector.metric(name, attributes), value, `${name} ${JSON.stringify(attributes)}`)
      }
    }).pipe(Effect.provide(exporter)))

  it.live("count restarts, and turns whose end did not arrive", () =>
    Effect.gen(function*() {
      yield* Effect.gen(function*() {
        const { codex, home, model } = yield* setup
        const gate = yield* Gate.make
        const thread = yield* codex.threadStart()
        yield* model.enqueue(Reply.message({ deltas: ["one", gate] }))
        const running = yield* Effect.forkChild(Effect.flip(thread.run("go")))
        yield* gate.arrived
        const pid = yield* serverOf(home.codexHome)
        yield* Effect.sync(() => process.kill(pid, "SIGKILL"))
        yield* codex.client.closed
        assert.strictEqual((yield* Fiber.join(running))._tag, "CodexConnectionError")
        assert.strictEqual(yield* (yield* internalClient).connected, 2)
      }).pipe(Effect.provide(TestCodex.layer({ client: { restart: Schedule.recurs(3) } })))
      yield* flush
      assert.strictEqual(yield* Collector.metric("codex.restarts"), 1)
      assert.strictEqual(yield* Collector.metric("codex.turns", { status: "lost" }), 1)
      assert.strictEqual(yield* Collector.metric("codex.turns.active"), 0)
      const turn = only(yield* Collector.spans, "codex.turn")
      assert.deepInclude(turn.attributes, { "codex.turn.status": "lost", "error.type": "CodexConnectionError" })
    }).pipe(Effect.provide(exporter)))

  it.live("count bad lines", () =>
    Effect.gen(function*() {
      yield* Effect.gen(function*() {
        const codex = yield* Codex.Codex
        const server = yield* FakeAppServer.FakeAppServer
        yield* server.write("not json\n[]\n{}\n")
        // The answer comes after them.
        yield* codex.threadStart()
      }).pipe(Effect.provide(FakeAppServer.layerCodex()))
      yield* flush
      assert.strictEqual(yield* Collector.metric("codex.bad_lines"), 3)
    }).pipe(Effect.provide(exporter)))
})

describe("prompts, answers and keys", () => {
  it.live("are in no span, metric or log", () =>
    Effect.gen(function*() {
      const secrets = {
        prompt: "the-secret-prompt",
        answer: "the-secret-answer",
        argument: "the-secret-argument",
        output: "the-secret-output",
        key: "sk-the-secret-key",
        environment: "the-secret-environment"
      }
      const toolkit = Toolkit.make(
        Tool.make("tell", { parameters: Schema.Struct({ what: Schema.String }), success: Schema.String })
      )
      yield* Effect.gen(function*() {
        const { codex, model } = yield* setup
        yield* model.enqueue(
          Reply.functionCall({ name: "tell", arguments: { what: secrets.argument } }),
          Reply.functionCall({ name: "tell", arguments: { what: [secrets.argument] } }),
          Reply.text(secrets.answer)
        )
        const thread = yield* codex.threadStart({ tools: toolkit, developerInstructions: secrets.prompt })
        yield* thread.run(secrets.prompt)
        yield* codex.loginApiKey(Redacted.make(secrets.key))
        yield* thread.setName(secrets.prompt)
        const wrong = yield* Effect.flip(thread.run(secrets.prompt, { output: Schema.Int }))
        assert.isTrue(Schema.is(CodexError.CodexError)(wrong))
      }).pipe(
        Effect.withSpan("app"),
        Effect.provide(Layer.merge(
          toolkit.toLayer({ tell: () => Effect.succeed(secrets.output) }),
          TestCodex.layer({
            script: { respond: () => Reply.text(secrets.answer) },
            client: { env: { SECRET: Redacted.make(secrets.environment) } }
          })
        ))
      )
      yield* flush
      const spans = yield* Collector.spans
      assert.isAtLeast(spans.filter(({ name }) => name === "codex.server_request").length, 2)
      const { bodies } = yield* Collector
      assert.includeMembers(bodies.map(([path]) => path), ["/v1/traces", "/v1/metrics"])
      for (const [path, body] of bodies) {
        for (const [name, secret] of Object.entries(secrets)) assert.notInclude(body, secret, `${name} in ${path}`)
      }
    }).pipe(Effect.provide(exporter)))
})

describe("logs", () => {
  it.live("of a handler carry the thread, the turn and the tool", () =>
    Effect.gen(function*() {
      const toolkit = Toolkit.make(Tool.make("log"))
      const ids = yield* Effect.gen(function*() {
        const { codex, model } = yield* setup
        yield* model.enqueue(Reply.functionCall({ name: "log", callId: "call-1", arguments: {} }), Reply.text("done"))
        const thread = yield* codex.threadStart({ tools: toolkit })
        const { id } = yield* thread.run("go")
        return { threadId: thread.id, turnId: id }
      }).pipe(Effect.provide(Layer.merge(
        toolkit.toLayer({ log: () => Effect.logInfo("in the handler") }),
        TestCodex.layer()
      )))
      yield* flush
      const { bodies } = yield* Collector
      const log = bodies.filter(([path]) => path === "/v1/logs").map(([, body]) => body).join("")
      assert.include(log, "in the handler")
      for (
        const [key, value] of [
          ["codex.thread.id", ids.threadId],
          ["codex.turn.id", ids.turnId],
          ["gen_ai.tool.name", "log"],
          ["gen_ai.tool.call.id", "call-1"]
        ]
      ) assert.include(log, `{"key":"${key}","value":{"stringValue":"${value}"}}`)
    }).pipe(Effect.provide(exporter)))

  it.live("contain the server's standard error at debug level", () =>
    Effect.gen(function*() {
      const speak = setup.pipe(
        Effect.flatMap(({ codex }) => codex.threadStart()),
        Effect.provide(TestCodex.layer({ client: { env: { RUST_LOG: "codex_models_manager=info" } } }))
      )
      const said = `{"key":"codex.stream","value":{"stringValue":"stderr"}}`
      const logs = Effect.andThen(
        flush,
        Collector.useSync(({ bodies }) => bodies.flatMap(([path, body]) => path === "/v1/logs" ? [body] : []).join(""))
      )
      yield* speak
      assert.notInclude(yield* logs, said)
      yield* Effect.provideService(speak, References.MinimumLogLevel, "Debug")
      assert.include(yield* logs, said)
    }).pipe(Effect.provide(exporter)))
})
