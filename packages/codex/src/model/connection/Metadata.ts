/**
 * The identity that the server reports in the handshake.
 */
import * as Predicate from "effect/Predicate"

/**
 * The server's response to `initialize`.
 *
 * @category models
 */
export interface Metadata {
  /** The user agent, such as `my-app/0.171.0 (Debian 12.0.0; x86_64)`. */
  readonly userAgent: string
  /** The name in `serverInfo`, or else in the user agent, where the server repeats `clientInfo.name`. */
  readonly serverName: string
  /** The version of the server, such as `0.171.0`. */
  readonly serverVersion: string
  /** The absolute path of the server's CODEX_HOME. Undefined if the server does not report it. */
  readonly codexHome: string | undefined
  /** `"unix"` or `"windows"`. Undefined if the server does not report it. */
  readonly platformFamily: string | undefined
  /** The operating system, such as `"linux"`, `"macos"` or `"windows"`. Undefined if the server does not report it. */
  readonly platformOs: string | undefined
}

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value.trim() !== "" ? value.trim() : undefined

/**
 * Reads `name/version (...)` or `name version`. The name is the client's and may contain spaces and slashes. No part of the
 * expressions matches the same text in two ways, so the time grows linearly with the text.
 */
const parseUserAgent = (userAgent: string): readonly [name: string | undefined, version: string | undefined] => {
  const match = /^(.+?)\/(\d+\.\d+\.\d[^\s/]*)(?=\s|$)/.exec(userAgent) ?? /^([^/\s]+)[/\s]+(\S+)/.exec(userAgent)
  return [match?.[1], match?.[2]]
}

/** Reads the response to `initialize`. Returns undefined if the user agent, the name or the version is missing. */
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
