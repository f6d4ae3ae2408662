/**
 * The error of building a layer of this package.
 */
import type * as CodexError from "effect-codex/CodexError"
import * as Data from "effect/Data"

/**
 * Reasons why a layer cannot be built.
 *
 * @category errors
 */
export type Reason =
  | {
    readonly _tag: "HelperMissing"
    /** The programs that the server's machine lacks. */
    readonly names: ReadonlyArray<string>
  }
  | {
    readonly _tag: "Unsupported"
    /** The capability that is missing. */
    readonly feature: string
    /** The option, the version or the system that has it. */
    readonly needs: string
  }
  | {
    readonly _tag: "InvalidOption"
    /** The name of the option. */
    readonly field: string
    /** The problem, and how to solve it. */
    readonly detail: string
  }
  | {
    readonly _tag: "RequestFailed"
    /** The error of the request that the layer sent to the server. */
    readonly error: CodexError.RequestError
  }

/**
 * The error of building a layer: an option is wrong, or the server cannot do what the layer promises.
 *
 * Catch one reason with `Effect.catchReason("CodexPlatformError", "HelperMissing", ...)`.
 *
 * @category errors
 */
export class CodexPlatformError extends Data.TaggedError("CodexPlatformError")<{
  /** Why the layer cannot be built. */
  readonly reason: Reason
  /** The error underneath, if there is one. */
  readonly cause?: unknown
}> {
  override get message(): string {
    return messageOf(this.reason)
  }
}

const messageOf = (reason: Reason): string => {
  switch (reason._tag) {
    case "HelperMissing":
      return `The server's machine lacks ${
        reason.names.join(", ")
      }. Install perl there, or pass helpers: "none" for the `
        + "few operations that need no helper."
    case "Unsupported":
      return `The connected app-server cannot provide ${reason.feature}: it needs ${reason.needs}.`
    case "InvalidOption":
      return `The option ${reason.field} cannot be used: ${reason.detail}.`
    case "RequestFailed":
      return `A request to the app-server failed while the layer was being built: ${reason.error.message}`
  }
}

/** Builds the error of a request that failed while a layer was built. */
export const requestFailed = (error: CodexError.RequestError): CodexPlatformError =>
  new CodexPlatformError({ reason: { _tag: "RequestFailed", error }, cause: error })

/** Builds the error of an option that cannot be used. */
export const invalidOption = (field: string, detail: string): CodexPlatformError =>
  new CodexPlatformError({ reason: { _tag: "InvalidOption", field, detail } })

/** Builds the error of a capability that the server lacks. */
export const unsupported = (feature: string, needs: string, cause?: unknown): CodexPlatformError =>
  new CodexPlatformError({ reason: { _tag: "Unsupported", feature, needs }, cause })
