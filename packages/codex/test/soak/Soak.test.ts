/** The short form of `npm run soak`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { growth, inMemory, onTheRealServer, type Sample } from "./soak.ts"

const isFlat = (samples: ReadonlyArray<Sample>) => {
  assert.deepStrictEqual(samples.map(({ held }) => held), samples.map(() => 0))
  assert.isAtMost(samples.at(-1)!.handles, samples[0]!.handles + 2)
  assert.isAtMost(samples.at(-1)!.fibers, samples[0]!.fibers + 2)
}

describe("turn after turn", () => {
  it.live("leaves nothing behind in memory", () =>
    Effect.gen(function*() {
      const samples = yield* inMemory(2_000, 8)
      isFlat(samples)
      // A leaked turn would keep thousands of bytes of events; compiled code adds only little.
      assert.isBelow(growth(samples.slice(2)), 1_500)
    }))

  it.live("leaves nothing behind with the real server", () =>
    Effect.gen(function*() {
      isFlat(yield* onTheRealServer(50, 2))
    }))
})
