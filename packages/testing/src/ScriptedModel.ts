/**
 * A model that says what the test tells it to: an HTTP endpoint on the loopback interface that speaks the Responses API,
 * for the real codex binary to talk to. No network, no account, no key.
 *
 * ```ts
 * const model = yield* ScriptedModel.ScriptedModel
 * yield* model.enqueue(Reply.text("hello"))
 * // ... run a turn against a codex whose provider has the base URL model.url: see CodexHome ...
 * const request = yield* model.awaitRequest(0)
 * assert.strictEqual(request.lastUserText, "Say hello")
 * ```
 *
 * **How many requests?** Seen with codex 0.169, configured by `CodexHome` (no retries):
 *
 * - Nothing before the first turn; not even the list of models is asked for.
 * - A turn asks once. After each reply that calls tools it asks once more, with the outputs of all the calls; a call of
 *   a tool that does not exist is answered to the model (`unsupported call: name`) and the turn goes on.
 * - A steered turn asks once more. The reply under way is broken off, as soon as it has begun, and what was no complete
 *   item by then is lost. An interrupted turn closes its connection too: `request.outcome` is then `aborted`.
 * - Compaction asks once (`request.kind` is `compaction`), and the reply's text is the summary. A turn of a thread that
 *   ran out of context (`context_length_exceeded`) compacts first, and so asks twice.
 * - With the reviewer `auto_review`, each approval is one more request, of a thread of its own, with an
 *   `outputFormat`; `Reply.text(`{"outcome":"allow"}`)` or `"deny"` answers it.
 *
 * **What a model may call** depends on its name: a name that the binary does not know, like `mock-model`, has
 * `exec_command` but no `apply_patch`. See `request.toolNames`, and the option `model` of `CodexHome`.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Http from "node:http"
import * as events from "./internal/events.ts"
import { decodeBody, ModelRequest, type Outcome } from "./ModelRequest.ts"
import * as Reply from "./Reply.ts"
import type * as Step from "./Step.ts"

/** What the service offers. */
export interface Service {
  /** The base URL of the model provider, e.g. `http://127.0.0.1:40123/v1`. */
  readonly url: string
  /** Appends replies to the script. Each answers one request, in the order in which requests arrive. */
  readonly enqueue: (...replies: ReadonlyArray<Reply.Reply>) => Effect.Effect<void>
  /** How many enqueued replies nobody has asked for yet. */
  readonly pending: Effect.Effect<number>
  /** The requests so far. */
  readonly requests: Effect.Effect<ReadonlyArray<ModelRequest>>
  /** Forgets the requests so far; the next one has the number 0. For tests so long that they would fill the memory. */
  readonly clear: Effect.Effect<void>
  /** The request of that number, counted from 0; waits until it has arrived. */
  readonly awaitRequest: (index: number) => Effect.Effect<ModelRequest>
  /** Every request, from the first one on, as they arrive. It does not end. */
  readonly stream: Stream.Stream<ModelRequest>
  /**
   * Serves these bytes under `/files/<name>` and returns the URL. The type is guessed from the name's extension.
   *
   * Codex 0.169 refuses the URL of a remote image as an input; older ones pass it on to the model.
   */
  readonly file: (name: string, bytes: Uint8Array) => Effect.Effect<string>
}

/** The scripted model, as a service. */
export class ScriptedModel extends Context.Service<ScriptedModel, Service>()("@effect-codex/testing/ScriptedModel") {}

/** What the model says. */
export interface Script {
  /** The first replies: see {@link Service.enqueue}. */
  readonly replies?: ReadonlyArray<Reply.Reply>
  /**
   * Answers a request when no enqueued reply is left: `(request) => Reply.text(request.lastUserText ?? "")` is an echo
   * that serves any number of threads. By default such a request gets HTTP 500 with a body that says so.
   */
  readonly respond?: (request: ModelRequest) => Reply.Reply
}

interface State {
  readonly requests: ReadonlyArray<ModelRequest>
  readonly replies: ReadonlyArray<Reply.Reply>
}

/**
 * Starts the model on a free port of the loopback interface. It ends with the scope, at once: replies that wait at a gate
 * or hang are dropped together with their connections.
 */
