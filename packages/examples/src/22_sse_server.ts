/**
 * An HTTP server that streams answers as server-sent events. A client that disconnects interrupts its turn.
 *
 * The response has begun, with status 200, before the turn can fail: so the last event says how the turn ended,
 * `turn/completed` or `failed`.
 *
 *     curl -N "http://127.0.0.1:3000/ask?question=hello"
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex, type Notification } from "effect-codex"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Sse from "effect/encoding/Sse"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { createServer } from "node:http"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const Query = Schema.Struct({ question: Schema.NonEmptyString })

const sse = (event: string, data: unknown) => ({
  _tag: "Event" as const,
  id: undefined,
  event,
  data: JSON.stringify(data)
})

const toSse = (event: Notification.Notification) =>
  event.method === "turn/completed" && event.params.turn.status === "failed"
    ? sse("failed", event.params.turn.error)
    : sse(event.method, event.raw)

const ask = HttpRouter.add(
  "GET",
  "/ask",
  Effect.gen(function*() {
    const codex = yield* Codex.Codex
    const { question } = yield* HttpServerRequest.schemaSearchParams(Query)
    const thread = yield* codex.threadStart({ sandbox: "readOnly", ephemeral: true })
    const events = thread.stream(question).pipe(
      Stream.map(toSse),
      // The turn could not be started, or the connection to the server was lost.
      Stream.catch(({ message }) => Stream.succeed(sse("failed", { message }))),
      Stream.pipeThroughChannel(Sse.encode()),
      Stream.encodeText
    )
    return HttpServerResponse.stream(events, { contentType: "text/event-stream" })
  })
)

const server = Effect.gen(function*() {
  const port = yield* Config.withDefault(Config.Int("PORT"), 3000)
  return NodeHttpServer.layer(createServer, { host: "127.0.0.1", port })
}).pipe(Layer.unwrap)

HttpRouter.serve(ask).pipe(
  Layer.provide(server),
  Layer.provide(ExampleCodex.layer()),
  Layer.launch,
  NodeRuntime.runMain
)
