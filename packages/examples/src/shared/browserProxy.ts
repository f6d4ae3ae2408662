/**
 * A proxy between the pages of this origin and an app-server.
 *
 * The app-server refuses every request with an `Origin`, because whoever reaches it can run commands on its machine. A proxy that
 * removes the header removes that protection, so this one puts two checks in its place before it adds the token: the page must be
 * of this very origin, and its user must have logged in. A cookie alone is not enough: the browser also sends it for requests by
 * pages of other ports of the same host.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { extname } from "node:path"
import type { Duplex } from "node:stream"

/** The files of the page by their paths. */
export type Files = ReadonlyMap<string, string | Uint8Array>

export interface Options {
  /** The app-server: `ws://HOST:PORT`. */
  readonly server: string
  /** Its token, which no page ever sees. */
  readonly token: Redacted.Redacted<string>
  readonly files: Files
  /** The port on the loopback address. Default: a free one. */
  readonly port?: number
}

export interface BrowserProxy {
  /** The origin of the pages. */
  readonly origin: string
  /** The address that logs its user in. Show it to nobody else. */
  readonly login: string
}

const types: Readonly<Record<string, string>> = { ".js": "text/javascript", "": "text/html; charset=utf-8" }

/** A script from elsewhere in the page would have the same power as the page. */
const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; img-src data:; "
  + "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

const isEqual = (text: string, secret: string): boolean => {
  const [left, right] = [text, secret].map((value) => createHash("sha256").update(value).digest())
  return timingSafeEqual(left!, right!)
}

/** Starts the proxy. The scope ends it, with its connections. */
export const listen = ({ files, port = 0, server, token }: Options): Effect.Effect<
  BrowserProxy,
  never,
  Scope.Scope
> =>
  Effect.gen(function*() {
    const [key, session] = [randomBytes(32).toString("hex"), randomBytes(32).toString("hex")]
    const sockets = new Set<Duplex>()
    let host = ""

    // Another host name that leads here would make a page of that name one of ours (DNS rebinding).
    const isForUs = ({ headers }: IncomingMessage) => headers.host === host
    const isLoggedIn = ({ headers }: IncomingMessage) =>
      (headers.cookie ?? "").split("; ").some((cookie) =>
        cookie.startsWith("codex=") && isEqual(cookie.slice("codex=".length), session)
      )

    const serve = (request: IncomingMessage, response: ServerResponse) => {
      const { pathname, searchParams } = new URL(request.url ?? "/", `http://${host}`)
      const answer = (status: number, headers: Record<string, string>, body: string | Uint8Array = "") =>
        response.writeHead(status, { "cache-control": "no-store", "referrer-policy": "no-referrer", ...headers }).end(
          body
        )
      if (request.method !== "GET" || !isForUs(request)) return answer(403, {})
      if (pathname === "/login" && isEqual(searchParams.get("key") ?? "", key)) {
        return answer(303, { location: "/", "set-cookie": `codex=${session}; HttpOnly; SameSite=Strict; Path=/` })
      }
      if (!isLoggedIn(request)) return answer(401, {}, "Open the address that the proxy has printed.")
      const file = files.get(pathname)
      const type = types[extname(pathname)] ?? "application/octet-stream"
      return file === undefined
        ? answer(404, {})
        : answer(200, { "content-type": type, "content-security-policy": policy }, file)
    }

    const pass = (request: IncomingMessage, down: Duplex, rest: Buffer) => {
      const { origin, "sec-websocket-key": webSocketKey } = request.headers
      const status = !isForUs(request) || origin !== `http://${host}`
        ? "403 Forbidden"
        : !isLoggedIn(request)
        ? "401 Unauthorized"
        : undefined
      if (status !== undefined) return void down.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`)
      const up = connect({ host: new URL(server).hostname, port: Number(new URL(server).port) })
      // Nothing else of the request is passed on: neither `Origin`, nor the cookie.
      up.write([
        "GET / HTTP/1.1",
        `Host: ${new URL(server).host}`,
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        `Sec-WebSocket-Key: ${webSocketKey}`,
        `Authorization: Bearer ${Redacted.value(token)}`,
        "\r\n"
      ].join("\r\n"))
      up.write(rest)
      for (const [from, to] of [[down, up], [up, down]] as const) {
        sockets.add(from)
        from.on("error", () => {}).on("close", () => {
          sockets.delete(from)
          to.destroy()
        })
        from.pipe(to)
      }
    }

    const http = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const http = createServer(serve).on("upgrade", pass).listen(port, "127.0.0.1")
        await once(http, "listening")
        return http
      }),
      (http) =>
        Effect.promise(async () => {
          for (const socket of sockets) socket.destroy()
          http.close()
          http.closeAllConnections()
          await once(http, "close")
        })
    )
    // An `AddressInfo`, because it listens on a port.
    host = `127.0.0.1:${(http.address() as AddressInfo).port}`
    return { origin: `http://${host}`, login: `http://${host}/login?key=${key}` }
  })
