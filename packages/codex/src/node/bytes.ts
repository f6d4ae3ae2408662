/**
 * The codec of bytes on Node, which is faster than the portable one.
 */
import { Buffer } from "node:buffer"
import type { Codec } from "../base/Lines.ts"

/** A Codec that uses Node's `Buffer`. */
export const codec: Codec<Buffer> = {
  concat: (parts) => Buffer.concat(parts),
  decode: (bytes, start, end) => bytes.toString("utf8", start, end)
}
