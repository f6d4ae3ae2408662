/**
 * Errors of this package, one class per kind of failure.
 *
 * Each is a tagged value. Catch one by its name with `Effect.catchTag` and one of its reasons with `Effect.catchReason`, call
 * {@link isRetryable} before a retry, or match on the union {@link CodexError}. The message states what happened, on which
 * thread and turn, and what to do next.
 */
export * from "./model/errors/CodexError.ts"
export { isRetryable } from "./model/errors/isRetryable.ts"
