/** The entrances to the documentation, for people and for coding agents: `docs/README.md`, `AGENTS.md` and `llms.txt`. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { blocksOf } from "../src/docs.ts"
import { root } from "../src/problem.ts"

const codex = join(root, "packages/codex")
const docs = join(codex, "docs")

/** The targets of the links in a document, without their anchors. */
const linksOf = (file: string): ReadonlyArray<string> =>
  [...readFileSync(file, "utf8").matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path]) => join(dirname(file), path!))

const pages = readdirSync(docs).filter((name) => name.endsWith(".md") && name !== "README.md").map((name) =>
  join(docs, name)
)

describe.each(["llms.txt", "docs/llms.txt", "docs/README.md"])("%s", (name) => {
  const links = linksOf(join(codex, name))

  it("lists every page", () => assert.includeMembers([...links], [...pages, join(codex, "AGENTS.md")]))

  it("links only to what exists", () => assert.deepStrictEqual(links.filter((path) => !existsSync(path)), []))
})

it("the two llms.txt have the same entries", () => {
  const [whole, below] = ["llms.txt", "docs/llms.txt"].map((name) => readFileSync(join(codex, name), "utf8"))
  assert.strictEqual(below, whole?.replaceAll("](docs/", "](").replaceAll("](AGENTS", "](../AGENTS"))
})

it("each of the ten first pages begins with a program or a test", () => {
  const index = readFileSync(join(docs, "README.md"), "utf8")
  const first = [...index.matchAll(/^\d+\. \[[^\]]+\]\(([^)]+)\)/gm)].map(([, path]) => join(docs, path!))
  assert.lengthOf(first, 10)
  assert.deepStrictEqual(
    first.filter((page) => !["program", "test"].includes(blocksOf(page, readFileSync(page, "utf8"))[0]?.kind ?? "")),
    []
  )
})

it("AGENTS.md has a program in each style", () => {
  const file = join(codex, "AGENTS.md")
  const programs = blocksOf(file, readFileSync(file, "utf8")).filter(({ kind }) => kind === "program")
  assert.isTrue(programs.some(({ code }) => code.includes("effect-codex/promises")))
  assert.isTrue(programs.some(({ code }) => code.includes("NodeRuntime.runMain")))
})
