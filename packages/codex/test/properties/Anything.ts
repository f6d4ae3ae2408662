/**
 * Seeded values of every kind that a program can write: any text, any depth, any size, and values without a form in JSON.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"

/** Texts that one layer or another could read as something else. */
const oddTexts: ReadonlyArray<string> = [
  "",
  " \t\n",
  "\0",
  "a\0b",
  "\r\n",
  "\u001b]0;title\u0007\u001b[31m",
  "\u007f\u0085\u009b",
  "\u2028\u2029",
  "\u202e\u2066",
  "\ufeff\uffff\ufffe",
  "\ud800",
  "\udc00",
  "\udc00\ud800",
  "crab: \ud83e",
  "\udd80 crab",
  "🦀",
  "\\ud800",
  "\\\\ud83e\\",
  "\\\"",
  "{\"id\":1,\"method\":\"x\"}",
  "[[[[[[",
  "__proto__",
  "constructor",
  "toJSON",
  "$ref",
  "../..",
  "data:,",
  ",x",
  "data:image/png;base64,",
  "file:///etc/passwd",
  "http://[::1",
  "null",
  "-0",
  "1e999",
  "NaN",
  "0.1.2.3"
]

/** Pieces that long texts are made of. */
const pieces: ReadonlyArray<string> = [
  "x",
  " ",
  "\\",
  "\"",
  "\0",
  "\ud83e",
  "🦀",
  "\n",
  "é",
  ",",
  "[",
  "{\"a\":",
  "\t "
]

/** Depths around the limit of the server, of V8's stack, and beyond. */
const depths: ReadonlyArray<number> = [
  1,
  2,
  10,
  63,
  64,
  65,
  100,
  118,
  122,
  124,
  126,
  127,
  128,
  129,
  200,
  1_000,
  3_000,
  10_000
]

/** A value that throws when it is written as JSON. */
/** Numbers that JSON, an integer of 64 bits or a timer can't hold. */
const oddNumbers: ReadonlyArray<number> = [
  0,
  -0,
  1,
  -1,
  0.5,
  2 ** 31,
  2 ** 53 + 2,
  2 ** 63,
  1e308,
  5e-324,
  NaN,
  Infinity,
  -Infinity
]

const throwing = (error: unknown) => ({
  toJSON: () => {
    throw error
  }
})

export class Anything {
  private state: number

  constructor(seed: number) {
    this.state = seed | 0
    // Seeds that lie close to each other begin alike.
    for (let skipped = 0; skipped < 4; skipped++) this.next()
  }

  /** A number from 0 to below 1 (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from 0 to below the limit. */
  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  oneOf<A>(choices: ReadonlyArray<A>): A {
    return choices[this.below(choices.length)]!
  }

  /** A list of 0 to 3 values. */
  few<A>(make: () => A): ReadonlyArray<A> {
    return Array.from({ length: this.below(4) }, make)
  }

  number(): number {
    return this.below(2) === 0 ? this.oneOf(oddNumbers) : this.below(5_000) - 100
  }

  text(): string {
    const kind = this.below(100)
    if (kind < 40) return this.oneOf(oddTexts)
    if (kind < 60) return `a text ${this.below(1_000)}${this.oneOf(oddTexts)}`
    // Any code units, half of them surrogates.
    if (kind < 90) {
      const codes = Array.from(
        { length: this.below(40) },
        () => this.below(2) === 0 ? 0xd800 + this.below(0x800) : this.below(this.oneOf([0x80, 0x100, 0x10000]))
      )
      return String.fromCharCode(...codes)
    }
    const piece = this.oneOf(pieces)
    // Rarely some megabytes.
    return piece.repeat(Math.ceil(this.below(kind < 98 ? 10_000 : 3_000_000) / piece.length)) + this.oneOf(oddTexts)
  }

  /** A text that mostly is an ordinary one. */
  mostly(text: string): string {
    return this.below(4) === 0 ? this.text() : text
  }

  /** Any value, typed as what it is passed for. */
  json(): Protocol.Json {
    return this.value(4) as Protocol.Json
  }

  /** An object with any fields. */
  object(): Protocol.JsonObject {
    const depth = this.below(5) === 0 ? this.oneOf(depths) : undefined
    const fields = depth === undefined ? this.fields(3) : { [this.text()]: this.nested(depth) }
    return fields as Protocol.JsonObject
  }

  private fields(levels: number): object {
    return Object.fromEntries(this.few(() => [this.text(), this.value(levels)]))
  }

  private value(levels: number): unknown {
    const kind = this.below(20)
    if (kind < 6 || levels === 0) return this.text()
    if (kind < 8) return this.number()
    if (kind < 9) return this.oneOf([true, false, null])
    if (kind < 12) return this.few(() => this.value(levels - 1))
    if (kind < 15) return this.fields(levels - 1)
    if (kind < 17) return this.nested(this.oneOf(depths))
    if (kind < 18) return this.wide()
    return this.strange()
  }

  /** Arrays or objects within each other. */
  private nested(depth: number): unknown {
    const kind = this.below(3)
    let value: unknown = this.oneOf(["leaf", "\ud800", null, {}, []])
    for (let level = 0; level < depth; level++) {
      value = kind === 0 || (kind === 1 && level % 2 === 0) ? [value] : { deeper: value }
    }
    return value
  }

  private wide(): unknown {
    const length = this.below(this.below(20) === 0 ? 100_000 : 1_000)
    return this.below(2) === 0
      ? Array.from({ length }, (_, index) => index)
      : Object.fromEntries(Array.from({ length }, (_, index) => [`${index} field`, index % 2 === 0]))
  }

  /** A value that JSON has no form for, or another one than expected. */
  private strange(): unknown {
    return this.oneOf<() => unknown>([
      () => undefined,
      () => 1n,
      () => () => {},
      () => Symbol("symbol"),
      () => new Date(NaN),
      () => new Map([["key", 1]]),
      () => new Uint8Array(3),
      () => new URL("data:,"),
      () => Object.create(null),
      () => Array(2).fill(1, 1),
      () => ({ toJSON: () => undefined }),
      () => ({ toJSON: () => "\udfff" }),
      () => throwing(new Error("no")),
      () => throwing(undefined),
      () => throwing(Symbol("thrown")),
      () => throwing(Object.create(null)),
      () => Object.defineProperty({}, "field", { enumerable: true, get: () => throwing(null).toJSON() }),
      () => JSON.parse("{\"__proto__\":{\"polluted\":true}}"),
      () => {
        const cycle: Record<string, unknown> = {}
        cycle["self"] = cycle
        return cycle
      }
    ])()
  }
}
