/**
 * Failures of the model: errors of Codex as the reasons of an `AiError`.
 */
import * as CodexError from "effect-codex/CodexError"
import * as AiError from "effect/ai/AiError"
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"

/** Every error with which a call of Codex can fail. */
export type Error = CodexError.OpenThreadError | CodexError.RunError

/** Returns an `AiError` of this module. */
export const make = (method: string, reason: AiError.AiErrorReason): AiError.AiError =>
  AiError.make({ module: "CodexLanguageModel", method, reason })

/** Returns the error of a request that Codex can't serve. */
export const invalidRequest = (parameter: string, description: string): AiError.InvalidRequestError =>
  new AiError.InvalidRequestError({ parameter, description })

const decodeJson = Schema.decodeUnknownOption(Schema.MutableJson)

/** Returns where an error happened, for `reason.metadata.codex`. */
const metadataOf = (error: Error): AiError.ProviderMetadata => {
  const codex: { [key: string]: Schema.MutableJson } = { error: error._tag }
  if ("threadId" in error && error.threadId !== undefined) codex["threadId"] = error.threadId
  if ("turnId" in error && error.turnId !== undefined) codex["turnId"] = error.turnId
  if ("reason" in error) codex["reason"] = error.reason._tag
  if (error._tag === "TurnFailedError") {
    const info = decodeJson(error.error?.codexErrorInfo)
    codex["codexErrorInfo"] = info._tag === "Some" ? info.value : null
  }
  return { codex }
}

/** Returns an error of Codex as an `AiError`. */
export const fromCodex = (method: string, error: Error): AiError.AiError => make(method, reasonOf(error))

const reasonOf = (error: Error): AiError.AiErrorReason => {
  const metadata = metadataOf(error)
  const description = error.message
  const invalid = (parameter?: string) => new AiError.InvalidRequestError({ parameter, description, metadata })
  const internal = () => new AiError.InternalProviderError({ description, metadata })
  const unknown = () => new AiError.UnknownError({ description, metadata })
  switch (error._tag) {
    case "TurnFailedError":
      return turnReasonOf(error, metadata)
    case "InvalidInputError":
      return error.field === "input" ? new AiError.InvalidUserInputError({ description }) : invalid(error.field)
    case "UnsupportedByServerError":
      return invalid(error.feature)
    case "OptionsNotInForceError":
      return invalid(error.options[0]?.option)
    case "CodexRpcError":
      switch (error.reason._tag) {
        case "InputTooLarge":
          return invalid("prompt")
        case "InvalidParams":
        case "InvalidRequest":
        case "MethodNotFound":
          return invalid()
        case "RetryLimitExceeded":
          return new AiError.RateLimitError({ metadata })
        case "Overloaded":
        case "Internal":
          return internal()
        default:
          return unknown()
      }
    case "CodexConnectionError":
      return CodexError.isRetryable(error) ? internal() : unknown()
    case "CodexTimeoutError":
      return internal()
    default:
      return unknown()
  }
}

const turnReasonOf = (
  error: CodexError.TurnFailedError,
  metadata: AiError.ProviderMetadata
): AiError.AiErrorReason => {
  const { reason } = error
  const description = error.error?.message ?? error.message
  const internal = () => new AiError.InternalProviderError({ description, metadata })
  const unauthorized = () => new AiError.AuthenticationError({ kind: "Unknown", description, metadata })
  switch (reason._tag) {
    case "RateLimited":
      return new AiError.RateLimitError({ metadata })
    case "UsageLimitExceeded":
      return new AiError.QuotaExhaustedError({
        metadata,
        resetAt: reason.resetsAt === null ? undefined : DateTime.makeUnsafe(reason.resetsAt * 1000)
      })
    case "SessionBudgetExceeded":
      return new AiError.QuotaExhaustedError({ metadata })
    case "Unauthorized":
      return unauthorized()
    case "PolicyViolation":
      return new AiError.ContentPolicyError({ description, metadata })
    case "ContextWindowExceeded":
      return new AiError.InvalidRequestError({ parameter: "prompt", description, metadata })
    case "ModelNotFound":
      return new AiError.InvalidRequestError({ parameter: "model", description, metadata })
    case "BadRequest":
      return new AiError.InvalidRequestError({ description, metadata })
    case "TooManyFailedAttempts":
      return new AiError.RateLimitError({ metadata })
    case "ConnectionFailed":
    case "StreamDisconnected":
      if (reason.httpStatus === 403) return unauthorized()
      if (reason.httpStatus === 429) return new AiError.RateLimitError({ metadata })
      return CodexError.isRetryable(error)
        ? internal()
        : new AiError.InvalidRequestError({ description, metadata })
    case "Overloaded":
    case "InternalServerError":
      return internal()
    default:
      return new AiError.UnknownError({ description, metadata })
  }
}
