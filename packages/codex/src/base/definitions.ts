/**
 * References to the definitions of a JSON Schema.
 */
import * as JsonPointer from "effect/JsonPointer"

/** Returns the unescaped name of the definition that `#/$defs/...` refers to. */
export const nameOf = (ref: string): string =>
  JsonPointer.unescapeToken(decodeURIComponent(ref.slice("#/$defs/".length)))
