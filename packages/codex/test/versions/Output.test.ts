/** Typed answers, on every supported version of the server: see `Core.test.ts`. */
import { Reply } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { scripted, setup } from "../real/utils.ts"

describe("every version", () => {
  it.live("holds the model to a Schema", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(Reply.text(`{"value":[{"on":"2026-01-02T03:04:05Z","note":null}]}`), Reply.text("one, two"))
      const thread = yield* codex.threadStart()
      const output = Schema.Array(Schema.Struct({ on: Schema.Date, note: Schema.optionalKey(Schema.String) }))
      const result = yield* thread.run("go", { output })
      assert.deepStrictEqual(result.output, [{ on: new Date("2026-01-02T03:04:05Z") }])
      assert.deepInclude((yield* model.requests).at(-1)?.outputFormat, { type: "json_schema", strict: true })
      const error = yield* Effect.flip(thread.run("again", { output }))
      assert.deepInclude(error, { _tag: "OutputDecodeError", text: "one, two" })
    }).pipe(scripted))
})
