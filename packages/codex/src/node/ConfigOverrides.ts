/**
 * The encoding of a configuration as `--config key=<TOML>` overrides.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { InvalidInputError } from "../model/errors/CodexError.ts"

/** A value of Codex's configuration: any value that TOML has. */
export type ConfigValue =
  | string
  | number
  | boolean
  | ReadonlyArray<ConfigValue>
  | { readonly [key: string]: ConfigValue | undefined }

type KeyPath = ReadonlyArray<string>

const bareKey = /^[A-Za-z0-9_-]+$/

/** The deepest nesting of tables and lists. Codex reads at most 80 levels, and treats anything deeper as a string. */
const maxDepth = 64

/**
 * Flattens a configuration to `key=<TOML>` overrides: `{ a: { b: 1 } }` becomes `["a.b=1"]`. Fails with `InvalidInputError` for
 * a value that TOML does not have, such as `null`.
 *
 * Codex splits keys at every dot, quoted or not. A table with a key that needs quotes is therefore written as one inline table,
 * which Codex merges with the tables of the same name in its other layers.
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
        } is not allowed at the top level; use letters, digits, "_" and "-", and nest objects instead of using dots`
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
    // This also stops at a value that contains itself.
    if (path.length > maxDepth) {
      return yield* invalid(path.slice(0, 3), `it is nested more than ${maxDepth} levels deep, or contains itself`)
    }
    if (typeof value === "string") return yield* tomlString(value, path)
    if (typeof value === "boolean") return String(value)
    if (typeof value === "number") return yield* tomlNumber(value, path)
    if (Array.isArray(value)) {
      // `Array.from` turns holes into items.
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

// TOML has the escapes of JSON, except for DEL and lone surrogates.
const tomlString = (text: string, path: KeyPath): Effect.Effect<string, InvalidInputError> =>
  /\p{Surrogate}/u.test(text)
    ? invalid(path, "it contains a lone surrogate (half of a character), which TOML does not allow")
    : Effect.succeed(JSON.stringify(text).replaceAll("\u007f", "\\u007f"))

const tomlNumber = (value: number, path: KeyPath): Effect.Effect<string, InvalidInputError> => {
  if (!Number.isFinite(value)) return invalid(path, `${value} is not a finite number`)
  // A TOML integer has 64 bits. An exponent makes it a float.
  return Effect.succeed(Math.abs(value) < 2 ** 63 ? String(value) : value.toExponential())
}

/** Describes why a value is refused, and what to pass instead. */
const noForm = (value: unknown): string => {
  if (value === null || value === undefined) return `TOML has no ${value}; leave the key out instead`
  if (Redacted.isRedacted(value)) {
    return "a secret would be visible in the list of processes; pass it in `env`, and name the variable here (`env_key`, `bearer_token_env_var`, ...)"
  }
  const name = typeof value === "object" ? value.constructor?.name ?? "object" : typeof value
  return `TOML has no values of type ${name}; pass a string, a number, a boolean, a list or a plain object`
}
