import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as JsonRpc from "../../src/base/JsonRpc.ts"
import { cpuTime } from "../cpuTime.ts"

const nested = (depth: number, inner: unknown = 1): unknown => depth === 0 ? inner : [nested(depth - 1, inner)]

const encoded = (message: object): unknown => JSON.parse(Result.getOrThrow(JsonRpc.encode(message)))

const refusal = (code: number, message: unknown, data?: unknown) =>
  JSON.parse(JsonRpc.encodeRefusal("7", { code, message: message as string, data })).error

describe("encoded messages", () => {
  it("is well-formed: halves of surrogate pairs become U+FFFD, in keys too, and nothing else changes", () => {
    for (
      const text of [
        "a😀b",
        "😀".slice(0, 1),
        "😀".slice(1),
        "😀😀".slice(1, 3),
        "\\ud83d",
        "\\\\ud83d\\",
        "\\" + "😀".slice(0, 1),
        "\"\\\"" + "😀".slice(1) + "\u0000\n",
        "\\ude00 and " + "😀".slice(1)
      ]
    ) {
      // Text decoders do the same.
      const expected = new TextDecoder().decode(new TextEncoder().encode(text))
      assert.deepStrictEqual(encoded({ [text]: text }), { [expected]: expected }, text)
    }
  })

  it("is nested no deeper than the server parses, whatever stands in strings", () => {
    const brackets = "[{".repeat(500) + "\"\\" + "]".repeat(3)
    const deepest = { params: nested(JsonRpc.maxDepth - 1, brackets) }
    assert.deepStrictEqual(encoded(deepest), deepest)
    const wide = { params: Array.from({ length: 500 }, () => [brackets, { [brackets]: [] }]) }
    assert.deepStrictEqual(encoded(wide), wide)
    const tooDeep = JsonRpc.encode({ params: nested(JsonRpc.maxDepth) })
    assert.isTrue(Result.isFailure(tooDeep) && tooDeep.failure.includes("127 levels"))
  })

  it("takes time that is linear in its length", () => {
    const text = "\\\"".repeat(500_000) + "\\ud83d".repeat(100_000) + "😀".slice(0, 1).repeat(100_000)
    assert.isBelow(cpuTime(() => encoded({ text })), 2)
  })

  it("returns the message, or the reason why there is none", () => {
    assert.strictEqual(Result.getOrThrow(JsonRpc.encodeAnswer("7", { a: 1 })), `{"id":7,"result":{"a":1}}`)
    for (const result of [() => 1, undefined, { toJSON: () => undefined }, 1n, Symbol("s"), nested(127)]) {
      assert.isTrue(Result.isFailure(JsonRpc.encodeAnswer("7", result)))
    }
    const deep = { code: 1, message: "no", data: nested(130) }
    assert.strictEqual(JsonRpc.encodeRefusal(`"q"`, deep), `{"id":"q","error":{"code":1,"message":"no"}}`)
  })

  it("has a refusal with an integer and a text, whatever the error holds: the server drops any other", () => {
    const deepest = Array.from({ length: 100_000 }).reduce<unknown>((inner) => [inner], 1)
    for (const code of [NaN, Infinity, 0.5, 1e300]) {
      assert.deepStrictEqual(refusal(code, "no"), { code: JsonRpc.ErrorCode.internalError, message: "no" })
    }
    for (const message of [undefined, 7, {}, Symbol("s"), Object.create(null), deepest]) {
      assert.isString(refusal(1, message).message)
      assert.isString(refusal(1, message, 1n).message)
    }
    const throwing = {
      toJSON: () => {
        throw Object.create(null)
      }
    }
    assert.isTrue(Result.isFailure(JsonRpc.encode({ throwing })))
    assert.deepStrictEqual(refusal(1, "no", throwing), { code: 1, message: "no" })
  })
})

const text = (line: string, ...path: [string, ...Array<string>]) => {
  let value: unknown = JSON.parse(line)
  for (const key of path) value = (value as { readonly [key: string]: unknown })[key]
  const id = JsonRpc.idOf(value)
  return id === undefined ? undefined : JsonRpc.idText(id, line, ...path)
}

describe("the text of an id", () => {
  it("is that of the line where a JavaScript number can't tell", () => {
    assert.strictEqual(text(`{"id":9007199254740993}`, "id"), "9007199254740993")
    assert.strictEqual(
      text(`{ "params" : {"id":1,"x":[{"id":2}]} , "id" : -9223372036854775808 }`, "id"),
      "-9223372036854775808"
    )
    assert.strictEqual(text(`{"\\u0069d":9007199254740995,"method":"\\"id\\":1"}`, "id"), "9007199254740995")
    assert.strictEqual(text(`{"id":1,"id":9007199254740997}`, "id"), "9007199254740997")
    assert.strictEqual(
      text(
        `{"id":0,"requestId":1,"params":{"a":{"requestId":2},"requestId":9007199254740993,"b":"}"}}`,
        "params",
        "requestId"
      ),
      "9007199254740993"
    )
  })

  it("is JSON for all others", () => {
    assert.strictEqual(text(`{"id":7}`, "id"), "7")
    assert.strictEqual(text(`{"id":"9007199254740993"}`, "id"), `"9007199254740993"`)
    assert.strictEqual(text(`{"id":null}`, "id"), undefined)
  })
})
