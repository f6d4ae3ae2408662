/**
 * A model that answers from a script: an HTTP endpoint on the loopback interface that speaks the Responses API. Use it to
 * run the real Codex binary without a network, an account or a key.
 *
 * ```ts
 * const model = yield* ScriptedModel.ScriptedModel
 * yield* model.enqueue(Reply.text("hello"))
 * // ... run a turn on a Codex whose provider has the base URL model.url: see CodexHome ...
 * const request = yield* model.awaitRequest(0)
 * assert.strictEqual(request.lastUserText, "Say hello")
 * ```
 *
 * **Number of requests.** Codex 0.169, configured by `CodexHome` (no retries), sends these requests:
 *
 * - None before the first turn, not even for the list of models.
 * - One for a turn, and one more after each reply that calls tools, with the outputs of all calls. If the reply calls a
 *   tool that does not exist, Codex reports that to the model (`unsupported call: name`) and the turn continues.
 * - One more for a steered turn. Codex aborts the current reply once it has begun, and drops the items that are not
 *   complete by then. An interrupted turn also closes its connection, so `request.outcome` is `aborted`.
 * - One for a compaction (`request.kind` is `compaction`); the text of the reply is the summary. A turn of a thread that
 *   ran out of context (`context_length_exceeded`) compacts first, so it sends two.
 * - One for each approval if the reviewer is `auto_review`. It comes from a thread of its own and has an `outputFormat`.
 *   Answer it with `Reply.text(`{"outcome":"allow"}`)` or `"deny"`.
 *
 * **Available tools** depend on the model's name. A model that the binary does not know, such as `mock-model`, has
 * `exec_command` but no `apply_patch`. See `request.toolNames`, and the option `model` of `CodexHome`.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import type { InvalidInputError } from "effect-codex/CodexError"
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
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Http from "node:http"
import { History } from "./base/History.ts"
import { checkNames, type Names } from "./base/options.ts"
import { decodeBody, ModelRequest, type Outcome } from "./ModelRequest.ts"
import * as events from "./script/events.ts"
import * as Reply from "./script/Reply.ts"
import type * as Step from "./script/Step.ts"

/** The service. */
export interface Service {
  /** The base URL of the model provider, such as `http://127.0.0.1:40123/v1`. */
  readonly url: string
  /** Appends replies to the script. Each answers one request, in the order in which requests arrive. */
  readonly enqueue: (...replies: ReadonlyArray<Reply.Reply>) => Effect.Effect<void>
  /** The number of enqueued replies that are not used yet. */
  readonly pending: Effect.Effect<number>
  /** The requests so far. */
  readonly requests: Effect.Effect<ReadonlyArray<ModelRequest>>
  /**
   * Forgets the requests so far and numbers the next one 0. Use it in tests so long that the requests would fill the
   * memory.
   */
  readonly clear: Effect.Effect<void>
  /** Waits for the request with that index, counted from 0. */
  readonly awaitRequest: (index: number) => Effect.Effect<ModelRequest>
  /** Emits every request, beginning with the first one. It does not end. */
  readonly stream: Stream.Stream<ModelRequest>
  /**
   * Serves bytes under `/files/<name>` and returns the URL. The extension of the name determines the content type.
   *
   * Codex 0.169 refuses the URL of a remote image as input; older versions pass it on to the model.
   */
  readonly file: (name: string, bytes: Uint8Array) => Effect.Effect<string>
}

/** The service tag of the scripted model. */
export class ScriptedModel extends Context.Service<ScriptedModel, Service>()("@effect-codex/testing/ScriptedModel") {}

/** The script of the model. */
export interface Script {
  /** The first replies: see {@link Service.enqueue}. */
  readonly replies?: ReadonlyArray<Reply.Reply>
  /**
   * Answers a request when no enqueued reply is left. `(request) => Reply.text(request.lastUserText ?? "")` is an echo
   * that serves any number of threads. Default: HTTP 400, with a body that
   * explains it, which becomes the error of the turn.
   */
  readonly respond?: (request: ModelRequest) => Reply.Reply
}

const names: Names<Script> = { replies: true, respond: true }

/**
 * Starts the model on a free port of the loopback interface. When the scope closes, the model stops at once: it drops
 * replies that wait at a gate or hang, and closes their connections. Fails with `InvalidInputError` for an unknown field of the script.
 */
export const make: (
  script?: Script
) => Effect.Effect<Service, HttpServerError.ServeError | InvalidInputError, Scope.Scope> = Effect
  .fnUntraced(function*(script: Script = {}) {
    yield* checkNames(script, names)
    const requests = new History<ModelRequest>()
    const replies = Array.from(script.replies ?? [])
    const files = new Map<string, Uint8Array>()

    const answer = Effect.fnUntraced(function*(http: HttpServerRequest.HttpServerRequest, path: string) {
      const body = yield* Effect.flatMap(http.text, decodeBody)
      const outcome = yield* Deferred.make<Outcome>()
      const request = new ModelRequest({
        index: requests.items.length,
        path,
        headers: { ...http.headers },
        body,
        outcome: Deferred.await(outcome)
      })
      const scripted = replies.shift()
      requests.add(request)
      requests.tell()
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
      // Handlers run uninterruptibly; the stream of a response does not.
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
    return ScriptedModel.of({
      url: `${origin}/v1`,
      enqueue: (...more) => Effect.sync(() => void replies.push(...more)),
      pending: Effect.sync(() => replies.length),
      requests: Effect.sync(() => requests.items.slice()),
      clear: Effect.sync(() => requests.clear()),
      awaitRequest: (index) => requests.find((items) => items[index]),
      stream: requests.stream,
      file: (name, bytes) =>
        Effect.sync(() => {
          const url = new URL(`/files/${encodeURIComponent(name)}`, origin)
          files.set(url.pathname, bytes)
          return url.href
        })
    })
  })

/**
 * A Layer of the model: see {@link make}.
 *
 * ```ts
 * const echo = ScriptedModel.layer({ respond: (request) => Reply.text(request.lastUserText ?? "") })
 * ```
 */
export const layer = (script?: Script): Layer.Layer<ScriptedModel, HttpServerError.ServeError | InvalidInputError> =>
  Layer.effect(ScriptedModel, make(script))

const encoder = new TextEncoder()

const unscripted = (request: ModelRequest): Reply.Reply =>
  Reply.httpError(
    400,
    `The scripted model has no reply left for request ${request.index} (model ${request.model}, last user text ${
      JSON.stringify(request.lastUserText ?? null)
    }). Enqueue one, or set the option "respond".`
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
