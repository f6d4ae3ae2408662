/**
 * The opening handshake of a WebSocket (RFC 6455, section 4): an HTTP request to switch protocols.
 *
 * It uses a plain socket, because loading Node's HTTP client takes tens of milliseconds at the start of every program.
 */
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import type { Socket } from "node:net"
import { printable } from "../base/printable.ts"
import type { Hide } from "../base/secrets.ts"
import { CodexConnectError, type ConnectReason } from "../model/errors/CodexError.ts"
import { nodeCrypto } from "./builtin.ts"

/** The parameters of the request. */
export interface Request {
  /** The server, as errors name it. */
  readonly target: string
  readonly host: string
  readonly path: string
  readonly token: string | undefined
  /** Replaces the token in the texts of the server, which may repeat it. */
  readonly hide: Hide
}

/** The longest response head, in bytes. A longer one does not come from a WebSocket server. */
const maxHead = 16 * 1024

/** The time limit for the body of a refusal. */
const refusalMillis = 1000

const endOfHead = "\r\n\r\n"

/** The GUID of RFC 6455, with which the server proves that it has read the request. */
const protocolId = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

const acceptOf = (key: string): string => nodeCrypto().createHash("sha1").update(key + protocolId).digest("base64")

/** Waits until a socket is connected and performs the handshake. Leaves the socket paused, and the bytes after the response unread. */
export const upgrade = (
  socket: Socket,
  request: Request,
  connected: "connect" | "secureConnect"
): Effect.Effect<void, CodexConnectError> =>
  Effect.callback((resume) => {
    const key = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64")
    let received = Buffer.alloc(0)
    let waiting: NodeJS.Timeout | undefined

    const stop = () => {
      clearTimeout(waiting)
      socket.off(connected, onConnected).off("data", onData).off("close", onClose).off("error", onError)
      // This listener stays: Node throws an error that has no listener.
      socket.on("error", () => {})
    }
    const fail = (reason: ConnectReason) => {
      stop()
      socket.destroy()
      resume(Effect.fail(new CodexConnectError({ reason, target: request.target })))
    }
    const onConnected = () => socket.write(head(request, key))
    const onError = (error: NodeJS.ErrnoException) => fail(reasonOf(error))
    const onClose = () =>
      fail({ _tag: "Unreachable", detail: "the server closed the connection without answering; is it an app-server?" })
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      const end = received.indexOf(endOfHead)
      if (end < 0) return received.length > maxHead ? fail(noHttp) : undefined
      const [status = "", ...lines] = received.toString("latin1", 0, end).split("\r\n")
      const code = Number(/^HTTP\/1\.1 (\d{3})/.exec(status)?.[1])
      if (Number.isNaN(code)) return fail(noHttp)
      const rest = received.subarray(end + endOfHead.length)
      if (code !== 101) {
        // The body states the reason, if there is one.
        const refuse = () => fail(refusal(code, request.hide(received.toString("utf8", end + endOfHead.length))))
        if (rest.length > 0) return refuse()
        waiting ??= setTimeout(refuse, refusalMillis)
        socket.off("close", onClose).once("close", refuse)
        return
      }
      const accepted = lines.find((line) => /^sec-websocket-accept:/i.test(line))
      if (accepted?.slice(accepted.indexOf(":") + 1).trim() !== acceptOf(key)) return fail(noWebSocket)
      socket.pause()
      stop()
      if (rest.length > 0) socket.unshift(rest)
      resume(Effect.void)
    }
    socket.once(connected, onConnected).on("data", onData).once("close", onClose).once("error", onError)
    return Effect.sync(stop)
  })

/** Writes the request. It has no `Origin`, because the app-server refuses every request that has one. */
const head = ({ host, path, token }: Request, key: string): string =>
  [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${key}`,
    ...token === undefined ? [] : [`Authorization: Bearer ${token}`],
    endOfHead.slice(2)
  ].join("\r\n")

const noHttp: ConnectReason = { _tag: "Refused", detail: "the server does not speak HTTP" }

const noWebSocket: ConnectReason = { _tag: "Refused", detail: "the server does not speak WebSocket" }

const refusal = (code: number, body: string): ConnectReason => {
  const text = printable(body).replace(/\s+/g, " ").trim().slice(0, 200)
  const said = text === "" ? "" : `: ${text}`
  if (code === 401) return { _tag: "Unauthorized", detail: `the server refused the token (401)${said}` }
  if (code === 502 || code === 503 || code === 504) {
    return { _tag: "Unreachable", detail: `the proxy cannot reach the server (${code})${said}` }
  }
  return { _tag: "Refused", detail: `the server answered with HTTP status ${code}${said}` }
}

/** The errors of an unreachable server. A later attempt may succeed. */
const unreachable: { readonly [code: string]: string } = {
  EAI_AGAIN: "the host name could not be looked up",
  ECONNREFUSED: "nothing listens at the address",
  ECONNRESET: "the connection was reset",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  ENOENT: "there is no such socket",
  ENOTFOUND: "there is no such host",
  EPIPE: "the connection was closed",
  ETIMEDOUT: "the host does not answer"
}

const reasonOf = (
  { code = "", message, ...error }: NodeJS.ErrnoException & { readonly port?: number }
): ConnectReason => {
  if (Object.hasOwn(unreachable, code)) return { _tag: "Unreachable", detail: `${unreachable[code]} (${code})` }
  if (code === "EACCES" || code === "EPERM") {
    return { _tag: "Refused", detail: `this user may not connect (${code})` }
  }
  // The address holds 108 bytes on Linux and 104 on macOS, with a NUL at the end.
  if ((code === "EINVAL" || code === "ENAMETOOLONG") && error.port === undefined) {
    return {
      _tag: "Other",
      detail: `the path is too long for a Unix socket, which has room for about 100 bytes (${code})`
    }
  }
  return { _tag: "Other", detail: printable(message) }
}
