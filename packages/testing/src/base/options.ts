/**
 * The run-time check of option names, for callers that the types do not reach: a misspelled option fails instead of being ignored.
 */
import { InvalidInputError } from "effect-codex/CodexError"
import * as Effect from "effect/Effect"

/** The names of the options of `O`. TypeScript refuses a table with a missing or an extra one. */
export type Names<O> = { readonly [K in keyof O]-?: true }

/** Fails with `InvalidInputError` for the first option that the table does not have. */
export const checkNames = (
  options: object | undefined,
  names: { readonly [name: string]: true }
): Effect.Effect<void, InvalidInputError> =>
  Effect.suspend(() => {
    const isUnknown = ([name, value]: readonly [string, unknown]) => value !== undefined && !Object.hasOwn(names, name)
    const [unknown] = Object.entries(options ?? {}).find(isUnknown) ?? []
    if (unknown === undefined) return Effect.void
    const known = Object.keys(names)
    const meant = nearest(unknown, known) ?? known.join(" or ")
    return Effect.fail(
      new InvalidInputError({ field: unknown, detail: `${unknown} is not an option; did you mean ${meant}?` })
    )
  })

/** Returns the name that shares most pairs of letters with another one, if any does. */
const nearest = (name: string, known: ReadonlyArray<string>): string | undefined => {
  const given = pairs(name)
  const shared = (other: string) => pairs(other).filter((pair) => given.includes(pair)).length / other.length
  const [best] = known.toSorted((a, b) => shared(b) - shared(a))
  return best !== undefined && shared(best) > 0 ? best : undefined
}

const pairs = (text: string): ReadonlyArray<string> =>
  Array.from(text.slice(1), (letter, index) => (text[index] + letter).toLowerCase())
