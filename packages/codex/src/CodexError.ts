/**
 * Every error that a user of this package can meet.
 *
 * Each is a tagged value: catch one by name with `Effect.catchTag`, ask {@link isRetryable} whether trying again can
 * help, or match on the union {@link CodexError}. The message says what happened, to which thread and turn, and what to
 * do next.
 */
export * from "./model/CodexError.ts"
