/**
 * Known secrets in text: finds them literally and in the encodings that programs put them in.
 *
 * A secret is found percent-encoded, escaped as in JSON (also JSON within JSON), and in base64 at any of its three
 * alignments. The time grows with the length of the text, whatever its content.
 */

/** Replaces the secrets in a text. */
export type Hide = (text: string) => string

/** A part of a text: from `start` up to, but not including, `end`. */
export interface Span {
  /** Index of the first character. */
  readonly start: number
  /** Index after the last character. */
  readonly end: number
}

/** A text as its reader may decode it, with the way back to the original. */
export interface Decoding {
  /** The decoded text. */
  readonly text: string
  /** Returns the index in the original of a character of the decoded text, or of its end. */
  readonly origin: (index: number) => number
}

/** A shorter secret may be part of any text: hiding it would reveal more than it hides. */
export const minLength = 6

/** The largest number of characters of a secret. A longer text takes too long to search for, and is no key or token. */
export const maxSecret = 16_384

/** Levels of JSON within JSON, or of repeated percent-encoding, that are undone. */
const maxLevels = 6

// ---------------------------------------------------------------------------------------------------------------------
// Decoding
// ---------------------------------------------------------------------------------------------------------------------

const percent = 0x25
const backslash = 0x5c

const escapes = new Map([["n", "\n"], ["r", "\r"], ["t", "\t"], ["b", "\b"], ["f", "\f"]])

const hexAt = (text: string, index: number, digits: number): number => {
  let value = 0
  for (let at = index; at < index + digits; at++) {
    const digit = Number.parseInt(text.charAt(at), 16)
    if (Number.isNaN(digit)) return -1
    value = value * 16 + digit
  }
  return value
}

/** One decoded character, and the number of characters of the text that encode it. */
interface Decoded {
  readonly character: string
  readonly length: number
}

/** The character that a backslash introduces in JSON. */
const escapeAt = (text: string, index: number): Decoded | undefined => {
  const next = text.charAt(index + 1)
  if (next === "\\" || next === "\"" || next === "/" || next === "'") return { character: next, length: 2 }
  if (next !== "u") {
    const character = escapes.get(next)
    return character === undefined ? undefined : { character, length: 2 }
  }
  const code = hexAt(text, index + 2, 4)
  return code < 0 ? undefined : { character: String.fromCharCode(code), length: 6 }
}

/** The character that percent-encoded bytes, read as UTF-8, begin with. */
const percentAt = (text: string, index: number): Decoded | undefined => {
  const first = hexAt(text, index + 1, 2)
  if (first < 0 || (first >= 0x80 && first < 0xc2) || first >= 0xf5) return undefined
  const more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3
  let code = more === 0 ? first : first & (0x3f >> more)
  for (let byte = 1; byte <= more; byte++) {
    const at = index + byte * 3
    const value = text.charCodeAt(at) === percent ? hexAt(text, at + 1, 2) : -1
    if (value < 0x80 || value > 0xbf) return undefined
    code = code * 64 + (value & 0x3f)
  }
  return code > 0x10ffff ? undefined : { character: String.fromCodePoint(code), length: (more + 1) * 3 }
}

/** Undoes one level of escapes; undefined if the text has none. */
const decode = ({ origin, text }: Decoding): Decoding | undefined => {
  if (!text.includes("%") && !text.includes("\\")) return undefined
  let decoded = ""
  let copied = 0
  let origins: Uint32Array | undefined
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code !== percent && code !== backslash) continue
    const found = code === percent ? percentAt(text, index) : escapeAt(text, index)
    if (found === undefined) continue
    origins ??= new Uint32Array(text.length + 1)
    for (let at = copied; at < index; at++) origins[decoded.length + at - copied] = origin(at)
    decoded += text.slice(copied, index)
    for (let at = 0; at < found.character.length; at++) origins[decoded.length + at] = origin(index)
    decoded += found.character
    index += found.length - 1
    copied = index + 1
  }
  if (origins === undefined) return undefined
  for (let at = copied; at <= text.length; at++) origins[decoded.length + at - copied] = origin(at)
  const all = origins
  return { text: decoded + text.slice(copied), origin: (index) => all[index]! }
}

