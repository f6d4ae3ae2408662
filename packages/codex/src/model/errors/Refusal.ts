/**
 * The meaning of the server's errors: reads the reason of a refused request, and of a failed turn.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Predicate from "effect/Predicate"
import { ErrorCode } from "../../base/JsonRpc.ts"
import { someString } from "../../base/strings.ts"
import type { RpcReason, TurnFailedReason } from "./errorReasons.ts"

/** Returns true if a string in the server's data reports that it is overloaded. */
const saysOverloaded = (data: unknown): boolean => someString(data, (text) => /^server_?overloaded$/i.test(text))

/** The server's phrases for our reasons, in lower case. The tests in `test/real` hold them against the real binary. */
const phrases: ReadonlyArray<readonly [phrase: string, reason: RpcReason]> = [
  ["no active turn to steer", { _tag: "NoActiveTurn" }],
  ["no active turn to interrupt", { _tag: "NoActiveTurn" }],
  ["already has an active writer", { _tag: "ThreadBusyElsewhere" }],
  ["is archived", { _tag: "ThreadArchived" }],
  ["thread not found", { _tag: "ThreadNotFound" }],
  ["no rollout found", { _tag: "ThreadNotFound" }],
  ["no archived rollout found", { _tag: "ThreadNotFound" }],
  ["thread not loaded", { _tag: "ThreadNotFound" }],
  ["no such thread", { _tag: "ThreadNotFound" }],
  // An id that is no UUID, and therefore the id of no thread.
  ["invalid thread id", { _tag: "ThreadNotFound" }],
  ["invalid session id", { _tag: "ThreadNotFound" }]
]

/** Reads "expected active turn id `a` but found `b`". Searches for fixed texts, so that no message is slow to read. */
const turnMismatch = (message: string): RpcReason | undefined => {
  const text = message.toLowerCase()
  const expected = text.indexOf("expected active turn id ")
  const found = expected === -1 ? -1 : text.indexOf(" but found", expected)
  if (found === -1) return undefined
  const runningTurnId = /^ [`'"]?([\w-]+)/.exec(message.slice(found + " but found".length))?.[1]
  return { _tag: "TurnMismatch", ...(runningTurnId === undefined ? {} : { runningTurnId }) }
}

/** Reads the reason of a refusal from the server's answer. */
export const rpcReason = (method: string, code: number, message: string, data: unknown): RpcReason => {
  const text = message.toLowerCase()
  if (text.includes("retry limit") || text.includes("too many failed attempts")) return { _tag: "RetryLimitExceeded" }
  if (code === ErrorCode.overloaded || saysOverloaded(data)) return { _tag: "Overloaded" }
  if (Predicate.isObject(data) && data["input_error_code"] === "input_too_large") {
    const maxChars = data["max_chars"]
    return { _tag: "InputTooLarge", ...(typeof maxChars === "number" ? { maxChars } : {}) }
  }
  const mismatch = turnMismatch(message)
  if (mismatch !== undefined) return mismatch
  for (const [phrase, reason] of phrases) if (text.includes(phrase)) return reason
  if (message.includes(`unknown variant \`${method}\``)) return { _tag: "MethodNotFound" }
  switch (code) {
    case ErrorCode.parseError:
    case ErrorCode.invalidRequest:
      return { _tag: "InvalidRequest" }
    // Also the code for a known method that cannot serve this thread: "list_turns is not supported yet".
    case ErrorCode.methodNotFound:
      return { _tag: text.includes("not supported") ? "Other" : "MethodNotFound" }
    case ErrorCode.invalidParams:
      return { _tag: "InvalidParams" }
    case ErrorCode.internalError:
      return { _tag: "Internal" }
    default:
      return { _tag: "Other" }
  }
}

/** Returns true if the server refuses to list the turns of a thread because it has stored none of them yet. */
export const saysUnstarted = ({ code, serverMessage }: { readonly code: number; readonly serverMessage: string }) =>
  code === ErrorCode.methodNotFound && serverMessage.includes("list_turns is not supported")

/** Returns true if the server could not read what it has stored of a thread, as for a moment while it writes that. */
export const saysUnreadable = ({ code, serverMessage }: { readonly code: number; readonly serverMessage: string }) =>
  code === ErrorCode.internalError || serverMessage.includes("thread-store internal error")

/** Returns the kind in a `codexErrorInfo`, which stands for itself or is the key of its details. */
export const failureKind = (info: unknown): string | undefined =>
  typeof info === "string" ? info : Predicate.isObject(info) ? Object.keys(info)[0] : undefined

/** Returns the HTTP status of the model's service: `{ httpConnectionFailed: { httpStatusCode } }`. */
const httpStatusOf = (info: unknown): number | null => {
  const [detail] = Predicate.isObject(info) ? Object.values(info) : []
  const status = Predicate.isObject(detail) ? detail["httpStatusCode"] : undefined
  return typeof status === "number" ? status : null
}

/** Reads the reason of a failed turn from the server's error. `resetsAt` is when an exhausted usage limit resets. */
export const turnFailedReason = (error: Protocol.TurnError | null, resetsAt: number | null): TurnFailedReason => {
  const info = error?.codexErrorInfo
  const kind = failureKind(info)
  const httpStatus = httpStatusOf(info)
  if (httpStatus === 401) return { _tag: "Unauthorized" }
  switch (kind) {
    case "contextWindowExceeded":
      return { _tag: "ContextWindowExceeded" }
    case "sessionBudgetExceeded":
      return { _tag: "SessionBudgetExceeded" }
    case "usageLimitExceeded":
      return { _tag: "UsageLimitExceeded", resetsAt }
    case "rateLimitExceeded":
      return { _tag: "RateLimited" }
    case "serverOverloaded":
    case "flexUnavailable":
    case "policyCapacityUnavailable":
      return { _tag: "Overloaded" }
    case "unauthorized":
      return { _tag: "Unauthorized" }
    case "modelNotFound":
      return { _tag: "ModelNotFound" }
    case "badRequest":
      return { _tag: "BadRequest" }
    case "cyberPolicy":
    case "bioPolicy":
    case "misalignmentPolicyViolation":
      return { _tag: "PolicyViolation", policy: kind }
    case "httpConnectionFailed":
    case "responseStreamConnectionFailed":
      return { _tag: "ConnectionFailed", httpStatus }
    case "responseStreamDisconnected":
      return { _tag: "StreamDisconnected", httpStatus }
    case "responseTooManyFailedAttempts":
      return { _tag: "TooManyFailedAttempts", httpStatus }
    case "internalServerError":
      return { _tag: "InternalServerError" }
    case "sandboxError":
      return { _tag: "SandboxError" }
    default:
      return saysDisconnected(kind, error?.message)
        ? { _tag: "StreamDisconnected", httpStatus }
        : { _tag: "Other", kind: kind ?? null }
  }
}

/** The server's messages for an answer that was cut off. With the same prefix, the server also repeats text of the model. */
const disconnected =
  /^stream disconnected before completion: (transport error|stream closed before|idle timeout waiting for|websocket closed)/i

/** Returns true for an answer of the model that was cut off. The server has no kind for it, only a message. */
const saysDisconnected = (kind: string | undefined, message: string | undefined): boolean =>
  kind === "other" && message !== undefined && disconnected.test(message)
