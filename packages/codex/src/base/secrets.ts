/**
 * Hides known secrets in text.
 */

/** A shorter secret may be part of any text: hiding it would reveal more than it hides. */
const minLength = 6

/** Replaces secrets in a text. */
export type Hide = (text: string) => string

/** Returns a function that replaces every secret in a text. A secret of several lines is hidden line by line. */
export const hiding = (secrets: ReadonlyArray<string>): Hide => {
  const parts = secrets.flatMap((secret) => secret.split(/\r?\n/)).filter(({ length }) => length >= minLength)
    // A secret that contains another goes first.
    .sort((a, b) => b.length - a.length)
  return parts.length === 0
    ? (text) => text
    : (text) => parts.reduce((text, part) => text.replaceAll(part, "<redacted>"), text)
}