/** Returns the text itself, followed by what remains when its escapes are undone, level by level. */
export const decodings = (text: string): ReadonlyArray<Decoding> => {
  const found: Array<Decoding> = [{ text, origin: (index) => index }]
  for (let level = 0; level < maxLevels; level++) {
    const next = decode(found[level]!)
    if (next === undefined) break
    found.push(next)
  }
  return found
}

// ---------------------------------------------------------------------------------------------------------------------
// Base64
// ---------------------------------------------------------------------------------------------------------------------

/** A text to search for. In base64, characters beside it may hold some bits of the secret too. */
interface Needle {
  readonly text: string
  readonly sharesBefore: boolean
  readonly sharesAfter: boolean
}

const literal = (text: string): Needle => ({ text, sharesBefore: false, sharesAfter: false })

const bytesOf = (text: string): string =>
  Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("")

/** Returns the base64 of a text that follows a number of other bytes: the characters that depend on the text alone. */
const base64 = (text: string, bytesBefore: number): Needle => {
  const bytes = bytesOf(text)
  const bits = bytesBefore * 8
  const end = bits + bytes.length * 8
  const encoded = btoa("\0".repeat(bytesBefore) + bytes)
  return {
    text: encoded.slice(Math.ceil(bits / 6), Math.floor(end / 6)),
    sharesBefore: bits % 6 !== 0,
    sharesAfter: end % 6 !== 0
  }
}

const urlSafe = (needle: Needle): Needle => ({
  ...needle,
  text: needle.text.replaceAll("+", "-").replaceAll("/", "_")
})

/** Every text that stands for a secret. */
const needlesOf = (secret: string): ReadonlyArray<Needle> => {
  const wellFormed = new TextDecoder().decode(new TextEncoder().encode(secret))
  const plain = new Set([
    ...decodings(secret).map(({ text }) => text),
    secret.replaceAll(" ", "+"),
    wellFormed,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(wellFormed)
  ])
  const encoded = Array.from(plain, (text) => [0, 1, 2].map((bytesBefore) => base64(text, bytesBefore))).flat()
  return [...Array.from(plain, literal), ...encoded, ...encoded.map(urlSafe)]
}

// ---------------------------------------------------------------------------------------------------------------------
// Finding
// ---------------------------------------------------------------------------------------------------------------------

/** The hash of the first characters of each needle, as it rolls over a text. */
const base = 0x01000193
const baseOfFirst = Array.from({ length: minLength - 1 }).reduce<number>((power) => Math.imul(power, base), 1)
const shift = (hash: number, code: number): number => (Math.imul(hash, base) + code) | 0
const hashOf = (text: string): number => {
  let hash = 0
  for (let index = 0; index < minLength; index++) hash = shift(hash, text.charCodeAt(index))
  return hash
}

const isBase64 = (character: string): boolean => /^[\w+/-]$/.test(character)

/** Merges spans that overlap; they must be in the order of their starts. */
const merged = (spans: ReadonlyArray<Span>): ReadonlyArray<Span> => {
  const result: Array<Span> = []
  for (const span of spans) {
    const last = result.at(-1)
    if (last === undefined || last.end <= span.start) result.push(span)
    else if (span.end > last.end) result[result.length - 1] = { start: last.start, end: span.end }
  }
  return result
}

/** A set of secrets to find in texts. Secrets are never removed. */
export class KnownSecrets {
  /** The number of characters examined so far. Tests use it to show that the work is linear. */
  work = 0
  private readonly known = new Set<string>()
  private readonly needles = new Map<number, Array<Needle>>()
  /** Marks the lower halves of the hashes, which rules out most positions of a text at once. */
  private readonly marks = new Uint8Array(0x10000)

  /** Adds a secret. Secrets shorter than {@link minLength} are ignored. */
  add(secret: string): void {
    if (secret.length < minLength || this.known.has(secret)) return
    this.known.add(secret)
    const texts = new Set<string>()
    for (const needle of needlesOf(secret)) {
      if (needle.text.length < minLength || texts.has(needle.text)) continue
      texts.add(needle.text)
      const hash = hashOf(needle.text)
      this.marks[hash & 0xffff] = 1
      const others = this.needles.get(hash)
      if (others === undefined) this.needles.set(hash, [needle])
      else others.push(needle)
    }
  }

