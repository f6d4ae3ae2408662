/**
 * The names of threads and the keys of runs, as far as the databases can hold them.
 */
import { InvalidInputError } from "effect-codex/CodexError"
import * as Effect from "effect/Effect"

const longest = 255

const check = (field: string, value: string): Effect.Effect<void, InvalidInputError> =>
  value.length > 0 && value.length <= longest && !value.includes("\0") && !/\p{Surrogate}/u.test(value)
    ? Effect.void
    : Effect.fail(
      new InvalidInputError({
        field,
        detail: `it must have 1 to ${longest} characters, no character of code 0, and no half of a surrogate pair`
      })
    )

/** Checks the name of a thread, and the key of a run if there is one. */
export const checkNames = (thread: string, turnKey: string | null): Effect.Effect<void, InvalidInputError> =>
  turnKey === null
    ? check("thread", thread)
    : Effect.andThen(check("thread", thread), check("turnKey", turnKey))
