/**
 * The server of a page that follows a recording. It listens on the loopback interface only, under an address that contains a
 * secret, and answers only requests that name this address as their host, so that no other page can read the recording.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import * as Http from "node:http"
import { RecordingError } from "../format/Recording.ts"
import type { Notice, Patch } from "./browser/Timeline.ts"
import type { Follower } from "./follow.ts"
import * as Page from "./Page.ts"

const headers = {
  "cache-control": "no-store",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY"
}

const refused = (status: number, text: string) => HttpServerResponse.text(`${text}\n`, { status, headers })

const digest = (text: string): Buffer => createHash("sha256").update(text).digest()

/** Returns an event of the stream of server-sent events. */
const eventOf = (change: Patch | Notice): string =>
  `${"events" in change ? "" : "event: notice\n"}data: ${JSON.stringify(change)}\n\n`

/** Serves the page. Returns its URL. */
export const serve = Effect.fnUntraced(function*(
  follower: Follower,
  options: { readonly file: string; readonly title: string; readonly port: number }
): Effect.fn.Return<string, RecordingError, Scope.Scope> {
  const secret = randomBytes(24).toString("base64url")
  const expected = digest(secret)
  const page = Page.served(options.title)
  let host = ""

  const app = Effect.gen(function*() {
    const { headers: asked, method, url } = yield* HttpServerRequest.HttpServerRequest
    if (asked["host"] !== host) return refused(403, "This server is reached only by the URL that it has printed.")
    const [, key = "", ...path] = (url.split("?", 1)[0] ?? "").split("/")
    if (!timingSafeEqual(digest(key), expected)) {
      return refused(403, "The URL lacks the key of this server. Open the URL as it was printed.")
    }
    if (method !== "GET") return refused(405, "This server only answers GET.")
    const [what, recording, chunk] = path
    if (what === "" && path.length === 1) {
      return HttpServerResponse.text(page, { headers, contentType: "text/html; charset=utf-8" })
    }
    if (what === "events" && path.length === 1) {
      return HttpServerResponse.stream(follower.changes.pipe(Stream.map(eventOf), Stream.encodeText), {
        headers,
        contentType: "text/event-stream"
      })
    }
    if (what === "texts" && path.length === 3) {
      const texts = yield* follower.texts(Number(recording), Number(chunk))
      return texts === undefined
        ? refused(410, "The file no longer has these messages.")
        : HttpServerResponse.text(texts, { headers })
    }
    return refused(404, "There is nothing here.")
  })

  const node = Http.createServer()
  const server = yield* NodeHttpServer.make(() => node, {
    host: "127.0.0.1",
    port: options.port,
    disablePreemptiveShutdown: true
  }).pipe(Effect.mapError((cause) =>
    new RecordingError({
      file: options.file,
      detail: `its timeline can't be served: port ${options.port} of 127.0.0.1 is not free; choose another one`,
      cause
    })
  ))
  yield* server.serve(app).pipe(Effect.provideService(HttpMiddleware.TracerDisabledWhen, () => true))
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      node.close()
      node.closeAllConnections()
    })
  )
  const origin = new URL(NetAddress.formatUrlUnsafe(server.address))
  host = origin.host
  return new URL(`/${secret}/`, origin).href
})
