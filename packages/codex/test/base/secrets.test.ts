import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { decodings, hiding, KnownSecrets, minLength } from "../../src/base/secrets.ts"

const base64 = (text: string): string => Buffer.from(text).toString("base64")

const json = (text: string): string => JSON.stringify(text)

/** Percent-encodes every character, which `encodeURIComponent` does not. */
const percentAll = (text: string): string =>
  Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")

const encodings: Readonly<Record<string, (secret: string) => string>> = {
  literally: (secret) => secret,
  "percent-encoded": encodeURIComponent,
  "percent-encoded twice": (secret) => encodeURIComponent(encodeURIComponent(secret)),
  "percent-encoded in every character": percentAll,
  "in a form": (secret) => new URLSearchParams({ secret }).toString(),
  "in JSON": json,
  "in JSON within JSON": (secret) => json(json(json(json(secret)))),
  "in JSON of ASCII": (secret) =>
    json(secret).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
  "in a URL within JSON": (secret) => json(`https://example.com/?secret=${encodeURIComponent(secret)}`),
  "in base64": base64,
  "in base64 after one byte": (secret) => base64(`:${secret}`),
  "in base64 after two bytes": (secret) => base64(`a:${secret}!`),
  "in base64 for URLs": (secret) => Buffer.from(`>>?${secret}`).toString("base64url"),
  "in base64 within a URL": (secret) => encodeURIComponent(base64(`user:${secret}`)),
  "in base64 of JSON": (secret) => base64(json(secret))
}

/** The texts that a reader can decode from a text. */
const readable = (text: string): string =>
  [
    ...decodings(text).map(({ text }) => text),
    ...(text.match(/[\w+/-]{4,}/g) ?? []).map((word) =>
      [0, 1, 2, 3].map((shift) => Buffer.from(word.slice(shift), "base64").toString()).join()
    )
  ].join("\n")

const Text = Schema.String.check(Schema.makeFilter((text) => !/\p{Surrogate}/u.test(text)))

describe("hiding", () => {
  for (const [name, encode] of Object.entries(encodings)) {
    it(`finds a secret ${name}`, () => {
      for (
        const secret of ["lovelace", "pass word", "a+b/c=d?e&f", "say \"friend\"\nand enter", "100%25 \\n", "Zoë🦀ünï"]
      ) {
        const text = `before ${encode(secret)} after`
        const hidden = hiding([secret])(text)
        assert.include(hidden, "<redacted>", text)
        assert.notInclude(readable(hidden), secret)
        assert.isTrue(hidden.startsWith("before ") && hidden.endsWith(" after"), hidden)
      }
    })
  }

  it.prop(
    "finds any secret in any text and any of these encodings",
    { secret: Text.check(Schema.isMinLength(6)), before: Text, after: Text },
    ({ after, before, secret }) => {
      // What is left of a short secret that has escapes itself may be too short to look for.
      if (decodings(secret).some(({ text }) => text.length < minLength)) return
      const hide = hiding([secret])
      for (const [name, encode] of Object.entries(encodings)) {
        if (name.startsWith("in base64") || name === "in a form") continue
        assert.include(hide(`${before} ${encode(secret)} ${after}`), "<redacted>", name)
      }
      for (const prefix of ["", "a", "ab"]) {
        assert.include(hide(`x ${base64(`${prefix}${secret}`)} y`), "<redacted>", prefix)
      }
    },
    { arbitrary: { runs: 200 } }
  )

  it("leaves everything else as it is", () => {
    const hide = hiding(["lovelace", "short"])
    for (const text of ["", "short", "lovelac", "100% \\n \\u12 %zz", base64("nothing"), "lovelac%65?"]) {
      assert.strictEqual(hide(text), text === "lovelac%65?" ? "<redacted>?" : text)
    }
    assert.strictEqual(hiding([])("lovelace"), "lovelace")
  })

  it("hides overlapping secrets as one, and the lines of a secret each", () => {
    assert.strictEqual(hiding(["abcdef", "defghi"])("-abcdefghi-"), "-<redacted>-")
    assert.strictEqual(hiding(["abcdef\nghijkl\n"])("ghijkl"), "<redacted>")
  })

  it("hides the bits of a secret beside its base64", () => {
    const hidden = hiding(["lovelace"])(base64("a:lovelace:b"))
    assert.strictEqual(hidden, `${base64("a:l").slice(0, 2)}<redacted>${base64("a:lovelace:b").slice(14)}`)
  })
})

/** Returns the characters that finding these secrets in a text looks at. */
const working = (secrets: ReadonlyArray<string>) => {
  const known = new KnownSecrets()
  for (const secret of secrets) known.add(secret)
  return (text: string): number => {
    const before = known.work
    known.find(decodings(text))
    return known.work - before
  }
}

describe("the work of finding", () => {
  it.prop(
    "is in proportion to the text, whatever is repeated in it",
    {
      unit: Schema.Array(Schema.Literals(["a", "b", "%", "25", "\\", "\"", "lovelace", " ", "é"])).check(
        Schema.isMinLength(1)
      )
    },
    ({ unit }) => {
      const work = working(["aaaaaaa", "lovelace", "ab ab ab", "\\\\\\\\\\\\"])
      const text = unit.join("").repeat(200)
      assert.isAtMost(work(text + text), work(text) * 2.1 + 1000)
      assert.isAtMost(work(text), text.length * 300)
    },
    { arbitrary: { runs: 100 } }
  )

  it("is linear for long secrets that repeat themselves, and finds them all the same", () => {
    for (const secret of ["x".repeat(16_000), "xy".repeat(8_000), `${"x".repeat(16_000)}y`]) {
      for (
        const text of ["x".repeat(300_000), `${"xy".repeat(150_000)} x`, `a${secret}${secret}b${"x".repeat(300_000)}`]
      ) {
        assert.isAtMost(working([secret])(text), text.length * 300)
        // Where one occurrence overlaps the next, they are hidden together.
        const [first = ""] = text.split(secret)
        const hidden = hiding([secret])(text)
        assert.notInclude(hidden, secret)
        assert.isTrue(hidden.startsWith(first.slice(0, text.indexOf(secret))), "what stands before is kept")
      }
    }
  })

  it("does not grow with the number of secrets", () => {
    const text = "the quick brown fox jumps over the lazy dog ".repeat(1000)
    const names = Array.from({ length: 2000 }, (_, index) => `${index * 7919}-secret-${index}`)
    assert.isAtMost(working(names)(text), working(names.slice(0, 1))(text) * 1.5)
  })
})
