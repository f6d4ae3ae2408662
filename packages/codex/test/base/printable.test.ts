import { assert, describe, it } from "@effect/vitest"
import { printable } from "../../src/base/printable.ts"
import { hiding } from "../../src/base/secrets.ts"
import { mapStrings, someString } from "../../src/base/strings.ts"

describe("printable", () => {
  it("keeps text, tabs and line breaks", () => {
    for (const text of ["", "grüß 🦀 \t\n漢字", "a‍b"]) assert.strictEqual(printable(text), text)
    assert.strictEqual(printable("a\r\nb"), "a\nb")
  })

  it("escapes whatever a terminal acts on", () => {
    assert.strictEqual(printable("\u001b[31mred\u0007"), "\\x1b[31mred\\x07")
    assert.strictEqual(printable("done\rnot"), "done\\x0dnot")
    assert.strictEqual(printable("\u009b2J\u007f\0"), "\\x9b2J\\x7f\\x00")
    assert.strictEqual(printable("safe\u202Eexe.txt\u2066"), "safe\\u202eexe.txt\\u2066")
  })
})

describe("hiding", () => {
  it("hides each line of a secret, and the longer one of two", () => {
    const hide = hiding(["secret-one", "secret-one-more", "first line\nsecond line", "tiny"])
    assert.strictEqual(
      hide("secret-one-more, secret-one, second line, tiny"),
      "<redacted>, <redacted>, <redacted>, tiny"
    )
  })
})

describe("the strings of a value", () => {
  const deep = JSON.parse(`${"[".repeat(100_000)}"deep"${"]".repeat(100_000)}`) as unknown

  it("are found and mapped down to a fixed depth", () => {
    const value = { a: ["x", { b: "y" }], c: 1, d: null }
    assert.isTrue(someString(value, (text) => text === "y"))
    assert.isFalse(someString(value, (text) => text === "z"))
    assert.deepStrictEqual(mapStrings(value, (text) => text.toUpperCase()), { A: ["X", { B: "Y" }], C: 1, D: null })
    assert.isFalse(someString(deep, (text) => text === "deep"))
    assert.include(JSON.stringify(mapStrings(deep, (text) => text)), "…")
  })

  it("may have any name", () => {
    const value = JSON.parse(`{"__proto__":{"polluted":"yes"}}`) as unknown
    const copy = mapStrings(value, (text) => text)
    assert.strictEqual(JSON.stringify(copy), JSON.stringify(value))
    assert.notProperty({}, "polluted")
  })
})
