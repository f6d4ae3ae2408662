/** Messages that the server can't parse. It drops them without a response, so the SDK does not send them. */
import { Reply, ScriptedModel } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex } from "effect-codex"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { agentTexts, echoing, scripted } from "./utils.ts"

/** Half of an emoji, as `text.slice` makes it. */
const half = "😀".slice(0, 1)

const nested = (depth: number): Schema.Json => depth === 0 ? "deep" : [nested(depth - 1)]

describe("half of a surrogate pair", () => {
  it.live("in a prompt and in a name reaches the server as U+FFFD", () =>
    Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const thread = yield* codex.threadStart()
      assert.deepStrictEqual(agentTexts(yield* thread.run(`a ${half} b`)), ["a \ufffd b"])
      yield* thread.setName(`name ${half}`)
      assert.strictEqual((yield* thread.read()).name, "name \ufffd")
    }).pipe(echoing))

  it.live("in the answer of a handler does not keep the turn from ending", () =>
    Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const model = yield* ScriptedModel.ScriptedModel
      yield* model.enqueue(Reply.functionCall({ name: "look", arguments: {} }), Reply.text("done"))
      const thread = yield* codex.threadStart({
        dynamicTools: [{ type: "function", name: "look", description: "Looks.", inputSchema: { type: "object" } }],
        serverRequests: {
          "item/tool/call": () =>
            Effect.succeed({ success: true, contentItems: [{ type: "inputText", text: `seen: ${half}` }] })
        }
      })
      assert.deepStrictEqual(agentTexts(yield* thread.run("look")), ["done"])
      const [, second] = yield* model.requests
      assert.include(JSON.stringify(second), "seen: \ufffd")
    }).pipe(scripted))
})

describe("nesting", () => {
  it.live("of 127 levels is answered, one more is refused before it is sent", () =>
    Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const start = (depth: number) => codex.threadStart({ config: { deep: nested(depth) } })
      // The message, its parameters and the configuration are three levels.
      yield* start(124)
      const error = yield* Effect.flip(start(125))
      assert.isTrue(error._tag === "InvalidInputError" && error.field === "thread/start", String(error))
      assert.include(error.message, "127 levels")
    }).pipe(echoing))
})
