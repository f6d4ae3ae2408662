/**
 * Traversals of the strings in a JSON value, down to a fixed depth, because a value may be nested more deeply than the stack
 * allows.
 */
import * as Predicate from "effect/Predicate"

/** The number of levels that are traversed. */
const maxDepth = 64

/** Returns true if a string anywhere in the value passes the test. */
export const someString = (value: unknown, test: (text: string) => boolean, depth = maxDepth): boolean => {
  if (typeof value === "string") return test(value)
  if (depth === 0) return false
  if (Array.isArray(value)) return value.some((element) => someString(element, test, depth - 1))
  return Predicate.isObject(value) && Object.values(value).some((field) => someString(field, test, depth - 1))
}

/** Returns a copy of the value with every string mapped. Deeper levels are replaced by `"…"`. */
export const mapStrings = (value: unknown, map: (text: string) => string, depth = maxDepth): unknown => {
  if (typeof value === "string") return map(value)
  if (typeof value !== "object" || value === null) return value
  if (depth === 0) return "…"
  if (Array.isArray(value)) return value.map((element) => mapStrings(element, map, depth - 1))
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [map(key), mapStrings(field, map, depth - 1)]))
}
