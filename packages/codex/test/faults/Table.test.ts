/** Every row of docs/contributing/faults.md names a test that exists. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")

const rows = readFileSync(join(root, "docs", "contributing", "faults.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| ") && line.includes(" › "))
  .map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "").trim()))

describe("the fault table", () => {
  it("has rows, and no empty cell", () => {
    assert.isAbove(rows.length, 30)
    for (const row of rows) {
      assert.lengthOf(row, 4, row.join(" | "))
      assert.notInclude(row, "")
    }
  })

  it("names tests that exist", () => {
    for (const row of rows) {
      const [file, name] = row.at(-1)!.split(" › ")
      const source = readFileSync(join(root, "test", `${file}.test.ts`), "utf8")
      const quoted = [`"${name}"`, `\`${name}\``].some((quoted) => source.includes(quoted))
      assert.isTrue(quoted, `${file}: ${name}`)
    }
  })
})
