import { assert, describe, it } from "@effect/vitest"
import { codec, Lines } from "../../src/base/Lines.ts"
import { codec as nodeCodec } from "../../src/node/bytes.ts"

const text = "eins\n\n{\"a\":\"grüß 🦀\"}\r\n" + "long ".repeat(50) + "\nlast"

const bytes = Buffer.from(text)

/** The bytes in pieces of a size. */
const pieces = (size: number): ReadonlyArray<Buffer> =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size))

describe("lines", () => {
  it("are whole, wherever the pieces are cut, on every platform and on Node", () => {
    for (let size = 1; size <= bytes.length; size++) {
      const everywhere = new Lines(codec, 1_000)
      const onNode = new Lines(nodeCodec, 1_000)
      const split = pieces(size)
      assert.deepStrictEqual(
        split.flatMap((piece) => everywhere.push(piece)).concat(everywhere.end()),
        text.split("\n")
      )
      assert.deepStrictEqual(split.flatMap((piece) => onNode.push(piece)).concat(onNode.end()), text.split("\n"))
      assert.isFalse(everywhere.isCut || onNode.isCut)
      assert.deepStrictEqual(onNode.end(), [])
    }
  })

  it("are cut at the limit, wherever the pieces are cut", () => {
    for (let size = 1; size <= bytes.length; size++) {
      const lines = new Lines(nodeCodec, 4)
      const split = pieces(size).flatMap((piece) => lines.push(piece)).concat(lines.end())
      assert.deepStrictEqual(split, ["eins", "", "{\"a\"", "long", "last"])
      assert.isTrue(lines.isCut)
    }
  })
})
