/**
 * JSON-RPC as the app-server speaks it: one JSON object a line, without the `jsonrpc` member.
 *
 * This is the one place that reads and writes messages. What it writes, the server can parse: well-formed text, and no
 * nesting deeper than {@link maxDepth}. The server drops anything else without an answer.
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
  /** The code of an error that came without one. */
  serverError: -32000,
  /** The server is overloaded. It has not looked at the request. */
  overloaded: -32001
} as const

/** The id of a request of the server. */
export type Id = string | number

/** An error, as it is written. */
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

/** A message, or what is wrong with the line; undefined for an empty one. */
export const parse = (line: string): Message | string | undefined => {
  let message: unknown
  try {
    message = JSON.parse(line)
  } catch {
    return line.trim() === "" ? undefined : "is not JSON"
  }
  return Predicate.isObject(message) ? message : "is not a JSON object"
}

/** The id of a request of the server; undefined for what is none. */
export const idOf = (value: unknown): Id | undefined =>
  typeof value === "string" || typeof value === "number" ? value : undefined

/**
 * The text of an id, as it stands in the line that was parsed to `id`. The server counts in 64 bits: beyond 2^53 a JavaScript
 * number is another one, and only the text says which.
 */
export const idText = (id: Id, line: string, ...path: readonly [string, ...ReadonlyArray<string>]): string =>
  typeof id === "string" || Number.isSafeInteger(id) ? JSON.stringify(id) : textAt(line, path) ?? JSON.stringify(id)

/** The text of the number at a path; undefined where there is none. */
const textAt = (line: string, path: ReadonlyArray<string>): string | undefined => {
  let found: string | undefined
  let depth = 0
  /** How many keys of the path lead to the object that is being read. */
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

/** The server refuses to parse more levels of arrays and objects, and then drops the whole message. */
export const maxDepth = 127

/** A message as one line, or why it can't be one. */
export const encode = (message: object): Result.Result<string, string> => {
  const json = stringify(message)
  return Result.isSuccess(json) ? sayable(json.success) : json
}

/** The answer to a request of the server, whose id is given as text, or why the result can't be said. */
export const encodeAnswer = (id: string, result: unknown): Result.Result<string, string> => {
  const json = stringify(result)
  return Result.isSuccess(json) ? sayable(`{"id":${id},"result":${json.success}}`) : json
}

/**
 * The refusal of a request of the server, whose id is given as text; without `data` that can't be said. The server drops a
 * refusal whose code is not an integer or whose message is not a string.
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
    // Undefined, whatever the types say: of a function, and of an object whose `toJSON` returns none.
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

/** The JSON without halves of surrogate pairs, as `text.slice` makes them of an emoji: each becomes U+FFFD. */
const wellFormed = (json: string): string =>
  // `JSON.stringify` escapes halves, and nothing else in this way. A backslash of the text itself is doubled.
  json.includes("\\ud") ? json.replace(/(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g, "$1\\ufffd") : json

/** Strings are skipped, so this takes as long as the structure is large. */
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

/** Where the string ends that begins at `start`. */
const endOfString = (json: string, start: number): number => {
  let end = start
  do end = json.indexOf("\"", end + 1)
  while (end >= 0 && isEscaped(json, end))
  return end < 0 ? json.length : end
}

/** Whether an odd number of backslashes stands before this place. */
const isEscaped = (json: string, at: number): boolean => {
  let before = at - 1
  while (json.charCodeAt(before) === backslash) before--
  return (at - before) % 2 === 0
}
