/**
 * The frames of a WebSocket (RFC 6455, section 5), on the client's side and without extensions.
 *
 * The frames of a chunk are read in one loop, so that a chunk of messages costs about as much as a chunk of lines.
 */
import { Buffer } from "node:buffer"

/** The kinds of frames. */
export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** A control frame, which is not part of a message. */
export interface Control {
  readonly opcode: typeof Opcode.close | typeof Opcode.ping | typeof Opcode.pong
  readonly payload: Buffer
}

const isLast = 0x80
const isMasked = 0x80
const opcodeBits = 0x0f
/** The bits that only extensions set. */
const reservedBits = 0x70

/** The longest payloads whose length fits into the length byte and into two further bytes. */
const shortest = 125
const short = 0xffff

/** Encodes one frame. A client masks each frame with a new key. */
export const encode = (opcode: number, payload: string | Uint8Array): Buffer => {
  const length = typeof payload === "string" ? Buffer.byteLength(payload) : payload.length
  const extended = length <= shortest ? 0 : length <= short ? 2 : 8
  const start = 2 + extended + 4
  const frame = Buffer.allocUnsafe(start + length)
  frame[0] = isLast | opcode
  frame[1] = isMasked | (extended === 0 ? length : extended === 2 ? shortest + 1 : shortest + 2)
  if (extended === 2) frame.writeUInt16BE(length, 2)
  else if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2)
  const key = crypto.getRandomValues(frame.subarray(start - 4, start))
  if (typeof payload === "string") frame.write(payload, start)
  else frame.set(payload, start)
  for (let index = 0; index < length; index++) frame[start + index]! ^= key[index & 3]!
  return frame
}

/**
 * A reader of frames from bytes that arrive in pieces. It returns text messages and passes control frames to `onControl`. It drops
 * binary messages, which the app-server does not send.
 */
export class Frames {
  /** The reason why reading has stopped. All further bytes are dropped. */
  problem: string | undefined

  /** The pieces of the incomplete frame, their size, and the size at which the frame or its header is complete. */
  private parts: Array<Buffer> = []
  private size = 0
  private needed = 0

  /** The fragments of the incomplete message. */
  private fragments: Array<Buffer> = []
  private fragmentsSize = 0
  private isText = false

  private readonly limit: number
  private readonly onControl: (control: Control) => void

  /** Creates a reader of messages of at most `limit` bytes. */
  constructor(limit: number, onControl: (control: Control) => void) {
    this.limit = limit
    this.onControl = onControl
  }

  /** Returns the messages that end in this piece. */
  push(piece: Buffer): Array<string> {
    const messages: Array<string> = []
    this.size += piece.length
    this.parts.push(piece)
    if (this.size < this.needed || this.problem !== undefined) return messages
    const bytes = this.parts.length === 1 ? piece : Buffer.concat(this.parts, this.size)
    const end = this.read(bytes, messages)
    this.parts = end === bytes.length || this.problem !== undefined ? [] : [bytes.subarray(end)]
    this.size = this.parts.length === 0 ? 0 : bytes.length - end
    return messages
  }

  /** Reads the complete frames. Returns the offset of their end. */
  private read(bytes: Buffer, messages: Array<string>): number {
    let start = 0
    this.needed = 0
    while (this.problem === undefined) {
      const available = bytes.length - start
      if (available < 2) return start
      const first = bytes[start]!
      const second = bytes[start + 1]!
      if ((first & reservedBits) !== 0 || second >= isMasked) {
        this.problem = "a WebSocket frame that no server may send: it is masked, or uses an extension"
        return start
      }
      const header = second <= shortest ? 2 : second === shortest + 1 ? 4 : 10
      if (available < header) return this.wait(header, start)
      const length = header === 2
        ? second
        : header === 4
        ? bytes.readUInt16BE(start + 2)
        : Number(bytes.readBigUInt64BE(start + 2))
      if (length + this.fragmentsSize > this.limit) {
        this.problem = `a message of more than ${this.limit} bytes, which no string can hold`
        return start
      }
      if (available < header + length) return this.wait(header + length, start)
      const payloadStart = start + header
      start = payloadStart + length
      this.take(first, bytes, payloadStart, start, messages)
    }
    return start
  }

  private wait(needed: number, start: number): number {
    this.needed = needed
    return start
  }

  private take(first: number, bytes: Buffer, start: number, end: number, messages: Array<string>): void {
    const opcode = first & opcodeBits
    if (first === (isLast | Opcode.text) && this.fragments.length === 0) {
      messages.push(bytes.toString("utf8", start, end))
    } else if (opcode === Opcode.close || opcode === Opcode.ping || opcode === Opcode.pong) {
      this.onControl({ opcode, payload: bytes.subarray(start, end) })
    } else if (opcode > Opcode.binary) this.problem = `a WebSocket frame of the unknown kind ${opcode}`
    else {
      if (opcode !== Opcode.continuation) this.isText = opcode === Opcode.text
      this.fragments.push(bytes.subarray(start, end))
      this.fragmentsSize += end - start
      if (first < isLast) return
      if (this.isText) messages.push(Buffer.concat(this.fragments, this.fragmentsSize).toString("utf8"))
      this.fragments = []
      this.fragmentsSize = 0
    }
  }
}
