import { assert, it } from "@effect/vitest"
import * as Usage from "../../src/model/turns/Usage.ts"

const tokens = (totalTokens: number) => ({ totalTokens, inputTokens: totalTokens, outputTokens: 0 })

it("a turn has used the difference of totals, whatever a compaction reports", () => {
  const usage = new Usage.TurnUsage()
  assert.strictEqual(usage.steps, 0)
  for (
    const [last, total] of [
      [10, 110],
      [20, 130],
      // A compaction repeats the last request, and then reports one that was none.
      [20, 130],
      [7122, 130],
      [5, 135]
    ] as const
  ) usage.add({ last: tokens(last), total: tokens(total) })
  assert.deepStrictEqual([usage.tokens?.totalTokens, usage.tokens?.inputTokens], [35, 35])
  assert.strictEqual(usage.steps, 3)
})

it("counts that are missing are zeros, and requests without tokens count as steps", () => {
  const usage = new Usage.TurnUsage()
  for (const report of [undefined, {}, { last: null, total: { totalTokens: "7" } }]) usage.add(report)
  assert.deepStrictEqual(usage.tokens, Usage.none)
  assert.strictEqual(usage.steps, 3)
})
