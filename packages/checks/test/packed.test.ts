import { assert, describe, it } from "@effect/vitest"
import { checkPacked, publicModules } from "../src/packed.ts"
import { directoryOf, linesOf } from "./fixture.ts"

const manifest = {
  name: "some-package",
  version: "1.0.0",
  exports: {
    ".": { "@effect-codex/source": "./src/index.ts", types: "./dist/index.d.ts", default: "./dist/index.js" },
    "./package.json": "./package.json",
    "./index": null,
    "./internal/*": null,
    "./*": { "@effect-codex/source": "./src/*.ts", types: "./dist/*.d.ts", default: "./dist/*.js" }
  },
  dependencies: { "a-dependency": "1" },
  peerDependencies: { "@a/peer": "1" }
}

const built = (module: string, code: string): Record<string, string> => ({
  [`src/${module}.ts`]: code,
  [`dist/${module}.js`]: code,
  [`dist/${module}.d.ts`]: code,
  [`dist/${module}.js.map`]: JSON.stringify({ sourceRoot: "", sources: [`../src/${module}.ts`] }),
  [`dist/${module}.d.ts.map`]: JSON.stringify({ sources: [`../src/${module}.ts`] })
})

const whole: Readonly<Record<string, string>> = {
  "package.json": JSON.stringify(manifest),
  LICENSE: "",
  "README.md": "See [the log](CHANGELOG.md#top), [an example](../examples/a.ts) and [a page](https://example.com).",
  "CHANGELOG.md": "",
  ...built("index", "export * from \"./A.js\"\n"),
  ...built(
    "A",
    "/** import \"only-said\" */\nimport \"node:fs\"\nimport { b } from \"@a/peer/B\"\nexport const a = () => import(\"a-dependency\").then(b)\n"
  )
}

const problemsOf = (files: Readonly<Record<string, string>>) => {
  const directory = directoryOf({ ...whole, ...files })
  return linesOf(directory, checkPacked(directory, "/home/somebody"))
}

describe("packed", () => {
  it("a complete package has no problems", () => {
    assert.deepStrictEqual(problemsOf({}), [])
  })

  it("a missing export or required file is found", () => {
    const { "CHANGELOG.md": _, "dist/A.d.ts": __, ...rest } = whole
    const directory = directoryOf(rest)
    assert.deepStrictEqual(linesOf(directory, checkPacked(directory)), [
      "CHANGELOG.md:1 is not packed",
      "package.json:1 exports ./* as ./dist/A.d.ts, which is not packed",
      "README.md:1 links to CHANGELOG.md, which is not packed"
    ])
  })

  it("packed tests and build leftovers are found", () => {
    assert.deepStrictEqual(problemsOf({ "dist/.tsbuildinfo": "", "src/A.test.ts": "", "test/fixtures/a.json": "" }), [
      "dist/.tsbuildinfo:1 is packed, but users do not need it",
      "src/A.test.ts:1 is packed, but users do not need it",
      "test/fixtures/a.json:1 is packed, but users do not need it",
      "package.json:1 exports ./* as ./dist/A.test.d.ts, which is not packed",
      "package.json:1 exports ./* as ./dist/A.test.js, which is not packed"
    ])
  })

  it("an undeclared import is found: of a module, of a type, and a dynamic one", () => {
    assert.deepStrictEqual(
      problemsOf(
        built("A", "import \"x/y\"\nexport type T = import(\"@x/y/z\").T\nexport const z = () => import(\"z\")\n")
      ),
      ["x", "@x/y", "z"].map((name) => `dist/A.d.ts:1 imports ${name}, which package.json does not declare`).concat(
        ["x", "@x/y", "z"].map((name) => `dist/A.js:1 imports ${name}, which package.json does not declare`)
      )
    )
  })

  it("a map that names no packed source, and a path of this machine, are found", () => {
    assert.deepStrictEqual(
      problemsOf({
        "dist/A.js.map": JSON.stringify({ sources: ["../src/B.ts"] }),
        "dist/A.js": "export const a = \"/home/somebody/a\"\n"
      }),
      ["dist/A.js:1 has a path of this machine", "dist/A.js.map:1 maps to ../src/B.ts, which is not packed"]
    )
  })

  it("lists the public modules", () => {
    assert.deepStrictEqual(publicModules(directoryOf({ ...whole, "src/internal/B.ts": "" })), [
      "some-package/A",
      "some-package"
    ])
  })
})
