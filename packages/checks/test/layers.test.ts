import { assert, describe, it } from "@effect/vitest"
import { checkModules, checkPackages } from "../src/layers.ts"
import { directoryOf, linesOf } from "./fixture.ts"

const noPlace = "has no place yet: give it one in packages/checks/src/layers.ts"

const modulesOf = (files: Readonly<Record<string, string>>, order: ReadonlyArray<ReadonlyArray<string>>) => {
  const directory = directoryOf(files)
  return linesOf(directory, checkModules(directory, order))
}

describe("modules", () => {
  it("imports run downwards", () => {
    assert.deepStrictEqual(
      modulesOf({
        "internal/A.ts": "export const a = 1\n",
        "B.ts": "import * as A from \"./internal/A.ts\"\nexport type { X } from \"effect/X\"\nexport const b = A.a\n",
        "C.ts": "import { b } from \"./B.ts\"\nexport * from \"./internal/A.ts\"\nb\n"
      }, [["internal/A"], ["B"], ["C"]]),
      []
    )
  })

  it("an import that runs upwards is found, also of a type, also in an export", () => {
    assert.deepStrictEqual(
      modulesOf({
        "internal/A.ts":
          "import * as Effect from \"effect/Effect\"\n\nimport type { B } from \"../B.ts\"\nexport type A = B\n",
        "B.ts": "export { C } from \"./C.ts\"\n",
        "C.ts": "export const C = 1\n"
      }, [["internal/A"], ["B"], ["C"]]),
      ["B.ts:1 B imports C, which is not below it", "internal/A.ts:3 internal/A imports B, which is not below it"]
    )
  })

  it("modules of one row do not import each other: no cycle has a place", () => {
    assert.deepStrictEqual(
      modulesOf({ "A.ts": "import \"./B.ts\"\n", "B.ts": "import \"./A.ts\"\n" }, [["A", "B"]]),
      ["A.ts:1 A imports B, which is not below it", "B.ts:1 B imports A, which is not below it"]
    )
  })

  it("a directory may stand for its modules, which are free among themselves", () => {
    assert.deepStrictEqual(
      modulesOf({
        "A.ts": "import \"./internal/x/B.ts\"\n",
        "internal/x/B.ts": "import \"./y/C.ts\"\n",
        "internal/x/y/C.ts": "import \"../B.ts\"\nimport \"../../../A.ts\"\n"
      }, [["internal/x/*"], ["A"]]),
      ["internal/x/y/C.ts:2 internal/x/y/C imports A, which is not below it"]
    )
  })

  it("a module without a place, and a place without a module, are found", () => {
    assert.deepStrictEqual(modulesOf({ "A.ts": "", "New.ts": "" }, [["A", "Gone"]]), [
      "Gone.ts:1 does not exist, but has a place in packages/checks/src/layers.ts",
      `New.ts:1 ${noPlace}`
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

  it("a package uses those below it, and what it names", () => {
    assert.deepStrictEqual(
      packagesOf({
        "high/src/index.ts":
          "import \"low/A\"\nimport \"effect/Effect\"\nimport \"node:fs\"\nimport \"fs\"\nimport \"high/B\"\n",
        "top/src/index.ts": "import { Effect } from \"effect\"\nimport \"high\"\nimport \"vitest\"\n"
      }),
      []
    )
  })

  it("one that uses those above it is found", () => {
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

  it("an import that package.json does not name is found, and one of a barrel", () => {
    assert.deepStrictEqual(
      packagesOf({ "high/src/index.ts": "import \"vitest\"\nimport { Effect } from \"effect\"\n" }),
      [
        "high/src/index.ts:1 imports vitest, which package.json does not name",
        "high/src/index.ts:2 imports all of effect: import the module, as in \"effect/Module\""
      ]
    )
  })

  it("a package without a place is found", () => {
    assert.deepStrictEqual(packagesOf({ "new/package.json": "{}" }), [`new/package.json:1 ${noPlace}`])
  })
})
