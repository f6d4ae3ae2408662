/**
 * A limit on how deeply messages are nested: a text may be nested more deeply than the call stack allows.
 */

/** Levels of a message that are kept. The app-server itself refuses messages of more than about 128. */
export const maxDepth = 200

/** Stands in a recording for a value that is nested too deeply. */
export const tooDeep = "[too deep]"

const isDeeper = (value: unknown, depth: number): boolean =>
  typeof value === "object" && value !== null
  && (depth === 0 || Object.values(value).some((child) => isDeeper(child, depth - 1)))

const cut = (value: unknown, depth: number): unknown => {
  if (typeof value !== "object" || value === null) return value
  if (depth === 0) return tooDeep
  if (Array.isArray(value)) return value.map((element) => cut(element, depth - 1))
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, cut(child, depth - 1)]))
}

/** Returns a JSON value with the levels beyond the limit replaced by {@link tooDeep}. */
export const limitDepth = (value: unknown, depth = maxDepth): unknown =>
  isDeeper(value, depth) ? cut(value, depth) : value
