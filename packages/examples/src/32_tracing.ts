/**
 * Spans and metrics, exported to OpenTelemetry. They go to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names. If it is
 * not set, a small collector in this program prints them.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Otlp from "effect/observability/Otlp"
import * as Option from "effect/Option"
import * as Http from "node:http"
import * as ExampleCodex from "./shared/ExampleCodex.ts"
import { describeExport } from "./shared/otlp.ts"

/** Starts a collector that prints what it receives. */
const printer = Effect.gen(function*() {
  const server = yield* NodeHttpServer.make(() => Http.createServer(), { host: "127.0.0.1", port: 0 })
  yield* server.serve(Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    for (const line of describeExport(yield* request.json)) yield* Console.log(line)
    return HttpServerResponse.empty()
  })).pipe(Effect.provideService(HttpMiddleware.TracerDisabledWhen, () => true))
  return NetAddress.formatUrlUnsafe(server.address)
})

const exporter = Layer.unwrap(Effect.gen(function*() {
  const endpoint = yield* Config.option(Config.String("OTEL_EXPORTER_OTLP_ENDPOINT"))
  return Otlp.layerJson({
    baseUrl: Option.isSome(endpoint) ? endpoint.value : yield* printer,
    resource: { serviceName: "my-agent" }
  })
})).pipe(Layer.provide(FetchHttpClient.layer))

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  const { finalResponse } = yield* thread.run("Say hello in one sentence.")
  yield* Console.log(`${finalResponse}\n`)
}).pipe(Effect.withSpan("my program"))

// The exporter is below Codex, so it also sees handlers and background work.
program.pipe(Effect.provide(ExampleCodex.layer().pipe(Layer.provideMerge(exporter))), NodeRuntime.runMain)
