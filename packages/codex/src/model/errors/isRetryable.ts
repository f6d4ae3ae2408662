/**
 * The errors after which the same call may succeed later.
 */
import {
  CodexConnectError,
  CodexConnectionError,
  CodexRpcError,
  CodexTimeoutError,
  TurnFailedError,
  type TurnFailedReason
} from "./CodexError.ts"

/**
 * Returns true if the same call may succeed later: the server was overloaded, unreachable or slow, the connection was
 * lost (a new Layer, or `restart`, brings another), or the model's service failed. Returns false for every other value,
 * such as the error of `Effect.timeout`.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Schedule from "effect/Schedule"
 * import { CodexError, type Thread } from "effect-codex"
 *
 * const ask = (thread: Thread.Thread, question: string) =>
 *   thread.run(question).pipe(
 *     Effect.timeout("5 minutes"),
 *     Effect.retry({
 *       while: CodexError.isRetryable,
 *       schedule: Schedule.exponential("200 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 3 }))
 *     })
 *   )
 * ```
 *
 * @category guards
 */
export const isRetryable = (error: unknown): boolean => {
  if (error instanceof CodexTimeoutError) return true
  if (error instanceof CodexConnectError) {
    return error.reason._tag === "Unreachable" || error.reason._tag === "HandshakeTimeout"
  }
  if (error instanceof CodexConnectionError) {
    return error.reason._tag === "Exited" || error.reason._tag === "Disconnected"
  }
  if (error instanceof CodexRpcError) {
    return error.reason._tag === "Overloaded" || error.reason._tag === "RetryLimitExceeded"
  }
  return error instanceof TurnFailedError && isServiceFailure(error.reason)
}

const isServiceFailure = (reason: TurnFailedReason): boolean => {
  switch (reason._tag) {
    case "RateLimited":
    case "Overloaded":
    case "InternalServerError":
      return true
    case "ConnectionFailed":
    case "StreamDisconnected":
    case "TooManyFailedAttempts":
      return !isRefusal(reason.httpStatus)
    default:
      return false
  }
}

/** Returns true if the service has read the request and rejects it: because of the account, the model or its content. */
const isRefusal = (status: number | null): boolean =>
  status !== null && status >= 400 && status < 500 && ![408, 409, 425, 429].includes(status)
