/**
 * The run-time check of options as an Effect.
 */
import * as Effect from "effect/Effect"
import { findMistake, type Table } from "../../base/options.ts"
import { InvalidInputError } from "./CodexError.ts"

/** Fails with `InvalidInputError` for the first mistake among options. */
export const check = (options: unknown, checks: Table): Effect.Effect<void, InvalidInputError> =>
  Effect.suspend(() => {
    const mistake = findMistake(options, checks)
    return mistake === undefined ? Effect.void : Effect.fail(new InvalidInputError(mistake))
  })
