import { assert, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { describe } from "../../src/base/issue.ts"

it("an issue is one line, in time that is linear in its length", () => {
  const key = `a\n ${" ".repeat(1_000_000)}b`
  const decoded = Schema.decodeUnknownResult(Schema.Struct({ [key]: Schema.Finite, other: Schema.Finite }), {
    errors: "all"
  })({ [key]: "secret" })
  assert(Result.isFailure(decoded))
  const text = describe(decoded.failure.issue)
  assert.notInclude(text, "\n")
  assert.notInclude(text, "secret")
  assert.include(text, "Missing key at [\"other\"]")
})
