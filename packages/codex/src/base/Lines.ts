/**
 * Bytes that arrive in pieces, as lines of text.
 */

/** How a platform joins and decodes bytes. */
export interface Codec<B extends Uint8Array> {
  readonly concat: (parts: ReadonlyArray<B>) => B
  readonly decode: (bytes: B, start: number, end: number) => string
}

/** A Codec for every platform. */
export const codec: Codec<Uint8Array> = {
  concat: (parts) => {
    const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
    let offset = 0
    for (const part of parts) {
      whole.set(part, offset)
      offset += part.length
    }
    return whole
  },
  decode: (bytes, start, end) => new TextDecoder().decode(bytes.subarray(start, end))
}

const lineFeed = 10

/**
 * Splits bytes at line feeds. A line is decoded as a whole, so a character may be split over pieces.
 *
 * No more than `limit` bytes of a line are kept: the rest of a longer line is dropped.
 */
export class Lines<B extends Uint8Array> {
  /** The pieces of the line that has not ended. */
  private parts: Array<B> = []
  private size = 0

  private readonly codec: Codec<B>
  private readonly limit: number

  /** Whether a line was longer than the limit. */
  isCut = false

  constructor(codec: Codec<B>, limit: number) {
    this.codec = codec
    this.limit = limit
  }

  /** The lines that end in this piece. */
  push(piece: B): Array<string> {
    const lines: Array<string> = []
    let start = 0
    let end: number
    while ((end = piece.indexOf(lineFeed, start)) >= 0) {
      if (this.size === 0) lines.push(this.decode(piece, start, end))
      else {
        this.keep(piece, start, end)
        lines.push(...this.end())
      }
      start = end + 1
    }
    if (start < piece.length) this.keep(piece, start, piece.length)
    return lines
  }

  /** The line that has begun, now that nothing follows. */
  end(): Array<string> {
    if (this.size === 0) return []
    const whole = this.parts.length === 1 ? this.parts[0]! : this.codec.concat(this.parts)
    this.parts = []
    this.size = 0
    return [this.decode(whole, 0, whole.length)]
  }

  private keep(piece: B, start: number, end: number): void {
    const kept = Math.min(end, start + this.limit - this.size)
    if (kept < end) this.isCut = true
    if (kept === start) return
    // A view: whoever hands over pieces does not write to them again.
    this.parts.push(piece.subarray(start, kept) as B)
    this.size += kept - start
  }

  private decode(bytes: B, start: number, end: number): string {
    const kept = Math.min(end, start + this.limit)
    if (kept < end) this.isCut = true
    return this.codec.decode(bytes, start, kept)
  }
}
