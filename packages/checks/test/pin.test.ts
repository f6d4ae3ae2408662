import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { checkPlaces, unlock, writePlaces } from "../src/pin.ts"
import { directoryOf, linesOf } from "./fixture.ts"

const places = [
  { file: "package.json", pattern: /(?<="@openai\/codex": ")[^"]+/g },
  { file: "README.md", pattern: /(?<=0\.130 to )\d+\.\d+/g }
]

const manifest = (version: string) => `{\n  "dependencies": {\n    "@openai/codex": "${version}"\n  }\n}\n`

describe("the pinned version", () => {
  it("a place that names another version, or none, is found", () => {
    const directory = directoryOf({
      "package.json": manifest("0.170.0"),
      "README.md": "Servers from 0.130 to 0.171.\nSeen with 0.169.\n"
    })
    assert.deepStrictEqual(linesOf(directory, checkPlaces(directory, "0.171.0", places)), [
      "package.json:3 names codex 0.170.0, but 0.171.0 is pinned"
    ])
    const silent = directoryOf({ "package.json": manifest("0.171.0"), "README.md": "Any server.\n" })
    assert.deepStrictEqual(linesOf(silent, checkPlaces(silent, "0.171.0", places)), [
      "README.md:1 does not name the pinned version: update its place in packages/checks/src/pin.ts"
    ])
  })

  it("is written in the form of each place, and can be written twice", () => {
    const directory = directoryOf({
      "package.json": manifest("0.170.0"),
      "README.md": "Servers from 0.130 to 0.170.\nSeen with 0.169.\n"
    })
    for (let times = 0; times < 2; times++) {
      writePlaces(directory, "0.171.0", places)
      assert.deepStrictEqual(checkPlaces(directory, "0.171.0", places), [])
      assert.strictEqual(readFileSync(join(directory, "package.json"), "utf8"), manifest("0.171.0"))
      assert.strictEqual(
        readFileSync(join(directory, "README.md"), "utf8"),
        "Servers from 0.130 to 0.171.\nSeen with 0.169.\n"
      )
    }
  })

  it("is removed from the lock file, with its platform packages and nested copies", () => {
    const kept = { "": { name: "workspace" }, "node_modules/@openai/other": {}, "node_modules/effect": {} }
    const codex = {
      "node_modules/@openai/codex": {},
      "node_modules/@openai/codex-linux-x64": {},
      "node_modules/@openai/codex-sdk": {},
      "packages/codex/node_modules/@openai/codex": {}
    }
    assert.deepStrictEqual(JSON.parse(unlock(JSON.stringify({ packages: { ...kept, ...codex } }))), { packages: kept })
  })
})
