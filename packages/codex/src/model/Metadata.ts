/**
 * Who answered the handshake.
 */
import * as Predicate from "effect/Predicate"

/**
 * What the server says of itself in `initialize`.
 *
 * @category models
 */
export interface Metadata {
  /** As sent by the server, e.g. `my-app/0.169.0 (Debian 12.0.0; x86_64)`. */
  readonly userAgent: string
  /** The name in the user agent (it is ours: the server repeats `clientInfo.name`), or that of `serverInfo`. */
  readonly serverName: string
  /** The version of the server, e.g. `0.169.0`. */
  readonly serverVersion: string
  /** The server's CODEX_HOME, an absolute path; undefined for servers that do not tell. */
  readonly codexHome: string | undefined
  /** `"unix"` or `"windows"`; undefined for servers that do not tell. */
  readonly platformFamily: string | undefined
  /** `"linux"`, `"macos"`, `"windows"`, ...; undefined for servers that do not tell. */
  readonly platformOs: string | undefined
}

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value.trim() !== "" ? value.trim() : undefined

/**
 * Reads `name/version (...)`, or `name version`. The name is the client's, and may hold spaces and slashes. No part of the
 * expressions can match the same text in two ways, so that a long user agent takes no longer than its length.
 */
const parseUserAgent = (userAgent: string): readonly [name: string | undefined, version: string | undefined] => {
  const match = /^(.+?)\/(\d+\.\d+\.\d[^\s/]*)(?=\s|$)/.exec(userAgent) ?? /^([^/\s]+)[/\s]+(\S+)/.exec(userAgent)
  return [match?.[1], match?.[2]]
}

/** Reads the answer to `initialize`; undefined if it lacks the user agent, the name or the version. */
export const fromResponse = (response: unknown): Metadata | undefined => {
  if (!Predicate.isObject(response)) return undefined
  const info = Predicate.isObject(response["serverInfo"]) ? response["serverInfo"] : {}
  const userAgent = text(response["userAgent"])
  if (userAgent === undefined) return undefined
  const [name, version] = parseUserAgent(userAgent)
  const serverName = text(info["name"]) ?? name
  const serverVersion = text(info["version"]) ?? version
  if (serverName === undefined || serverVersion === undefined) return undefined
  return {
    userAgent,
    serverName,
    serverVersion,
    codexHome: text(response["codexHome"]),
    platformFamily: text(response["platformFamily"]),
    platformOs: text(response["platformOs"])
  }
}
