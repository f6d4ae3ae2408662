import { assert, describe, it } from "@effect/vitest"
import { Input } from "effect-codex"
import * as Effect from "effect/Effect"

const text = (text: string): Input.Item => ({ type: "text", text, text_elements: [] })

describe("what is sent", () => {
  const table: ReadonlyArray<readonly [name: string, input: Input.Input, items: ReadonlyArray<Input.Item>]> = [
    ["a string", "hello", [text("hello")]],
    ["a text, like the string", Input.text("hello"), [text("hello")]],
    ["an image", Input.image("data:image/png;base64,AA=="), [{ type: "image", url: "data:image/png;base64,AA==" }]],
    ["an image in detail", Input.image("data:,", "high"), [{ type: "image", url: "data:,", detail: "high" }]],
    ["a local image", Input.localImage("/a.png"), [{ type: "localImage", path: "/a.png" }]],
    ["a local image in detail", Input.localImage("/a", "low"), [{ type: "localImage", path: "/a", detail: "low" }]],
    ["audio", Input.audio("data:,"), [{ type: "audio", url: "data:," }]],
    ["local audio", Input.localAudio("/a.mp3"), [{ type: "localAudio", path: "/a.mp3" }]],
    ["a skill", Input.skill("s", "/s/SKILL.md"), [{ type: "skill", name: "s", path: "/s/SKILL.md" }]],
    ["a mention", Input.mention("m", "app://m"), [{ type: "mention", name: "m", path: "app://m" }]],
    [
      "a list, in its order",
      ["a", Input.image("data:,"), "b", Input.text("c")],
      [text("a"), { type: "image", url: "data:," }, text("b"), text("c")]
    ],
    ["an empty text beside an image", ["", Input.image("data:,")], [text(""), { type: "image", url: "data:," }]],
    ["an empty text beside another", ["", "a"], [text(""), text("a")]],
    ["white space around a text", "  a\n", [text("  a\n")]]
  ]
  for (const [name, input, items] of table) {
    it.effect(name, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* Input.toItems(input), items)
        assert.deepStrictEqual(yield* Input.toTurnParams(input), { input: items })
      }))
  }

  it.effect("an external message stands for the output of a tool", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Input.toTurnParams(Input.externalMessage({ toolName: "mail", content: "hi" })), {
        input: [],
        toolOutput: { name: "mail", output: "hi" }
      })
      const content = [{ type: "input_text" as const, text: "hi" }]
      assert.deepStrictEqual(
        yield* Input.toTurnParams(Input.externalMessage({ toolName: "mail", namespace: "in", content })),
        { input: [], toolOutput: { name: "mail", namespace: "in", output: content } }
      )
    }))
})

describe("what is refused", () => {
  const external = Input.externalMessage({ toolName: "mail", content: "hi" })
  const table: ReadonlyArray<readonly [name: string, input: unknown, detail: RegExp]> = [
    ["an empty list", [], /list is empty/],
    ["an empty text", "", /text is empty/],
    ["a blank text", " \n\t", /text is empty/],
    ["blank texts", ["", Input.text(" ")], /text is empty/],
    ["an external message among others", ["a", external], /can't be combined/],
    ["an external message in a list of its own", [external], /can't be combined/],
    ["a number", 7, /an item is a string/],
    ["null", null, /an item is a string/],
    ["undefined", undefined, /an item is a string/],
    ["an object without a type", {}, /an item is a string/],
    ["a list in a list", [["a"]], /an item is a string/]
  ]
  for (const [name, input, detail] of table) {
    it.effect(name, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Input.toTurnParams(input as Input.Input))
        assert.strictEqual(error._tag, "InvalidInputError")
        assert.strictEqual(error.field, "input")
        assert.match(error.message, detail)
      }))
  }

  it.effect("an external message that steers, or whose tool has no name", () =>
    Effect.gen(function*() {
      assert.match((yield* Effect.flip(Input.toItems(external))).message, /nor steer/)
      const blank = Input.externalMessage({ toolName: " ", content: "hi" })
      assert.match((yield* Effect.flip(Input.toTurnParams(blank))).message, /toolName .* is blank/)
    }))
})
