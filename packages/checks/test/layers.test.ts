import { assert, describe, it } from "@effect/vitest"
import { checkFolders, checkOrder, checkPackages, type Folders } from "../src/layers.ts"
import { directoryOf, linesOf } from "./fixture.ts"

const noPlace = "has no place yet: give it one in packages/checks/src/layers.ts"

const foldersOf = (files: Readonly<Record<string, string>>, folders: Folders) => {
  const directory = directoryOf(files)
  return linesOf(directory, checkFolders(directory, folders))
}

describe("folders", () => {
  it("a folder may import itself and the folders below it", () => {
    assert.deepStrictEqual(
      foldersOf({
        "base/A.ts": "import { b } from \"./B.ts\"\nexport const a = b\n",
        "base/B.ts": "export const b = 1\n",
        "C.ts": "export * from \"./base/A.ts\"\nexport type { X } from \"effect/X\"\n"
      }, { ".": ["base"], base: [] }),
      []
    )
  })

  it("an upward import is found, including imports of types and re-exports", () => {
    assert.deepStrictEqual(
      foldersOf({
        "base/A.ts":
          "import * as Effect from \"effect/Effect\"\n\nimport type { B } from \"../B.ts\"\nexport type A = B\n",
        "wire/B.ts": "export { C } from \"../C.ts\"\n",
        "B.ts": "import \"./base/A.ts\"\nimport \"./wire/B.ts\"\n",
        "C.ts": "export const C = 1\n"
      }, { ".": ["wire"], wire: ["base"], base: [] }),
      [
        "B.ts:1 . imports base, which is not below it",
        "base/A.ts:3 base imports ., which is not below it",
        "wire/B.ts:1 wire imports ., which is not below it"
      ]
    )
  })

  it("only some folders may import Node's modules, and a `#` import is one of the folder `node`", () => {
    assert.deepStrictEqual(
      foldersOf({
        "A.ts": "import { start } from \"#process\"\n",
        "base/B.ts": "import * as Fs from \"fs\"\nimport \"#process\"\n",
        "node/C.ts": "import * as Fs from \"node:fs\"\n"
      }, { ".": ["node"], base: [], node: ["node:"] }),
      ["base/B.ts:1 base imports node:, which is not below it", "base/B.ts:2 base imports node, which is not below it"]
    )
  })

  it("a folder without a rule is found", () => {
    assert.deepStrictEqual(foldersOf({ "A.ts": "", "new/B.ts": "" }, { ".": [] }), [
      "new/B.ts:1 new has no rule yet: add it to packages/checks/src/layers.ts"
    ])
  })
})
const messagesOf = (folders: Folders) => checkOrder("layers.ts", folders).map(({ message }) => message)

describe("the rules of folders", () => {
  it("have an order", () => {
    assert.deepStrictEqual(
      messagesOf({ ".": ["wire", "base"], wire: ["base", "model"], model: ["base"], base: [] }),
      []
    )
  })

  it("must not have a folder below itself, directly or through others", () => {
    assert.deepStrictEqual(messagesOf({ ".": ["a"], a: ["."] }), ["the rules form a cycle: . -> a -> ."])
    assert.deepStrictEqual(messagesOf({ a: ["a"] }), ["the rules form a cycle: a -> a"])
    assert.deepStrictEqual(messagesOf({ ".": ["a"], a: ["b"], b: ["c"], c: ["a"] }), [
      "the rules form a cycle: a -> b -> c -> a"
    ])
  })
})

describe("packages", () => {
  const order = [["low"], ["high"], ["top"]]
  const packagesOf = (files: Readonly<Record<string, string>>) => {
    const directory = directoryOf({
      "low/package.json": JSON.stringify({ name: "low", peerDependencies: { effect: "*" } }),
      "low/src/index.ts": "",
      "high/package.json": JSON.stringify({
        name: "high",
        dependencies: { low: "*" },
        peerDependencies: { effect: "*" }
      }),
      "high/src/index.ts": "",
      "top/package.json": JSON.stringify({ name: "top", private: true }),
      "top/src/index.ts": "",
      ...files
    })
    return linesOf(directory, checkPackages(directory, order))
  }

  it("a package may use those below it that its package.json names", () => {
    assert.deepStrictEqual(
      packagesOf({
        "high/src/index.ts":
          "import \"low/A\"\nimport \"effect/Effect\"\nimport \"node:fs\"\nimport \"fs\"\nimport \"high/B\"\n",
        "top/src/index.ts": "import { Effect } from \"effect\"\nimport \"high\"\nimport \"vitest\"\n"
      }),
      []
    )
  })

  it("a package that uses one above it is found", () => {
    assert.deepStrictEqual(
      packagesOf({
        "low/package.json": JSON.stringify({ name: "low", dependencies: { high: "*" } }),
        "low/src/A.ts": "\nimport \"high/B\"\n"
      }),
      [
        "low/package.json:1 low depends on high, which is not below it",
        "low/src/A.ts:2 imports high, which is not below low"
      ]
    )
  })

  it("an undeclared import is found, and an import of a barrel", () => {
    assert.deepStrictEqual(
      packagesOf({ "high/src/index.ts": "import \"vitest\"\nimport { Effect } from \"effect\"\n" }),
      [
        "high/src/index.ts:1 imports vitest, which package.json does not name",
        "high/src/index.ts:2 imports all of effect: import the module, as in \"effect/Module\""
      ]
    )
  })

  it("a package without a layer is found", () => {
    assert.deepStrictEqual(packagesOf({ "new/package.json": "{}" }), [`new/package.json:1 ${noPlace}`])
  })
})
