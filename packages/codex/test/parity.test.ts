/**
 * `docs/contributing/parity.md` lists every test case of the reference SDKs. Each row names tests of ours that prove it, or says why it
 * does not apply.
 */
import { assert, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const page = new URL("../docs/contributing/parity.md", import.meta.url)

interface Row {
  readonly name: string
  readonly claim: string
  readonly proof: string
}

const rows: ReadonlyArray<Row> = readFileSync(page, "utf8").split("\n")
  .filter((line) => /^\| T?\d/.test(line))
  .map((line) => {
    const [name = "", claim = "", proof = ""] = line.split(/(?<!\\)\|/).slice(1).map((cell) => cell.trim())
    return { name, claim, proof }
  })

const notApplicable = "Does not apply: "

/** The name of a test or a group in the code; of one that is put together there, the beginning. */
interface Name {
  readonly text: string
  readonly isWhole: boolean
}

/** A test, or a group of tests: the names of its groups and its own, from the outermost. */
type Path = ReadonlyArray<Name>

/** Beginnings of calls that make a test or a group. */
const calls =
  /^([ \t]*)(?:((?:layer|shared)\((?:.|\n(?=[ \t}]))*?\)|describe((?:\.\w+)*))|(?:it|scenario|liveScenario)((?:\.\w+)*))\(\s*(?:"((?:[^"\\\n]|\\.)*)"|`([^`$]*)(`?))/gm

/** Every test and group of a file. Formatted code tells by its indentation what stands in what. */
const testsOf = (file: URL): ReadonlyArray<Path> => {
  const open: Array<{ readonly depth: number; readonly name: Name }> = []
  return [...readFileSync(file, "utf8").matchAll(calls)].map(
    ([, indent = "", group, ofGroup = "", ofTest = "", plain, template = "", end]) => {
      assert.notMatch(ofGroup + ofTest, /skip|only|todo|fails/, `${fileURLToPath(file)} has a test that is not run`)
      while (open.length > 0 && open.at(-1)!.depth >= indent.length) open.pop()
      const name = plain === undefined
        ? { text: template, isWhole: end === "`" }
        : { text: plain.replaceAll(/\\(.)/g, "$1"), isWhole: true }
      const path = [...open.map(({ name }) => name), name]
      if (group !== undefined) open.push({ depth: indent.length, name })
      return path
    }
  )
}

const cache = new Map<string, ReadonlyArray<Path>>()

const testsIn = (link: string): ReadonlyArray<Path> => {
  const tests = cache.get(link) ?? testsOf(new URL(link, page))
  cache.set(link, tests)
  return tests
}

const matches = (name: string, { isWhole, text }: Name): boolean => isWhole ? name === text : name.startsWith(text)

const exists = (link: string, path: ReadonlyArray<string>): boolean =>
  testsIn(link).some((test) => test.length === path.length && path.every((name, index) => matches(name, test[index]!)))

const cases = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`)

it("has a row for every case of the reference, in order", () => {
  assert.deepStrictEqual(rows.map(({ name }) => name), [...cases("", 103), ...cases("T", 26)])
})

it("has a claim and a proof for each case", () => {
  for (const { claim, name, proof } of rows) {
    assert.isAbove(claim.length, 10, `case ${name} says nothing`)
    if (proof.startsWith(notApplicable)) assert.isAbove(proof.length, 60, `case ${name} does not say why`)
    else assert.match(proof, /^\[/, `case ${name} names no test`)
  }
})

it("names tests that exist, and that are run", () => {
  const missing = rows.filter(({ proof }) => !proof.startsWith(notApplicable)).flatMap(({ name, proof }) =>
    proof.split("<br>").filter((reference) => {
      const [, link, path] = /^\[[^\]]+\]\(([^)]+)\) › (.+)$/.exec(reference.replaceAll("\\|", "|").trim()) ?? []
      return link === undefined || path === undefined || !exists(link, path.split(" › "))
    }).map((reference) => `${name}: ${reference}`)
  )
  assert.deepStrictEqual(missing, [])
})
