/** A writer of TOML, with one line for each top-level key; tables and arrays are inline. */
import * as Predicate from "effect/Predicate"

const string = (text: string): string => JSON.stringify(text).replaceAll("\u007f", "\\u007f")

const key = (name: string): string => /^[\w-]+$/.test(name) ? name : string(name)

const value = (input: unknown): string => {
  if (Predicate.isString(input)) return string(input)
  if (Array.isArray(input)) return `[${input.map(value).join(", ")}]`
  if (Predicate.isObject(input)) return `{ ${entries(input).join(", ")} }`
  return String(input)
}

const entries = (table: object): ReadonlyArray<string> =>
  Object.entries(table).flatMap(([name, item]) => item === undefined ? [] : [`${key(name)} = ${value(item)}`])

/** Encodes a TOML document. A key whose value is `undefined` is left out; TOML has no null. */
export const document = (table: object): string => entries(table).map((line) => `${line}\n`).join("")
