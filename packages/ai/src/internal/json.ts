/**
 * JSON of encoded values, which may hold what JSON has no form for.
 */
import * as Base64 from "effect/encoding/Base64"

const written = (value: unknown): unknown => {
  if (typeof value === "bigint") return String(value)
  return value instanceof Uint8Array ? Base64.encode(value) : value
}

/** Returns a value as JSON; undefined if there is none. */
export const stringify = (value: unknown): string | undefined => JSON.stringify(value, (_, inner) => written(inner))

/** Returns a value as JSON with sorted keys: storing a conversation may change their order. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => {
    const plain = written(inner)
    return typeof plain === "object" && plain !== null && !Array.isArray(plain)
      ? Object.fromEntries(Object.entries(plain).toSorted(([a], [b]) => a < b ? -1 : 1))
      : plain
  })
