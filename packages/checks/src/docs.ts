/**
 * The check of the code in the documentation. It type-checks every TypeScript block in the READMEs, in the `docs` folders and in
 * docstrings. `npm test` also runs the programs and tests among the blocks of the documents.
 *
 *     node packages/checks/src/docs.ts
 *
 * A block with imports is a whole module. It is a test if it calls `it` or `describe`, and a program if it runs an Effect, or starts Codex with Promises.
 * A block without imports is a fragment: it is compiled as the body of an `Effect.gen` that declares the names below and
 * imports every module of `effect`, `effect-codex` and the sibling packages that the block names. A program in a
 * ```` ```ts no-run ```` block is checked, but not run.
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename, join, relative } from "node:path"
import { type Problem, report, root } from "./problem.ts"
import { filesBelow } from "./source.ts"

/** The names that a fragment may use without declaring them. */
const given: Readonly<Record<string, string>> = {
  assert: "typeof Vitest_.assert",
  client: "CodexClient.CodexClient[\"Service\"]",
  codex: "Codex.Codex[\"Service\"]",
  gate: "Gate.Gate",
  config: "Codex.LayerOptions",
  home: "CodexHome.Service",
  it: "typeof Vitest_.it",
  model: "ScriptedModel.Service",
  program: "Effect_.Effect<void, never, Codex.Codex>",
  server: "FakeAppServer.Service",
  thread: "Thread.Thread",
  turn: "Turn.Turn"
}

export interface Block {
  /** The file that contains the block. */
  readonly file: string
  /** The line of its opening fence. */
  readonly line: number
  readonly kind: "module" | "fragment" | "program" | "test"
  readonly code: string
  /** The file to which the block is written, with the same line numbers. */
  readonly path: string
}

/** The folder to which the blocks are written. */
const output = join(root, "packages/checks/dist/docs")

/** Lists the Markdown files of a folder. */
const markdown = (folder: string): ReadonlyArray<string> =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder)).filter((name) => name.endsWith(".md")).map((name) => join(root, folder, name))
    : []

/** Lists the Markdown files of a folder and of the folders in it. */
const markdownBelow = (folder: string): ReadonlyArray<string> =>
  existsSync(join(root, folder))
    ? [
      ...markdown(folder),
      ...readdirSync(join(root, folder), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .flatMap(({ name }) => markdownBelow(`${folder}/${name}`))
    ]
    : []

/** The published packages. A module name that several of them have means the one of the SDK. */
const published = readdirSync(join(root, "packages")).flatMap((folder) => {
  const path = join(root, "packages", folder, "package.json")
  if (!existsSync(path)) return []
  const manifest = JSON.parse(readFileSync(path, "utf8")) as { readonly name: string; readonly private?: boolean }
  return manifest.private === true ? [] : [{ folder, name: manifest.name }]
}).sort((a, b) => Number(b.folder === "codex") - Number(a.folder === "codex"))

/** Lists the files that may contain blocks. */
const documents = (): ReadonlyArray<string> => [
  ...markdown("."),
  ...readdirSync(join(root, "packages")).flatMap((name) => [
    ...markdown(`packages/${name}`),
    ...markdownBelow(`packages/${name}/docs`)
  ]),
  ...markdown("scratchpad"),
  ...published.map(({ folder }) => join(root, "packages", folder, "src")).flatMap((src) =>
    filesBelow(src).filter((path) => !path.startsWith("generated/")).map((path) => join(src, path))
  )
]

/** Extracts the blocks of a document, or of the docstrings of a module. */
export const blocksOf = (file: string, text: string): ReadonlyArray<Block> => {
  const isSource = file.endsWith(".ts")
  const name = relative(root, file).replace(/\.(md|ts)$/, "").replaceAll(/[\\/]/g, ".")
  const blocks: Array<Block> = []
  let open:
    | { readonly line: number; readonly indent: string; readonly run: boolean; readonly lines: Array<string> }
    | undefined
  for (const [index, line] of text.split("\n").entries()) {
    const [, indent = "", fence, info = ""] = (isSource ? /^(\s*\* ?\s*)(```)(.*)$/ : /^(\s*)(```)(.*)$/).exec(line) ??
      []
    if (open === undefined) {
      const [language, ...options] = info.trim().split(/\s+/)
      if (fence !== undefined && language === "ts") {
        open = { line: index + 1, indent, run: !isSource && !options.includes("no-run"), lines: [] }
      }
    } else if (fence === undefined) {
      open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line.replace(/^\s*\*?/, ""))
    } else {
      const code = open.lines.join("\n")
      const kind = kindOf(code, open.run)
      const extension = kind === "test" ? "test.ts" : "ts"
      blocks.push({ file, line: open.line, kind, code, path: join(output, `${name}.${open.line}.${extension}`) })
      open = undefined
    }
  }
  return blocks
}

