/**
 * Bytes as base64, which is how the protocol carries them.
 */
import { Buffer } from "node:buffer"

/** Encodes bytes. */
export const encode = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")

/** Decodes bytes. */
export const decode = (text: string): Uint8Array => Buffer.from(text, "base64")
