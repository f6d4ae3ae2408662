/**
 * Text that is safe to print: the content of a server's message or a file name must not control the terminal.
 */

/** The characters that a terminal interprets: C0 except tab and line feed, DEL, C1, and the controls of text direction. */
// oxlint-disable-next-line no-control-regex
const controls = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

const escape = (character: string): string => {
  const code = character.charCodeAt(0)
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`
}

/** Returns the text with every control character written as an escape, such as `\x1b`. Keeps tabs and line breaks. */
export const printable = (text: string): string => text.replaceAll("\r\n", "\n").replace(controls, escape)
