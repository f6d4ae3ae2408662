import { FakeAppServer } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"

/** What the server is told of the trace, with a request that is made in a span. */
const traceOf = <E>(request: Effect.Effect<unknown, E, Codex.Codex>) =>
  Effect.gen(function*() {
    const server = yield* FakeAppServer.FakeAppServer
    yield* request
    return (yield* server.awaitRequest("model/list")).message["trace"]
  }).pipe(Effect.withSpan("test"), Effect.provide(FakeAppServer.layerCodex()))

const models = Codex.Codex.use(({ client }) => client.request("model/list", {}))

describe("the trace of a request", () => {
  it.effect("says whether it is sampled", () =>
    Effect.gen(function*() {
      const traces = {
        yes: yield* traceOf(models),
        no: yield* traceOf(Effect.provideService(models, Tracer.MinimumTraceLevel, "None"))
      }
      assert.match(JSON.stringify(traces.yes), /"traceparent":"00-[0-9a-f]{32}-[0-9a-f]{16}-01"/)
      assert.notMatch(JSON.stringify(traces.no) ?? "", /-01"/)
    }))

  it.effect("stays at home when that is wanted", () =>
    Effect.gen(function*() {
      assert.isUndefined(yield* traceOf(Effect.provideService(models, Tracer.DisablePropagation, true)))
    }))
})
