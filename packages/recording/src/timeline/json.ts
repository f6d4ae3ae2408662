/**
 * Readers for values of an unknown shape: a recording may come from any server, and may have been edited.
 */
import { isMessage, type Message } from "../format/Recording.ts"

/** Returns the value if it is an object, otherwise an empty one. */
export const object = (value: unknown): Message => isMessage(value) ? value : {}

/** Returns the elements of a list that are objects, and an empty object in place of each that is none. */
export const objects = (value: unknown): ReadonlyArray<Message> => Array.isArray(value) ? value.map(object) : []

/** Returns the value if it is a text that is not empty. */
export const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined

/** Returns the value if it is a number. */
export const number = (value: unknown): number | undefined => typeof value === "number" ? value : undefined

/** Returns any value as words. `String` would call the `toString` of the value, which may be anything. */
export const words = (value: unknown): string => typeof value === "string" ? value : JSON.stringify(value) ?? ""

/** Returns the first line of a text, shortened. */
export const brief = (value: string, max = 120): string => {
  const [line = ""] = value.trim().split("\n", 1)
  return line.length > max ? `${line.slice(0, max)}…` : line
}
