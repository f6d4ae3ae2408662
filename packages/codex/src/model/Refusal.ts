/**
 * What the server means when it refuses a request, or tells of a turn that failed: read in this one place.
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { ErrorCode } from "../base/JsonRpc.ts"

/** What kind of refusal a `CodexRpcError` is. */
export type RpcReason = typeof RpcReason.Type
/** What kind of refusal a `CodexRpcError` is. */
export const RpcReason = Schema.Literals([
  "InvalidRequest",
  "InvalidParams",
  "MethodNotFound",
  "Internal",
  "Overloaded",
  "RetryLimitExceeded",
  "ThreadNotFound",
  "ThreadArchived",
  "ThreadBusyElsewhere",
  "NoActiveTurn",
  "TurnMismatch",
  "InputTooLarge",
  "Other"
])

/** True if the server's data says anywhere that it is overloaded. */
const saysOverloaded = (data: unknown): boolean => {
  if (typeof data === "string") return /^server_?overloaded$/i.test(data)
  if (Array.isArray(data)) return data.some(saysOverloaded)
  return Predicate.isObject(data) && Object.values(data).some(saysOverloaded)
}

/** What the server says when it means one of our reasons. The real binary is the judge: see the tests in `test/real`. */
const rpcTexts: ReadonlyArray<readonly [RegExp, RpcReason]> = [
  [/no active turn to (steer|interrupt)/i, "NoActiveTurn"],
  [/expected active turn id .* but found/i, "TurnMismatch"],
  [/already has an active writer/i, "ThreadBusyElsewhere"],
  [/is archived/i, "ThreadArchived"],
  [/thread not found|no (archived )?rollout found|thread not loaded|no such thread/i, "ThreadNotFound"]
]

/**
 * Reads the reason of a refusal from what the server answered.
 *
 * @category errors
 */
export const rpcReason = (method: string, code: number, message: string, data: unknown): RpcReason => {
  if (/retry limit|too many failed attempts/i.test(message)) return "RetryLimitExceeded"
  if (code === ErrorCode.overloaded || saysOverloaded(data)) return "Overloaded"
  if (Predicate.isObject(data) && data["input_error_code"] === "input_too_large") return "InputTooLarge"
  for (const [pattern, reason] of rpcTexts) if (pattern.test(message)) return reason
  if (message.includes(`unknown variant \`${method}\``)) return "MethodNotFound"
  switch (code) {
    case ErrorCode.parseError:
    case ErrorCode.invalidRequest:
      return "InvalidRequest"
    // Also said of a known method that can't serve this thread: "list_turns is not supported yet".
    case ErrorCode.methodNotFound:
      return /not supported/i.test(message) ? "Other" : "MethodNotFound"
    case ErrorCode.invalidParams:
      return "InvalidParams"
    case ErrorCode.internalError:
      return "Internal"
    default:
      return "Other"
  }
}

/** The turn that the server runs instead of the one that was to be steered or interrupted. */
export const runningTurn = (
  { reason, serverMessage }: { readonly reason: RpcReason; readonly serverMessage: string }
): string | undefined => reason === "TurnMismatch" ? /but found [`'"]?([\w-]+)/.exec(serverMessage)?.[1] : undefined

/** The kind of failure that a `codexErrorInfo` tells of: it stands for itself, or is the key of its details. */
export const failureKind = (info: unknown): string | undefined =>
  typeof info === "string" ? info : Predicate.isObject(info) ? Object.keys(info)[0] : undefined

/** The status that the model's service answered with: `{ httpConnectionFailed: { httpStatusCode } }`. */
export const failureStatus = (info: unknown): number | undefined => {
  const [detail] = Predicate.isObject(info) ? Object.values(info) : []
  const status = Predicate.isObject(detail) ? detail["httpStatusCode"] : undefined
  return typeof status === "number" ? status : undefined
}