  /** Returns the parts of the original text that are secrets in any of its decodings, in order and without overlaps. */
  find(texts: ReadonlyArray<Decoding>): ReadonlyArray<Span> {
    if (this.known.size === 0) return []
    const found = texts.flatMap(({ origin, text }) =>
      this.findIn(text).map(({ end, start }): Span => ({ start: origin(start), end: origin(end) }))
    )
    return merged(found.sort((a, b) => a.start - b.start))
  }

  private findIn(text: string): ReadonlyArray<Span> {
    this.work += text.length
    const found: Array<Span> = []
    if (text.length < minLength) return found
    /** The work for each long needle; undefined once it was searched for in another way. */
    const spent = new Map<Needle, number | undefined>()
    let hash = hashOf(text)
    for (let start = 0;; start++) {
      if (this.marks[hash & 0xffff] === 1) {
        for (const needle of this.needles.get(hash) ?? []) {
          const { length } = needle.text
          if (length > comparedPerCharacter) {
            const work = spent.has(needle) ? spent.get(needle) : 0
            if (work === undefined) continue
            // If needle and text repeat the same pattern, each position costs the length of the needle.
            const isSlow = work + length > comparedPerCharacter * text.length
            spent.set(needle, isSlow ? undefined : work + length)
            if (isSlow) {
              this.work += length + text.length
              found.push(...occurrences(needle, text))
              continue
            }
          }
          this.work += length
          if (text.startsWith(needle.text, start)) found.push(spanOf(text, start, needle))
        }
      }
      const next = start + minLength
      if (next >= text.length) return found
      hash = shift(hash - Math.imul(text.charCodeAt(start), baseOfFirst), text.charCodeAt(next))
    }
  }
}

/** Characters of a needle that are compared for each character of a text, before it is searched for in another way. */
const comparedPerCharacter = 64

/** All occurrences of a needle, in time that is linear in both (Knuth, Morris and Pratt). Those that overlap are one span. */
const occurrences = (needle: Needle, text: string): ReadonlyArray<Span> => {
  const pattern = needle.text
  /** For each prefix of the pattern, the length of its longest proper prefix that is also its suffix. */
  const borders = new Uint32Array(pattern.length)
  for (let at = 1, border = 0; at < pattern.length; at++) {
    while (border > 0 && pattern.charCodeAt(at) !== pattern.charCodeAt(border)) border = borders[border - 1]!
    if (pattern.charCodeAt(at) === pattern.charCodeAt(border)) border++
    borders[at] = border
  }
  const spans: Array<Span> = []
  for (let at = 0, matched = 0; at < text.length; at++) {
    while (matched > 0 && text.charCodeAt(at) !== pattern.charCodeAt(matched)) matched = borders[matched - 1]!
    if (text.charCodeAt(at) === pattern.charCodeAt(matched)) matched++
    if (matched < pattern.length) continue
    matched = borders[matched - 1]!
    const span = spanOf(text, at - pattern.length + 1, needle)
    const last = spans.at(-1)
    if (last !== undefined && span.start <= last.end) spans[spans.length - 1] = { start: last.start, end: span.end }
    else spans.push(span)
  }
  return spans
}

const spanOf = (text: string, at: number, { sharesAfter, sharesBefore, text: { length } }: Needle): Span => {
  let end = at + length
  if (sharesAfter && isBase64(text.charAt(end))) end++
  return { start: sharesBefore && at > 0 && isBase64(text.charAt(at - 1)) ? at - 1 : at, end }
}

/** Returns a function that replaces every secret in a text. A secret of several lines is hidden line by line, too. */
export const hiding = (secrets: ReadonlyArray<string>, replacement = "<redacted>"): Hide => {
  const known = new KnownSecrets()
  for (const secret of secrets) for (const part of [secret, ...secret.split(/\r?\n/)]) known.add(part)
  return (text) => {
    let hidden = ""
    let copied = 0
    for (const { end, start } of known.find(decodings(text))) {
      hidden += text.slice(copied, start) + replacement
      copied = end
    }
    return hidden + text.slice(copied)
  }
}