export const make: (script?: Script) => Effect.Effect<Service, HttpServerError.ServeError, Scope.Scope> = Effect
  .fnUntraced(function*(script: Script = {}) {
    const state = yield* SubscriptionRef.make<State>({ requests: [], replies: script.replies ?? [] })
    const files = new Map<string, Uint8Array>()

    const answer = Effect.fnUntraced(function*(http: HttpServerRequest.HttpServerRequest, path: string) {
      const body = yield* Effect.flatMap(http.text, decodeBody)
      const outcome = yield* Deferred.make<Outcome>()
      const [request, scripted] = yield* SubscriptionRef.modify(state, ({ replies, requests }) => {
        const request = new ModelRequest({
          index: requests.length,
          path,
          headers: { ...http.headers },
          body,
          outcome: Deferred.await(outcome)
        })
        return [[request, replies[0]] as const, {
          requests: [...requests, request],
          replies: replies.slice(1)
        }]
      })
      const reply = scripted ?? (script.respond ?? unscripted)(request)
      const end = (exit: Exit.Exit<unknown, unknown>) =>
        Deferred.succeed(outcome, Exit.isSuccess(exit) ? "answered" : "aborted")
      const perform = (step: Step.Step): Effect.Effect<void> => {
        switch (step._tag) {
          case "Gate":
            return step.pass
          case "Delay":
            return Effect.sleep(step.duration)
          case "Hang":
            return Effect.never
          case "Cut":
            return Effect.andThen(
              Effect.sync(() => NodeHttpServerRequest.toServerResponse(http).socket?.destroySoon()),
              Effect.never
            )
        }
      }
      // A handler is uninterruptible by itself, the stream of its response is not.
      yield* Effect.forEach(reply.before, perform, { discard: true }).pipe(
        Effect.interruptible,
        Effect.onError((cause) => end(Exit.failCause(cause)))
      )
      if (reply._tag === "HttpError") {
        yield* end(Exit.void)
        return HttpServerResponse.text(reply.body, { status: reply.status, headers: reply.headers })
      }
      const stream = Stream.fromArray(events.frames(reply, request.index)).pipe(
        Stream.flatMap((frame) =>
          typeof frame === "string" ? Stream.succeed(encoder.encode(frame)) : Stream.fromEffectDrain(perform(frame))
        ),
        Stream.onExit(end)
      )
      return HttpServerResponse.stream(stream, { contentType: "text/event-stream" })
    })

    const app = Effect.gen(function*() {
      const http = yield* HttpServerRequest.HttpServerRequest
      const path = new URL(http.url, "http://localhost").pathname
      if (http.method === "POST" && path.endsWith("/responses")) return yield* answer(http, path)
      if (http.method === "GET" && path.endsWith("/models")) {
        return HttpServerResponse.jsonUnsafe({ object: "list", data: [], models: [] })
      }
      const file = files.get(path)
      return file === undefined
        ? HttpServerResponse.text(`The scripted model has nothing at ${http.method} ${path}.`, { status: 404 })
        : HttpServerResponse.uint8Array(file, { contentType: contentType(path) })
    }).pipe(
      Effect.catchTag("SchemaError", (error) =>
        Effect.succeed(
          HttpServerResponse.text(`The scripted model does not understand this request: ${error.message}`, {
            status: 400
          })
        ))
    )

    const node = Http.createServer()
    const server = yield* NodeHttpServer.make(() => node, { host: "127.0.0.1", port: 0 })
    yield* server.serve(app).pipe(Effect.provideService(HttpMiddleware.TracerDisabledWhen, () => true))
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        node.close()
        node.closeAllConnections()
      })
    )

    const origin = NetAddress.formatUrlUnsafe(server.address).replace(/\/$/, "")
    const requests = SubscriptionRef.changes(state).pipe(Stream.map((state) => state.requests))
    return ScriptedModel.of({
      url: `${origin}/v1`,
      enqueue: (...replies) =>
        SubscriptionRef.update(state, (state) => ({ ...state, replies: [...state.replies, ...replies] })),
      pending: Effect.map(SubscriptionRef.get(state), (state) => state.replies.length),
      requests: Effect.map(SubscriptionRef.get(state), (state) => state.requests),
      clear: SubscriptionRef.update(state, (state) => ({ ...state, requests: [] })),
      awaitRequest: (index) =>
        requests.pipe(
          Stream.filter((requests) => requests.length > index),
          Stream.runHead,
          Effect.map((requests) => Option.getOrThrow(requests)[index]!)
        ),
      stream: requests.pipe(
        Stream.mapAccum(
          () => 0,
          (seen, requests) => [requests.length, requests.slice(seen > requests.length ? 0 : seen)] as const
        )
      ),
      file: (name, bytes) =>
        Effect.sync(() => {
          const url = new URL(`/files/${encodeURIComponent(name)}`, origin)
          files.set(url.pathname, bytes)
          return url.href
        })
    })
  })

/**
 * The model as a Layer: see {@link make}.
 *
 * ```ts
 * const echo = ScriptedModel.layer({ respond: (request) => Reply.text(request.lastUserText ?? "") })
 * ```
 */
export const layer = (script?: Script): Layer.Layer<ScriptedModel, HttpServerError.ServeError> =>
  Layer.effect(ScriptedModel, make(script))

const encoder = new TextEncoder()

const unscripted = (request: ModelRequest): Reply.Reply =>
  Reply.httpError(
    500,
    `The scripted model has no reply left for request ${request.index} (model ${request.model}, last user text ${
      JSON.stringify(request.lastUserText ?? null)
    }). Enqueue one, or give it the option "respond".`
  )

const contentTypes: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  mp3: "audio/mpeg",
  wav: "audio/wav",
  txt: "text/plain; charset=utf-8",
  json: "application/json"
}

const contentType = (path: string): string =>
  contentTypes[path.slice(path.lastIndexOf(".") + 1).toLowerCase()] ?? "application/octet-stream"
