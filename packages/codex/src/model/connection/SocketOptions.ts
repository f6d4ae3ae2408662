/**
 * The options of a connection to a server that is running already, over a socket.
 */
import type * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as options from "../../base/options.ts"

/**
 * The options of a WebSocket.
 *
 * @category models
 */
export interface WebSocketOptions {
  /** The address of the server, such as `ws://127.0.0.1:4500`. The server itself has no TLS: `wss:` needs a proxy before it. */
  readonly url: string
  /**
   * The token that the server asks for (`--ws-auth`), sent as `Authorization: Bearer`. It never appears in an error, log or
   * span. Browsers send no such header: there it fails with `InvalidInputError`. Default: none.
   */
  readonly token?: Redacted.Redacted<string> | undefined
  /**
   * How often the server has to show that it is there. If it was silent for so long, it is asked, by a ping or, in a browser,
   * by a request; if it stays silent for as long again, the connection is lost. `false` turns this off. Default: 20 seconds.
   */
  readonly keepAlive?: Duration.Input | false | undefined
}

/**
 * The options of a Unix socket.
 *
 * @category models
 */
export interface UnixSocketOptions {
  /** The path of the socket (`--listen unix://PATH`), relative to the directory of this program. */
  readonly path: string
}

/** The values of the options that were left out. */
export const defaults = { keepAlive: "20 seconds" } as const satisfies Partial<WebSocketOptions>

/** The server closes the connection at a longer frame. */
export const maxMessageBytes = 16 * 1024 * 1024

const url: options.Check = (value) => {
  const read = typeof value === "string" ? URL.parse(value) : null
  // The address itself is not shown: it may hold what is secret.
  if (read === null) return "it is not a URL, such as ws://127.0.0.1:4500"
  if (read.protocol !== "ws:" && read.protocol !== "wss:") {
    return `it begins with ${read.protocol}, not with ws: or wss:`
  }
  if (read.username !== "" || read.password !== "") return "it holds a user or password; pass the secret as `token`"
  return read.hash === "" ? undefined : "it has a fragment (#), which is not sent"
}

const token: options.Check = (value) => {
  if (!Redacted.isRedacted(value)) return "it is not redacted; pass Redacted.make(token), so that it is never shown"
  const text = Redacted.value(value)
  return Predicate.isString(text) && /^[\x21-\x7e]+$/.test(text)
    ? undefined
    : "it is not a token: printable ASCII characters without spaces"
}

const path: options.Check = (value) =>
  typeof value === "string" && value !== "" && !value.includes("\0")
    ? undefined
    : "it is not a path: a string that is not empty and has no NUL"

/** One check for each option of a WebSocket. */
export const webSocketChecks: options.Checks<WebSocketOptions> = {
  url,
  token,
  keepAlive: (value) => value === false ? undefined : options.timeout(value)
}

/** One check for each option of a Unix socket. */
export const unixSocketChecks: options.Checks<UnixSocketOptions> = { path }

/** The address of a WebSocket as errors show it: without the query, which may hold what is secret. */
export const shown = ({ url }: WebSocketOptions): string => {
  const { host, pathname, protocol } = new URL(url)
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`
}

/** The secrets of a WebSocket. */
export const secretsOf = ({ token, url }: WebSocketOptions): ReadonlyArray<string> => [
  ...token === undefined ? [] : [Redacted.value(token)],
  ...new URL(url).searchParams.values()
]
