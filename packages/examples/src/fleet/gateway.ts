/**
 * The server of the page: the gateway to the threads, the files, and the buttons of the runners. It is a member of the cluster that
 * hosts no threads.
 */
import * as CodexRunner from "@effect-codex/cluster/CodexRunner"
import * as ThreadGateway from "@effect-codex/cluster/ThreadGateway"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Response from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import { createHash, timingSafeEqual } from "node:crypto"
import { createServer } from "node:http"
import { extname } from "node:path"
import type { Files } from "../shared/browserProxy.ts"
import * as Cluster from "./cluster.ts"
import type { Runners } from "./runners.ts"

export interface GatewayOptions {
  /** The port on the loopback address. */
  readonly port: number
  /** Whoever has it may use every thread, and kill runners. */
  readonly token: string
  readonly files: Files
  /** The URL of the database. */
  readonly database: string
  readonly runners: Runners
}

const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".css": "text/css",
  "": "text/html; charset=utf-8"
}

/** A script from elsewhere could read the token. */
const headers = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    + "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "cache-control": "no-store"
}

const digest = (text: string) => createHash("sha256").update(text).digest()

/** Serves the page. Returns its origin. */
export const listen = ({ database, files, port, runners, token }: GatewayOptions) => {
  const isAllowed = (authorization = "") => timingSafeEqual(digest(authorization), digest(`Bearer ${token}`))

  const threads = ThreadGateway.layerWebSocket({
    path: "/threads",
    // One user has all threads here. Where there are several, compare `thread` with the user's prefix.
    authorize: ({ headers }) => Effect.sync(() => isAllowed(headers["authorization"]))
  })

  /** A route for those who have the token. */
  const guarded = (method: "GET" | "POST", path: `/${string}`, answer: (name: string) => Effect.Effect<unknown>) =>
    HttpRouter.add(
      method,
      path,
      (request: HttpServerRequest) =>
        !isAllowed(request.headers["authorization"]) ?
          Effect.succeed(Response.empty({ status: 401 })) :
          Effect.gen(function*() {
            const { name = "" } = yield* HttpRouter.params
            return Response.jsonUnsafe((yield* answer(name)) ?? null)
          })
    )

  const routes = Layer.mergeAll(
    threads,
    guarded("GET", "/runners", () => Effect.sync(runners.status)),
    guarded("POST", "/runners/:name/kill", runners.kill),
    guarded("POST", "/runners/:name/start", runners.start),
    ...[...files].map(([path, file]) => {
      const body = typeof file === "string" ? new TextEncoder().encode(file) : file
      const contentType = types[extname(path)] ?? "application/octet-stream"
      return HttpRouter.add("GET", path as `/${string}`, Response.uint8Array(body, { contentType, headers }))
    })
  )

  const server = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(
      NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port, gracefulShutdownTimeout: "1 second" })
    ),
    Layer.provide(CodexRunner.layerClient(Cluster.options)),
    Layer.provide(Cluster.database(database))
  )
  return Effect.map(Layer.build(server), (context) => {
    const { address } = Context.get(context, HttpServer.HttpServer)
    return new URL(NetAddress.formatUrlUnsafe(address)).origin
  })
}
