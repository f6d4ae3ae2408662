/**
 * A configuration as `--config key=<TOML>` overrides.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { InvalidInputError } from "../model/CodexError.ts"

/** A value of Codex's configuration: what TOML can say. */
export type ConfigValue =
  | string
  | number
  | boolean
  | ReadonlyArray<ConfigValue>
  | { readonly [key: string]: ConfigValue | undefined }

type KeyPath = ReadonlyArray<string>

const bareKey = /^[A-Za-z0-9_-]+$/

/** How deep tables and lists may be nested. Codex can't read more than 80, and takes what it can't read as a string. */
const maxDepth = 64

/**
 * Flattens a configuration to `key=<TOML>` overrides: `{ a: { b: 1 } }` is `["a.b=1"]`.
 *
 * Codex splits the key at every dot, quoted or not, so a table with a key that needs quoting is written as one inline
 * table; Codex merges it with the tables of the same name in its other layers.
 *
 * @category constructors
 */
export const configOverrides = (
  config: { readonly [key: string]: ConfigValue | undefined }
): Effect.Effect<ReadonlyArray<string>, InvalidInputError> =>
  isTable(config) ? flatten(config, []) : invalid([], "it is not a plain object")

const invalid = (path: KeyPath, detail: string): Effect.Effect<never, InvalidInputError> =>
  Effect.fail(new InvalidInputError({ field: ["config", ...path].join("."), detail }))

const isTable = (value: unknown): value is { readonly [key: string]: unknown } =>
  Predicate.isObject(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value))

const entriesOf = (table: { readonly [key: string]: unknown }) =>
  Object.entries(table).filter(([, value]) => value !== undefined)

const flatten = (value: unknown, path: KeyPath): Effect.Effect<ReadonlyArray<string>, InvalidInputError> => {
  if (isTable(value) && path.length <= maxDepth) {
    const entries = entriesOf(value)
    const [odd] = entries.find(([key]) => !bareKey.test(key)) ?? []
    if (path.length === 0 && odd !== undefined) {
      return invalid(
        path,
        `the key ${
          JSON.stringify(odd)
        } can't be given at the top: use letters, digits, "_" and "-", and nest objects instead of dots`
      )
    }
    if (odd === undefined && (path.length === 0 || entries.length > 0)) {
      const nested = Effect.forEach(entries, ([key, value]) => flatten(value, [...path, key]))
      return Effect.map(nested, (overrides) => overrides.flat())
    }
  }
  return Effect.map(tomlOf(value, path), (toml) => [`${path.join(".")}=${toml}`])
}

const tomlOf: (value: unknown, path: KeyPath) => Effect.Effect<string, InvalidInputError> = Effect.fnUntraced(
  function*(value, path) {
    // A value that contains itself ends here, too.
    if (path.length > maxDepth) {
      return yield* invalid(path.slice(0, 3), `it is nested more than ${maxDepth} levels deep, or contains itself`)
    }
    if (typeof value === "string") return yield* tomlString(value, path)
    if (typeof value === "boolean") return String(value)
    if (typeof value === "number") return yield* tomlNumber(value, path)
    if (Array.isArray(value)) {
      // Holes are items too.
      const items = yield* Effect.forEach(Array.from(value), (item, index) => tomlOf(item, [...path, String(index)]))
      return `[${items.join(", ")}]`
    }
    if (isTable(value)) {
      const entries = yield* Effect.forEach(
        entriesOf(value),
        Effect.fnUntraced(function*([key, nested]) {
          const name = bareKey.test(key) ? key : yield* tomlString(key, path)
          return `${name} = ${yield* tomlOf(nested, [...path, key])}`
        })
      )
      return `{${entries.join(", ")}}`
    }
    return yield* invalid(path, noForm(value))
  }
)

// JSON's escapes are TOML's, but for DEL, and for halves of characters.
const tomlString = (text: string, path: KeyPath): Effect.Effect<string, InvalidInputError> =>
  /\p{Surrogate}/u.test(text)
    ? invalid(path, "it has half a character (a lone surrogate), which TOML can't have")
    : Effect.succeed(JSON.stringify(text).replaceAll("\u007f", "\\u007f"))

const tomlNumber = (value: number, path: KeyPath): Effect.Effect<string, InvalidInputError> => {
  if (!Number.isFinite(value)) return invalid(path, `${value} is not a number that a configuration can have`)
  // An integer of TOML has 64 bits; with an exponent it is a float.
  return Effect.succeed(Math.abs(value) < 2 ** 63 ? String(value) : value.toExponential())
}

/** Why a value is refused, and what to give instead. */
const noForm = (value: unknown): string => {
  if (value === null || value === undefined) return `${value} has no form in TOML: leave the key out instead`
  if (Redacted.isRedacted(value)) {
    return "a secret would show in the list of processes: give it in `env`, and its variable's name here (`env_key`, `bearer_token_env_var`, ...)"
  }
  const name = typeof value === "object" ? value.constructor?.name ?? "object" : typeof value
  return `a value of type ${name} has no form in TOML: give a string, a number, a boolean, a list or a plain object`
}
