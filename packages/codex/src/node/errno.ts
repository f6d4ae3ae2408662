/**
 * The code of a system error, such as `ENOENT`.
 */
import * as Predicate from "effect/Predicate"

/** Returns the code of an error. Undefined if it has none. */
export const codeOf = (error: unknown): string | undefined =>
  Predicate.hasProperty(error, "code") && typeof error.code === "string" ? error.code : undefined
