import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { hiding } from "../../src/base/secrets.ts"
import { Tail } from "../../src/node/Stderr.ts"

/** The tail of what a process writes, in pieces. */
const tailOf = (pieces: Iterable<string>, hide = hiding([])) =>
  Effect.gen(function*() {
    const tail = new Tail(hide)
    for (const piece of pieces) yield* tail.push(Buffer.from(piece)) ?? Effect.void
    yield* tail.end
    return tail.text
  })

describe("the tail of standard error", () => {
  it.effect("has the last 40 lines", () =>
    Effect.gen(function*() {
      const lines = Array.from({ length: 100 }, (_, index) => `line ${index}`)
      assert.strictEqual(yield* tailOf([`${lines.join("\n")}\n`]), lines.slice(-40).join("\n"))
      assert.strictEqual(yield* tailOf(["a\r\n", "half", " a line"]), "a\nhalf a line")
    }))

  it.effect("is bounded, however long the lines", () =>
    Effect.gen(function*() {
      const piece = "x".repeat(1_000_000)
      const text = yield* tailOf(Array.from({ length: 60 }, (_, index) => index % 20 === 19 ? "y\n" : piece))
      assert.isAtMost(text.length, 16_500)
      assert.include(text, "xxx… (shortened)")
    }))

  it.effect("shows no part of a secret, also where a line is cut", () =>
    Effect.gen(function*() {
      const secret = "correct-horse-battery"
      for (let before = 16_300; before <= 16_400; before++) {
        const text = yield* tailOf(
          [`${"x".repeat(before)}${secret} ${secret}${"y".repeat(40_000)}\n`],
          hiding([secret])
        )
        assert.notInclude(text, "corr")
      }
    }))
})