const kindOf = (code: string, run: boolean): Block["kind"] => {
  if (!/^(import|export)\b/m.test(code)) return "fragment"
  if (!run) return "module"
  if (/^import .* from "@effect\/vitest"$/m.test(code)) return /^(it|describe|layer)\b/m.test(code) ? "test" : "module"
  return /\brun(Main|Promise|PromiseExit|Fork|Sync|Callback)\b|\bCodex\.start\(/.test(code) ? "program" : "module"
}

/** Returns a module that has the code of a block on the same lines as the document. */
export const moduleOf = ({ code, kind, line }: Block): string =>
  kind === "fragment"
    ? `${preludeOf(code)}${"\n".repeat(line - 1)}export const fragment = Effect_.gen(function*() {\n${code}\n})\n`
    : `${"\n".repeat(line)}${code}\n`

const preludeOf = (code: string): string => {
  const words = new Set(code.match(/\b[A-Za-z]\w*\b/g))
  const declarations = Object.entries(given).filter(([name]) => words.has(name))
  for (const [, type] of declarations) for (const word of type.match(/\b[A-Z]\w*\b/g) ?? []) words.add(word)
  const imports = [...words].sort().flatMap((word) => {
    const specifier = moduleNamed(word)
    return specifier === undefined ? [] : [`import * as ${word} from "${specifier}"`]
  })
  return [
    "import * as Effect_ from \"effect/Effect\"",
    "import type * as Vitest_ from \"@effect/vitest\"",
    ...imports,
    ...declarations.map(([name, type]) => `export declare const ${name}: ${type}`)
  ].join("; ")
}

const moduleNamed = (word: string): string | undefined => {
  if (!/^[A-Z]/.test(word)) return undefined
  for (const { folder, name } of published) {
    if (existsSync(join(root, "packages", folder, "src", `${word}.ts`))) return `${name}/${word}`
  }
  return existsSync(join(root, "node_modules/effect/dist", `${word}.d.ts`)) ? `effect/${word}` : undefined
}

const tsconfig = {
  extends: "../../../../tsconfig.json",
  include: ["*.ts"],
  references: published.map(({ folder }) => ({ path: `../../../${folder}` })),
  compilerOptions: {
    rootDir: "../../../..",
    noEmit: true,
    composite: false,
    incremental: false,
    declaration: false,
    declarationMap: false,
    noUnusedLocals: false
  }
}

/** Writes every block to a module of its own and returns the blocks. Files that are up to date are not rewritten. */
export const writeBlocks = (): ReadonlyArray<Block> => {
  const blocks = documents().flatMap((file) => blocksOf(file, readFileSync(file, "utf8")))
  const files = new Map(blocks.map((block) => [block.path, moduleOf(block)]))
  files.set(join(output, "tsconfig.json"), JSON.stringify(tsconfig, null, 2))
  mkdirSync(output, { recursive: true })
  for (const name of readdirSync(output)) {
    if (!files.has(join(output, name))) rmSync(join(output, name), { force: true })
  }
  for (const [path, text] of files) {
    if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text)
  }
  return blocks
}

/** Compiles the blocks and returns the errors, with their lines in the documents. */
const check = (blocks: ReadonlyArray<Block>): ReadonlyArray<Problem> => {
  let printed: string
  try {
    printed = execFileSync("tsc", ["-b", output, "--pretty", "false"], { cwd: root, encoding: "utf8" })
  } catch (error) {
    printed = (error as { readonly stdout: string }).stdout
  }
  const byName = new Map(blocks.map((block) => [basename(block.path), block]))
  const problems: Array<Problem> = []
  for (const line of printed.split("\n")) {
    const [, path = "", at, message = ""] = /^(\S.*?)\((\d+),\d+\): (.*)$/.exec(line) ?? []
    const last = problems.at(-1)
    if (at !== undefined) {
      problems.push({ file: byName.get(basename(path))?.file ?? join(root, path), line: Number(at), message })
    } else if (last !== undefined && line.trim() !== "") {
      problems[problems.length - 1] = { ...last, message: `${last.message}\n${line}` }
    }
  }
  return problems
}

if (import.meta.main) report("docs", check(writeBlocks()))
