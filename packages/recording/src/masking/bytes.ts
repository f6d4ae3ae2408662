/**
 * Bytes as strings, a character each: fields in base64 and pieces of output, which may end within a character.
 */
import { Buffer } from "node:buffer"

/** Returns the bytes of a field in base64. */
export const decodeBase64 = (text: string): string => Buffer.from(text, "base64").toString("latin1")

/** Returns the field of bytes in base64. */
export const encodeBase64 = (bytes: string): string => Buffer.from(bytes, "latin1").toString("base64")

/** The text that bytes encode in UTF-8. */
interface Text {
  readonly text: string
  /** False if the last character is cut off. */
  readonly complete: boolean
}

/** Reads bytes as UTF-8; undefined if they are none. */
export const textOf = (bytes: string): Text | undefined => {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, "latin1"), {
      stream: true
    })
    return { text, complete: Buffer.byteLength(text, "utf8") === bytes.length }
  } catch {
    return undefined
  }
}

/** Returns the bytes of a text in UTF-8. */
export const bytesOf = (text: string): string => Buffer.from(text, "utf8").toString("latin1")

/** Returns bytes that are no text as one. A byte that is not ASCII becomes a character that is no letter. */
export const asText = (bytes: string): string =>
  bytes.replace(/[\x80-\xff]/g, (byte) => String.fromCharCode(0xf700 + byte.charCodeAt(0)))

/** Returns the bytes of a text that {@link asText} made. */
export const fromText = (text: string): string =>
  text.replace(/[\uf780-\uf7ff]/g, (character) => String.fromCharCode(character.charCodeAt(0) - 0xf700))
