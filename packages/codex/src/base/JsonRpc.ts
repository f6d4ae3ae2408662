/**
 * JSON-RPC as the app-server speaks it: one JSON object a line, without the `jsonrpc` member.
 *
 * Only this module reads and writes messages. It writes well-formed text, nested at most {@link maxDepth} levels deep, because
 * the server drops anything else without a response.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { textOf } from "./text.ts"

/** The error codes of JSON-RPC, and the two of the app-server. */
export const ErrorCode = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** Stands in for the code of an error that has none. */
  serverError: -32000,
  /** The server is overloaded and has not processed the request. */
  overloaded: -32001
} as const

/** The id of a request from the server. */
export type Id = string | number

/** An error to write. */
export interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

/** A JSON object as it was received. */
export type Message = { readonly [key: string]: unknown }

// ---------------------------------------------------------------------------------------------------------------------
// Reading
// ---------------------------------------------------------------------------------------------------------------------

/** Parses a line. Returns the message, a description of what is wrong with the line, or undefined for an empty line. */
export const parse = (line: string): Message | string | undefined => {
  let message: unknown
  try {
    message = JSON.parse(line)
  } catch {
    return line.trim() === "" ? undefined : "is not JSON"
  }
  return Predicate.isObject(message) ? message : "is not a JSON object"
}

/** Returns a value as the id of a request. Returns undefined for a value that is none. */
export const idOf = (value: unknown): Id | undefined =>
  typeof value === "string" || typeof value === "number" ? value : undefined

/**
 * Returns the text of an id, as written in the line that was parsed to `id`. The server uses 64-bit integers. Beyond 2^53 a
 * JavaScript number loses digits, so only the text identifies the request.
 */
export const idText = (id: Id, line: string, ...path: readonly [string, ...ReadonlyArray<string>]): string =>
  typeof id === "string" || Number.isSafeInteger(id) ? JSON.stringify(id) : textAt(line, path) ?? JSON.stringify(id)

/** Returns the text of the number at a path, or undefined if there is none. */
const textAt = (line: string, path: ReadonlyArray<string>): string | undefined => {
  let found: string | undefined
  let depth = 0
  /** The number of keys of the path that lead to the current object. */
  let matched = 0
  for (let at = 0; at < line.length; at++) {
    switch (line.charCodeAt(at)) {
      case openBrace:
      case openBracket:
        depth++
        break
      case closeBrace:
      case closeBracket:
        depth--
        matched = Math.min(matched, Math.max(depth - 1, 0))
        break
      case quote: {
        const end = endOfString(line, at)
        const value = /^\s*:\s*/.exec(line.slice(end + 1, end + 100))
        if (value !== null && depth === matched + 1 && JSON.parse(line.slice(at, end + 1)) === path[matched]) {
          const start = end + 1 + value[0].length
          if (matched === path.length - 1) found = /^-?\d[\d.eE+-]*/.exec(line.slice(start, start + 100))?.[0] ?? found
          else if (line.charCodeAt(start) === openBrace) matched++
        }
        at = end
      }
    }
  }
  return found
}

// ---------------------------------------------------------------------------------------------------------------------
// Writing
// ---------------------------------------------------------------------------------------------------------------------

/** The deepest nesting of arrays and objects that the server parses. It drops a deeper message. */
export const maxDepth = 127

/** Encodes a message as one line. Fails with a description of what cannot be encoded. */
export const encode = (message: object): Result.Result<string, string> => {
  const json = stringify(message)
  return Result.isSuccess(json) ? sayable(json.success) : json
}

/** Encodes the response to a request from the server, whose id is passed as text. Fails like {@link encode}. */
export const encodeAnswer = (id: string, result: unknown): Result.Result<string, string> => {
  const json = stringify(result)
  return Result.isSuccess(json) ? sayable(`{"id":${id},"result":${json.success}}`) : json
}

/**
 * Encodes an error response to a request from the server, whose id is passed as text. Leaves out `data` that cannot be encoded. The
 * server drops an error whose code is not an integer or whose message is not a string.
 */
export const encodeRefusal = (id: string, { code, data, message }: RpcError): string => {
  const error = { code: Number.isSafeInteger(code) ? code : ErrorCode.internalError, message: textOf(message) }
  const refusal = (error: RpcError) =>
    Result.flatMap(stringify(error), (json) => sayable(`{"id":${id},"error":${json}}`))
  // A message may be too long to be escaped.
  const shortest = () => `{"id":${id},"error":{"code":${error.code},"message":""}}`
  const withoutData = () => Result.getOrElse(refusal(error), shortest)
  return data === undefined ? withoutData() : Result.getOrElse(refusal({ ...error, data }), withoutData)
}

const stringify = (value: unknown): Result.Result<string, string> => {
  try {
    // Despite its type, undefined for a function, and for an object whose `toJSON` returns undefined.
    const json: string | undefined = JSON.stringify(value)
    return json === undefined ? Result.fail(`JSON has no form for it (${typeof value})`) : Result.succeed(json)
  } catch (error) {
    return Result.fail(`it can't be written as JSON (${textOf(error)})`)
  }
}

const sayable = (json: string): Result.Result<string, string> =>
  isTooDeep(json)
    ? Result.fail(`it is nested more than ${maxDepth} levels deep, which the server can't parse; make it flatter`)
    : Result.succeed(wellFormed(json))

/** Replaces each half of a surrogate pair, which `text.slice` leaves of an emoji, with U+FFFD. */
const wellFormed = (json: string): string =>
  // `JSON.stringify` escapes only halves in this way. It doubles a backslash of the text itself.
  json.includes("\\ud") ? json.replace(/(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g, "$1\\ufffd") : json

/** Skips strings, so its cost grows with the structure and not with the text. */
const isTooDeep = (json: string): boolean => {
  if (json.length <= 2 * maxDepth) return false
  let depth = 0
  for (let at = 0; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case openBrace:
      case openBracket:
        if (++depth > maxDepth) return true
        break
      case closeBrace:
      case closeBracket:
        depth--
        break
      case quote:
        at = endOfString(json, at)
    }
  }
  return false
}

const quote = 0x22
const backslash = 0x5c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** Returns the index of the quote that ends the string beginning at `start`. */
const endOfString = (json: string, start: number): number => {
  let end = start
  do end = json.indexOf("\"", end + 1)
  while (end >= 0 && isEscaped(json, end))
  return end < 0 ? json.length : end
}

/** Returns true if an odd number of backslashes precedes this index. */
const isEscaped = (json: string, at: number): boolean => {
  let before = at - 1
  while (json.charCodeAt(before) === backslash) before--
  return (at - before) % 2 === 0
}
