import { FakeAppServer } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex, type CodexClient } from "effect-codex"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Tracer from "effect/Tracer"

/** The trace context that the server receives with a request in a span. */
const traceOf = <E>(request: Effect.Effect<unknown, E, Codex.Codex>) =>
  Effect.gen(function*() {
    const server = yield* FakeAppServer.FakeAppServer
    yield* request
    return (yield* server.awaitRequest("model/list")).message["trace"]
  }).pipe(Effect.withSpan("test"), Effect.provide(FakeAppServer.layerCodex()))

const models = Codex.Codex.use(({ client }) => client.request("model/list", {}))

/** A tracer that somebody has installed. */
const tracer = Tracer.make({ span: (options) => Tracer.nativeTracer.span(options) })

describe("the trace of a request", () => {
  it.effect("carries the sampling decision", () =>
    Effect.gen(function*() {
      const traces = {
        yes: yield* traceOf(models),
        no: yield* traceOf(Effect.provideService(models, Tracer.MinimumTraceLevel, "None"))
      }
      assert.match(JSON.stringify(traces.yes), /"traceparent":"00-[0-9a-f]{32}-[0-9a-f]{16}-01"/)
      assert.notMatch(JSON.stringify(traces.no) ?? "", /-01"/)
    }).pipe(Effect.provideService(Tracer.Tracer, tracer)))

  it.effect("stays at home when that is wanted", () =>
    Effect.gen(function*() {
      assert.isUndefined(yield* traceOf(Effect.provideService(models, Tracer.DisablePropagation, true)))
    }))

  it.effect("is that of the current span where no tracer would show one of the request, or none", () =>
    Effect.gen(function*() {
      const traced = Effect.useSpan(
        "current",
        (span) => Effect.map(traceOf(Effect.withParentSpan(models, span)), (trace) => ({ span, trace }))
      )
      const { span, trace } = yield* traced
      assert.deepStrictEqual(trace, { traceparent: `00-${span.traceId}-${span.spanId}-01` })
      const own = yield* Effect.provideService(traced, Tracer.Tracer, tracer)
      assert.include(JSON.stringify(own.trace), own.span.traceId)
      assert.notInclude(JSON.stringify(own.trace), own.span.spanId)
      assert.isUndefined(yield* traceOf(Effect.updateContext(models, Context.omit(Tracer.ParentSpan))))
    }))
})

describe("log lines", () => {
  it.effect("go to standard error where that is wanted", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const write = (stream: string) => (...line: ReadonlyArray<unknown>) =>
        void lines.push(`${stream} ${line.join(" ")}`)
      yield* Effect.gen(function*() {
        const server = yield* FakeAppServer.FakeAppServer
        yield* server.write("no JSON\n")
        yield* models
      }).pipe(
        Effect.provide(FakeAppServer.layerCodex()),
        Effect.provideService(Logger.LogToStderr, true),
        Effect.provideService(Console.Console, { ...console, log: write("out"), error: write("err") }),
        Effect.provide(Logger.layer([Logger.defaultLogger]))
      )
      assert.lengthOf(lines, 1)
      assert.match(lines[0]!, /^err .*bad lines so far/)
    }))
})

describe("metrics", () => {
  it.effect("have one value for all methods that the protocol does not name", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const { client } = yield* Codex.Codex
      for (let index = 0; index < 50; index++) {
        yield* Effect.flip(server.ask(`unknown/${index}`, {}))
        yield* Effect.flip(client.request(`unknown/${index}` as CodexClient.Method, {}))
      }
      const methods = (yield* Metric.snapshot).map(({ attributes }) => attributes?.["rpc.method"])
      assert.include(methods, "_OTHER")
      assert.isEmpty(methods.filter((method) => String(method).startsWith("unknown/")))
    }).pipe(Effect.provide(FakeAppServer.layerCodex()), Effect.provideService(Metric.MetricRegistry, new Map())))
})
