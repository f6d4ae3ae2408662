import { assert, describe, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { root } from "../src/problem.ts"
import { modulesOf, references, renderModule } from "../src/reference.ts"
import { type Node, readSource, type Source } from "../src/source.ts"
import { directoryOf } from "./fixture.ts"

const codex = join(root, "packages/codex")

/** Returns the public names that a statement exports. `tsc` strips `@internal` ones from the declarations. */
const exportedBy = ({ docBefore, file }: Source) => (statement: Node): ReadonlyArray<string> => {
  if (docBefore(statement.start)?.includes("@internal") === true) return []
  if (statement.type === "ExportAllDeclaration") {
    const from = readSource(join(dirname(file), statement.source.value))
    return from.body.flatMap(exportedBy(from))
  }
  if (statement.type !== "ExportNamedDeclaration") return []
  const node = statement.declaration
  switch (node?.type) {
    case undefined:
      return statement.specifiers.flatMap(({ exported }) => exported.type === "Identifier" ? [exported.name] : [])
    case "VariableDeclaration":
      return node.declarations.flatMap(({ id }) => id.type === "Identifier" ? [id.name] : [])
    case "FunctionDeclaration":
    case "TSDeclareFunction":
    case "ClassDeclaration":
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
      return node.id === null ? [] : [node.id.name]
    default:
      return assert.fail(`an export of an unknown kind: ${node?.type}`)
  }
}

/** Returns the public modules of a package by their names: those of its index or, without one, all in `src` itself. */
const modulesOfSource = (src: string): ReadonlyArray<readonly [name: string, file: string]> => {
  const index = join(src, "index.ts")
  if (!existsSync(index)) {
    return readdirSync(src).filter((file) => file.endsWith(".ts")).map((
      file
    ) => [basename(file, ".ts"), join(src, file)])
  }
  return readSource(index).body.flatMap((statement) =>
    statement.type !== "ExportAllDeclaration" || statement.exported?.type !== "Identifier"
      ? []
      : [[statement.exported.name, join(src, statement.source.value)] as const]
  )
}

/** Reads every export of a package from its sources, as `Module.name`. */
const exportsOf = (src: string): ReadonlyArray<string> =>
  modulesOfSource(src).flatMap(([module, file]) => {
    const source = readSource(file)
    const names = source.body.flatMap(exportedBy(source))
    return [...new Set(names)].map((name) => `${module}.${name}`)
  })

describe("docs/api.md", () => {
  it("has every export, and nothing else", () => {
    for (const { declarations, folder, page } of references) {
      // An entry without modules has its exports at the top.
      if (declarations !== "index.d.ts") continue
      const headings = [...readFileSync(page, "utf8").matchAll(/^### (\S+)$/gm)].map(([, name]) => name!)
      const exports = exportsOf(join(root, "packages", folder, "src"))
      assert.isAbove(exports.length, 10)
      assert.deepStrictEqual([...headings].sort(), [...exports].sort(), folder)
    }
  })

  it("has the fields of errors with a base class, from declarations and sources", () => {
    const directory = directoryOf({
      "dist/index.d.ts": `/** A. */\nexport * as Things from "./Things.ts";\n`,
      "dist/Things.d.ts": [
        "/** Things. */",
        `declare const Bad_base: Schema.Class<Bad, Schema.Struct<{`,
        `    _tag: Schema.tag<"Bad">;\n    reason: Schema.TaggedUnion<{}>;\n    thing: Schema.Codec<import("a/Things").Thing>;`,
        "}>, Base> & Pick<{}, never>;\n/** Bad. */\nexport declare class Bad extends Bad_base {\n    get message(): string;\n}"
      ].join("\n"),
      "src/Things.ts": [
        `export class Bad extends Base.extend<Bad>("Bad")({`,
        `  _tag: Schema.tag("Bad"),\n  /** Why. */\n  reason: Reason,\n  thing: Schema.suspend(Thing)\n}) {\n}`
      ].join("\n")
    })
    const [module] = modulesOf(join(directory, "dist/index.d.ts"))
    assert.deepStrictEqual(module?.exports.map(({ code }) => code), [[
      "class Bad extends Error {\nreadonly _tag: \"Bad\"\n/** Why. */\nreadonly reason: Reason\nreadonly thing: Things.Thing\n}"
    ]])
  })

  it("is written from declarations", () => {
    const directory = directoryOf({
      "index.d.ts": `/** A. */\nexport * as Things from "./Things.ts";\n`,
      "Hidden.d.ts": `/** From elsewhere. */\nexport interface Elsewhere {\n    readonly a: string;\n}\n`,
      "Things.d.ts": [
        "/**\n * Things.\n *\n * More of them.\n */",
        `import * as Context from "effect/Context";`,
        `export type { Elsewhere } from "./Hidden.ts";`,
        `declare const Store_base: Context.ServiceClass<Store, "app/Store", {`,
        "    /**\n     * Gets.\n     *\n     * @example\n     * ```ts\n     * get()\n     * ```\n     */",
        "    readonly get: () => string;\n}>;",
        "/**\n * A {@link Elsewhere}.\n *\n * @category services\n */\nexport declare class Store extends Store_base {\n}",
        `declare const Bad_base: Schema.Class<Bad, Schema.TaggedStruct<"Bad", {`,
        "    /** Why. */\n    readonly why: Schema.optionalKey<Schema.NullOr<Schema.Literals<readonly [\"a\", \"b\"]>>>;",
        "}>, Base>;\n/** Bad. */\nexport declare class Bad extends Bad_base {\n    get message(): string;\n}",
        "/** First. */\nexport declare function twice(a: string): string;\nexport declare function twice(a: number): number;",
        ""
      ].join("\n")
    })
    const [module] = modulesOf(join(directory, "index.d.ts"))
    assert.strictEqual(
      renderModule("pkg", module!).replaceAll("```", "'''"),
      [
        "## Things",
        "Things.\n\nMore of them.",
        `'''typescript\nimport { Things } from "pkg"\n'''`,
        "### Things.Elsewhere",
        "From elsewhere.",
        "'''typescript\ninterface Elsewhere {\n    readonly a: string;\n}\n'''",
        "### Things.Store",
        "A `Elsewhere`.",
        "'''typescript\nclass Store extends Context.Service<Store, {\n    /**\n     * Gets.\n     */\n"
        + "    readonly get: () => string;\n}>()(\"app/Store\") {}\n'''",
        "'''ts\nget()\n'''",
        "### Things.Bad",
        "Bad.",
        "'''typescript\nclass Bad extends Error {\nreadonly _tag: \"Bad\"\n/** Why. */\nreadonly why?: \"a\" | \"b\" | null\n}\n'''",
        "### Things.twice",
        "First.",
        "'''typescript\nfunction twice(a: string): string;\nfunction twice(a: number): number;\n'''"
      ].join("\n\n")
    )
  })
})

const names = readdirSync(join(codex, "docs")).filter((name) => name.endsWith(".md"))

/** Every document of the repository and of its packages. */
const pages = [".", ...readdirSync(join(root, "packages")).map((name) => `packages/${name}`)]
  .flatMap((folder) => [folder, `${folder}/docs`, `${folder}/docs/contributing`].map((path) => join(root, path)))
  .filter((folder) => existsSync(folder))
  .flatMap((folder) => readdirSync(folder).filter((name) => name.endsWith(".md")).map((name) => join(folder, name)))

/** Returns the anchor of a heading on GitHub. */
const anchorOf = (heading: string) => heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")

it("links point to existing pages and headings", () => {
  const broken = pages.flatMap((file) => {
    const text = readFileSync(file, "utf8").replaceAll(/^```[\s\S]*?^```/gm, "")
    return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!).filter((link) => {
      if (link.startsWith("https://")) return false
      const [path, anchor] = link.split("#")
      const target = path === "" ? file : resolve(dirname(file), path!)
      if (!existsSync(target)) return true
      if (anchor === undefined) return false
      const headings = [...readFileSync(target, "utf8").matchAll(/^#+ (.*)$/gm)]
      return !headings.some(([, heading]) => anchorOf(heading!) === anchor)
    }).map((link) => `${file}: ${link}`)
  })
  assert.deepStrictEqual(broken, [])
})

it("the index names every page", () => {
  const index = readFileSync(join(codex, "docs/README.md"), "utf8")
  // Unpublished pages are named, but not linked.
  const isNamed = (name: string) => index.includes(`(${name})`) || index.includes(`\`${name}\``)
  const missing = names.filter((name) => name !== "README.md" && !isNamed(name))
  assert.deepStrictEqual(missing, [])
})

/** Whether Effect has a member. Returns `undefined` if the name is not a member of a module. */
const exists = async (name: string) => {
  const [, module, member] = /^([A-Z]\w+)\.(\w+)/.exec(name) ?? []
  if (module === undefined || member === undefined) return undefined
  const exports: object = await import(`effect/${module}`)
  return member in exports
}

it("AGENTS.md names existing members of Effect in place of removed ones", async () => {
  const text = readFileSync(join(codex, "AGENTS.md"), "utf8")
  const [, table] = /## Effect 4\.1 names[\s\S]*?\n((?:\|.*\n)+)/.exec(text) ?? []
  let checked = 0
  for (const row of (table ?? "").trim().split("\n").slice(2)) {
    const [gone, instead] = row.split("|").slice(1, 3).map((
      cell
    ) => [...cell.matchAll(/`(?:class X extends )?([^`]+)`/g)])
    for (const [cells, expected] of [[gone, false], [instead, true]] as const) {
      for (const [, name] of cells!) {
        const found = await exists(name!)
        if (found === undefined || name!.includes("(") && !expected) continue
        assert.strictEqual(found, expected, name)
        checked++
      }
    }
  }
  assert.isAbove(checked, 25)
})
