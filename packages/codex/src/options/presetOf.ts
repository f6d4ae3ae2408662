/**
 * Options that name a preset.
 */
import * as Effect from "effect/Effect"
import { InvalidInputError } from "../model/errors/CodexError.ts"

/** Returns the preset with a name. Fails with `InvalidInputError` on `field` for an unknown name. */
export const presetOf = <A extends object, K extends keyof A & string>(
  field: string,
  presets: A,
  name: K
): Effect.Effect<A[K], InvalidInputError> =>
  Object.hasOwn(presets, name)
    ? Effect.succeed(presets[name])
    : Effect.fail(
      new InvalidInputError({
        field,
        detail: `${JSON.stringify(name)} is not one of ${Object.keys(presets).join(", ")}`
      })
    )
