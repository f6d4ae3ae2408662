/**
 * A splitter that turns bytes, which arrive in pieces, into lines of text.
 */

/** A platform's way to join and decode bytes. */
export interface Codec<B extends Uint8Array> {
  readonly concat: (parts: ReadonlyArray<B>) => B
  readonly decode: (bytes: B, start: number, end: number) => string
}

/** A Codec that works on every platform. */
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
 * Splits bytes at line feeds. A line is decoded as a whole, so a character may be split between pieces.
 *
 * Keeps at most `limit` bytes of a line and drops the rest.
 */
export class Lines<B extends Uint8Array> {
  /** Pieces of the unfinished line. */
  private parts: Array<B> = []
  private size = 0

  private readonly codec: Codec<B>
  private readonly limit: number

  /** True once a line was longer than the limit. */
  isCut = false

  constructor(codec: Codec<B>, limit: number) {
    this.codec = codec
    this.limit = limit
  }

  /** Adds a piece, and returns the lines that end in it. */
  push(piece: B): Array<string> {
    const last = piece.lastIndexOf(lineFeed)
    let begun: Array<string> = []
    let start = 0
    if (this.size > 0 && last >= 0) {
      start = piece.indexOf(lineFeed) + 1
      this.keep(piece, 0, start - 1)
      begun = this.end()
    }
    const whole = start <= last ? this.split(piece, start, last) : []
    if (last + 1 < piece.length) this.keep(piece, last + 1, piece.length)
    return begun.length === 0 ? whole : begun.concat(whole)
  }

  /** Decodes whole lines. Decoding all of them at once and splitting the text costs less than decoding each. */
  private split(piece: B, start: number, last: number): Array<string> {
    if (last - start <= this.limit) return this.codec.decode(piece, start, last).split("\n")
    const lines: Array<string> = []
    for (let at = start; at <= last;) {
      const end = piece.indexOf(lineFeed, at)
      lines.push(this.decode(piece, at, end))
      at = end + 1
    }
    return lines
  }

  /** Returns the unfinished line, at the end of the input. */
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
    // A view, because callers never write to a piece again.
    this.parts.push(piece.subarray(start, kept) as B)
    this.size += kept - start
  }

  private decode(bytes: B, start: number, end: number): string {
    const kept = Math.min(end, start + this.limit)
    if (kept < end) this.isCut = true
    return this.codec.decode(bytes, start, kept)
  }
}
