import { assert, describe, it } from "@effect/vitest"
import { isAtLeast } from "../../src/model/connection/ServerVersion.ts"

describe("ServerVersion", () => {
  const table: ReadonlyArray<readonly [has: string, needed: string, expected: boolean]> = [
    ["0.151.0", "0.151.0", true],
    ["0.150.9", "0.151.0", false],
    ["0.151.1", "0.151.0", true],
    ["0.99.0", "0.151.0", false],
    ["1.0.0", "0.151.0", true],
    ["0.1510.0", "0.151.0", true],
    [" v0.169.0 ", "0.151.0", true],
    // A pre-release does not have all features of its release; a later build has.
    ["0.151.0-alpha.6", "0.151.0", false],
    ["0.151.0-rc.1", "0.151.0-alpha.1", true],
    ["0.152.0-alpha.1", "0.151.0", true],
    ["0.151.0.post1", "0.151.0", true],
    ["0.151.0+build.5", "0.151.0", true],
    // A version that can't be read has nothing.
    ["", "0.151.0", false],
    ["unknown", "0.151.0", false],
    ["0.151", "0.151.0", false],
    ["x0.151.0", "0.151.0", false],
    ["0.0.0", "0.151.0", false],
    ["0.151.0", "unknown", false]
  ]
  for (const [has, needed, expected] of table) {
    it(`${JSON.stringify(has)} ${expected ? "has" : "has not"} what came with ${needed}`, () => {
      assert.strictEqual(isAtLeast(has, needed), expected)
    })
  }
})
