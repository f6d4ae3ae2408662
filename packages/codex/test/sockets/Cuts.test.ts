/** The short form of `npm run test:cuts`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { run, runAlone } from "./cuts.ts"

describe("connections that are cut at random", () => {
  for (const [how, runOn] of [["ws", run], ["unix", runAlone]] as const) {
    it.live(`lose nothing of any turn, and repeat nothing (${how})`, () =>
      Effect.gen(function*() {
        const report = yield* runOn({ how, turns: 6, cuts: 12, everyMillis: 40 })
        assert.deepStrictEqual(report.problems, [])
        assert.isAtLeast(report.cuts, 12)
      }), 60_000)
  }
})
