import { assert, describe, it } from "@effect/vitest"
import { checkFigures } from "../src/figures.ts"
import { directoryOf, linesOf } from "./fixture.ts"

const quotes = [
  { file: "README.md", quoted: /takes ([\d.]+) ms, not ([\d.]+) ms/, printed: /run +\| ([\d.]+).*\| ([\d.]+)/ },
  { file: "README.md", quoted: /fails over in ([\d.]+) s/, printed: /failover +\| ([\d.,]+)/, scale: 0.001 }
]

const problems = (readme: string) => {
  const directory = directoryOf({ "README.md": readme, "bench.md": "| run | 44.9 | 182 |\n| failover | 4,496 ms |\n" })
  return linesOf(directory, checkFigures(directory, quotes, "bench.md"))
}

describe("figures of the documentation", () => {
  it("are those of the benchmark, rounded", () => {
    assert.deepStrictEqual(problems("# Title\n\nIt takes 45 ms, not 182 ms, and fails over in 4.5 s.\n"), [])
  })

  it("that the benchmark did not print are found", () => {
    assert.deepStrictEqual(problems("# Title\n\nIt takes 46 ms, not 182 ms, and fails over in 4.4 s.\n"), [
      "README.md:3 quotes 46 and 182, but the benchmark printed 45 and 182",
      "README.md:3 quotes 4.4, but the benchmark printed 4.5"
    ])
  })

  it("that are gone are found", () => {
    const [gone] = problems("It takes 45 ms, not 182 ms.\n")
    assert.match(gone ?? "", /^README.md:1 nothing in this page matches .*fails over/)
  })
})
