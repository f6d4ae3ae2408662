import { assert, describe, it } from "@effect/vitest"
import type { CodexError, Transport } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Input from "../../src/options/Input.ts"

const text = (text: string): Input.Item => ({ type: "text", text, text_elements: [] })

/** A million spaces: a regular expression that tries all ways to divide them would take hours. */
const spaced = `data:${" ".repeat(1_000_000)},x`

const files = (path: string): Transport.PathKind =>
  path === "/a.png"
    ? "file"
    : path === "/empty.png"
    ? "empty"
    : path === "/closed"
    ? "hidden"
    : path === "/"
    ? "directory"
    : "missing"

describe("sent input", () => {
  const table: ReadonlyArray<readonly [name: string, input: Input.Input, items: ReadonlyArray<Input.Item>]> = [
    ["a string", "hello", [text("hello")]],
    ["a text, like the string", Input.text("hello"), [text("hello")]],
    ["an image", Input.image("data:image/png;base64,AA=="), [{ type: "image", url: "data:image/png;base64,AA==" }]],
    ["an image in detail", Input.image("data:,a", "high"), [{ type: "image", url: "data:,a", detail: "high" }]],
    ["a local image", Input.localImage("/a.png"), [{ type: "localImage", path: "/a.png" }]],
    ["a local image in detail", Input.localImage("/a", "low"), [{ type: "localImage", path: "/a", detail: "low" }]],
    ["audio", Input.audio("data:,a"), [{ type: "audio", url: "data:,a" }]],
    ["local audio", Input.localAudio("/a.mp3"), [{ type: "localAudio", path: "/a.mp3" }]],
    ["a skill", Input.skill("s", "/s/SKILL.md"), [{ type: "skill", name: "s", path: "/s/SKILL.md" }]],
    ["a mention", Input.mention("m", "app://m"), [{ type: "mention", name: "m", path: "app://m" }]],
    [
      "a list, in its order",
      ["a", Input.image("data:,a"), "b", Input.text("c")],
      [text("a"), { type: "image", url: "data:,a" }, text("b"), text("c")]
    ],
    ["an empty text beside an image", ["", Input.image("data:,a")], [text(""), { type: "image", url: "data:,a" }]],
    ["an empty text beside another", ["", "a"], [text(""), text("a")]],
    ["white space around a text", "  a\n", [text("  a\n")]],
    ["an image after much white space", Input.image(spaced), [{ type: "image", url: spaced }]]
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

describe("refused input", () => {
  const external = Input.externalMessage({ toolName: "mail", content: "hi" })
  const table: ReadonlyArray<readonly [name: string, input: unknown, detail: RegExp]> = [
    ["an empty text", "", /text is empty/],
    ["a blank text", " \n\t", /text is empty/],
    ["blank texts", ["", Input.text(" ")], /text is empty/],
    ["an external message among others", ["a", external], /can't be combined/],
    ["an external message in a list of its own", [external], /can't be combined/],
    ["a number", 7, /neither a string nor created/],
    ["null", null, /neither a string nor created/],
    ["undefined", undefined, /neither a string nor created/],
    ["an object without a type", {}, /neither a string nor created/],
    ["a text without its text", { type: "text", content: "a" }, /of type text has no text/],
    ["a local image without its path", ["a", { type: "localImage", url: "data:,a" }], /of type localImage has no path/],
    ["an image with a URL that is none", { type: "image", url: null }, /begins with its scheme/],
    ["a list in a list", [["a"]], /neither a string nor created/],
    ["an image without data", Input.image("data:image/png;base64,"), /contains no data/],
    ["an image that is nothing but a scheme", Input.image("data:"), /contains no data/],
    ["an image by its file: URL", ["a", Input.image("file:///a.png")], /pass the path to Input\.localImage/],
    ["an image by its path", Input.image("a.png"), /pass a path to Input\.localImage/],
    ["no URL", Input.image(""), /begins with its scheme/],
    ["audio without data", Input.audio("data:audio/wav;base64, "), /contains no data/],
    ["audio by its file: URL", Input.audio("FILE:///a.wav"), /pass the path to Input\.localAudio/]
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

  it.effect("an empty list for a turn that runs; a new turn goes on from the history", () =>
    Effect.gen(function*() {
      assert.match((yield* Effect.flip(Input.toItems([]))).message, /list is empty/)
      assert.deepStrictEqual(yield* Input.toTurnParams([]), { input: [] })
    }))

  it.effect("a file that cannot be read, where files can be seen", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Input.toItems(Input.localImage("/a.png"), files), [Input.localImage("/a.png")])
      for (
        const [item, detail] of [
          [Input.localImage("/b.png"), /"\/b\.png" does not exist/],
          [Input.localImage("/"), /"\/" is a directory/],
          [Input.localImage("/empty.png"), /"\/empty\.png" is empty/],
          [Input.localAudio("/closed"), /"\/closed" cannot be read/]
        ] as const
      ) {
        for (const convert of [Input.toItems, Input.toTurnParams]) {
          const error = yield* Effect.flip<unknown, CodexError.InvalidInputError, never>(convert(["a", item], files))
          assert.strictEqual(error.field, "input")
          assert.match(error.message, detail)
        }
      }
    }))

  it.effect("an external message that steers, or whose tool has no name", () =>
    Effect.gen(function*() {
      assert.match((yield* Effect.flip(Input.toItems(external))).message, /nor steer/)
      const blank = Input.externalMessage({ toolName: " ", content: "hi" })
      assert.match((yield* Effect.flip(Input.toTurnParams(blank))).message, /toolName .* is blank/)
    }))
})
