/**
 * The definitions of a JSON Schema, which its references name.
 */
import * as JsonPointer from "effect/JsonPointer"

/** The name of the definition that `#/$defs/...` refers to, as it was before it was escaped. */
export const nameOf = (ref: string): string =>
  JsonPointer.unescapeToken(decodeURIComponent(ref.slice("#/$defs/".length)))
