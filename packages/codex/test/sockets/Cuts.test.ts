/** The short form of `npm run test:cuts`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { respond, run } from "./cuts.ts"
import * as server from "./server.ts"

describe("connections that are cut at random", () => {
  it.live("lose nothing of any turn, and repeat nothing", () =>
    Effect.gen(function*() {
      const report = yield* run({ turns: 6, cuts: 20, everyMillis: 40 })
      assert.deepStrictEqual(report.problems, [])
      assert.isAtLeast(report.cuts, 20)
    }).pipe(Effect.provide(server.layer("ws", { script: { respond } }))), 60_000)
})
