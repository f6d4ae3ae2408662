/**
 * Text of values that come from the caller's code, such as what a `toJSON` throws.
 */

/** Returns the text of any value. Never throws, as `String` does for an object without a prototype. */
export const textOf = (value: unknown): string => {
  try {
    return String(value)
  } catch {
    return `(${typeof value} without a text)`
  }
}

/** Returns the message of an error, or the text of any other thrown value. */
export const messageOf = (error: unknown): string => textOf(error instanceof Error ? error.message : error)
