/**
 * Transports to a running app-server, over TCP and over Unix sockets. On both, the server speaks WebSocket, with one message per
 * text frame.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as Net from "node:net"
import * as Path from "node:path"
import { printable } from "../base/printable.ts"
import { hiding } from "../base/secrets.ts"
import {
  defaults,
  maxMessageBytes,
  secretsOf,
  shown,
  unixSocketChecks,
  type UnixSocketOptions,
  webSocketChecks,
  type WebSocketOptions
} from "../model/connection/SocketOptions.ts"
import { type Connection, Transport } from "../model/connection/Transport.ts"
import { check } from "../model/errors/check.ts"
import { CodexConnectError, type InvalidInputError } from "../model/errors/CodexError.ts"
import { net, tls } from "./builtin.ts"
import { type Request, upgrade } from "./Upgrade.ts"
import { WebSocket } from "./WebSocket.ts"

/** Opens a socket and performs the WebSocket handshake on it. */
const open = (
  socket: () => Net.Socket,
  request: Request,
  connected: "connect" | "secureConnect" = "connect"
): Effect.Effect<WebSocket, CodexConnectError, Scope.Scope> =>
  Effect.gen(function*() {
    const opened = yield* Effect.acquireRelease(
      Effect.try({
        try: socket,
        // Deno throws if the program has no permission to connect.
        catch: (cause) => {
          const detail = printable(cause instanceof Error ? cause.message : String(cause))
          return new CodexConnectError({ reason: { _tag: "Refused", detail }, target: request.target })
        }
      }),
      (socket) => Effect.sync(() => socket.destroy())
    )
    opened.setNoDelay(true)
    yield* upgrade(opened, request, connected)
    const webSocket = new WebSocket(opened, request.hide)
    yield* Effect.addFinalizer(() => webSocket.close)
    return webSocket
  })

/** Returns the part that all connections over sockets share: the server may have other clients, and keeps running without this one. */
const connectionOf = ({ receive, send }: WebSocket) => ({
  receive,
  send,
  isShared: true,
  serverContinues: true,
  maxMessageBytes
} satisfies Connection)

/** Connects to the Unix socket at an absolute path. */
export const connectUnix = (path: string): Effect.Effect<Connection, CodexConnectError, Scope.Scope> =>
  Effect.map(
    open(() => net().connect({ path }), {
      target: path,
      host: "localhost",
      path: "/",
      token: undefined,
      hide: identity
    }),
    (webSocket) => ({ ...connectionOf(webSocket), target: path })
  )

/**
 * A Transport to a running app-server (`codex app-server --listen ws://...`), over a WebSocket. Closing a connection leaves the
 * server running.
 *
 * @category layers
 */
export const layerWebSocket = (options: WebSocketOptions): Layer.Layer<Transport, InvalidInputError> =>
  Layer.effect(
    Transport,
    Effect.map(check(options, webSocketChecks), () => {
      const { keepAlive = defaults.keepAlive, token } = options
      const { host, hostname, pathname, port, protocol, search } = new URL(options.url)
      // A URL has brackets around an IPv6 address; a socket takes the address without them.
      const name = hostname.replace(/^\[|\]$/g, "")
      const target = shown(options)
      const hide = hiding(secretsOf(options))
      const request: Request = {
        target,
        host,
        path: pathname + search,
        token: token === undefined ? undefined : Redacted.value(token),
        hide
      }
      const connected = protocol === "wss:"
        ? open(
          () =>
            tls().connect({
              host: name,
              port: Number(port || 443),
              ...(net().isIP(name) === 0 ? { servername: name } : {})
            }),
          request,
          "secureConnect"
        )
        : open(() => net().connect({ host: name, port: Number(port || 80) }), request)
      return Transport.of({
        target,
        connect: Effect.gen(function*() {
          const webSocket = yield* connected
          if (keepAlive !== false) {
            const stop = webSocket.keepAlive(Duration.fromInputUnsafe(keepAlive))
            yield* Effect.addFinalizer(() => Effect.sync(stop))
          }
          return { ...connectionOf(webSocket), target, hide }
        })
      })
    })
  )

/**
 * A Transport to a running app-server (`codex app-server --listen unix://PATH`), over its Unix socket. Closing a connection leaves
 * the server running.
 *
 * @category layers
 */
export const layerUnixSocket = (options: UnixSocketOptions): Layer.Layer<Transport, InvalidInputError> =>
  Layer.effect(
    Transport,
    Effect.map(check(options, unixSocketChecks), () => {
      const path = Path.resolve(options.path)
      return Transport.of({ target: path, connect: connectUnix(path) })
    })
  )
