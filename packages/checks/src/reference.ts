/**
 * The generator of the API references, `docs/api.md` of each package. It reads every export and its docstring from the declarations
 * that `tsc` writes.
 *
 *     node packages/checks/src/reference.ts           # writes the pages
 *     node packages/checks/src/reference.ts --check   # fails if a page is out of date
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import type { ESTree } from "vite"
import { readManifest } from "./packed.ts"
import { type Problem, report, root } from "./problem.ts"
import { type Node, readSource } from "./source.ts"

/** A module of a package, as its users import it. */
interface Module {
  readonly name: string
  readonly summary: string
  readonly exports: ReadonlyArray<Export>
}

interface Export {
  readonly name: string
  readonly doc: Doc
  /** Declarations, as TypeScript. */
  readonly code: ReadonlyArray<string>
}

/** A docstring: its text as Markdown, and its examples. */
interface Doc {
  readonly text: string
  readonly examples: ReadonlyArray<string>
}

/** The packages and entries that have a reference, with the page of each. */
export const references = [
  ...["codex", "recording", "testing", "ai", "platform", "cluster"].map((folder) => ({
    folder,
    name: readManifest(join(root, "packages", folder)).name,
    declarations: "index.d.ts",
    page: join(root, "packages", folder, "docs/api.md")
  })),
  {
    folder: "codex",
    name: "effect-codex/promises",
    declarations: "promises/index.d.ts",
    page: join(root, "packages/codex/docs/promises-api.md")
  }
]

// ---------------------------------------------------------------------------------------------------------------------
// Docstrings
// ---------------------------------------------------------------------------------------------------------------------

const exampleTag = /@example\s*(```ts\n[\s\S]*?```)/g

/** Reads a docstring: the text of a comment between its delimiters. */
const docOf = (comment: string | undefined): Doc => {
  const text = (comment ?? "").replace(/^\*/, "").replaceAll(/^[ \t]*\* ?/gm, "").trim()
  return {
    examples: [...text.matchAll(exampleTag)].map(([, example]) => example ?? ""),
    text: text.replaceAll(exampleTag, "").replaceAll(/^@category .*$/gm, "")
      .replaceAll(/\{@link (?:\S+ )?([^}\s]+)\}/g, "`$1`").trim()
  }
}

/** Removes the examples from the comments inside a declaration. On the page they follow it as separate blocks. */
const withoutExamples = (code: string): readonly [code: string, examples: ReadonlyArray<string>] => {
  const examples: Array<string> = []
  const rest = code.replaceAll(/\/\*\*[\s\S]*?\*\//g, (comment) => {
    const found = docOf(comment.slice(2, -2)).examples
    if (found.length === 0) return comment
    examples.push(...found)
    return comment.replaceAll(/(?:[ \t]*\*[ \t]*\n)?[ \t]*\* @example\s[\s\S]*?```ts[\s\S]*?```[ \t]*\n/g, "")
  })
  return [rest, examples]
}

// ---------------------------------------------------------------------------------------------------------------------
// Declarations
// ---------------------------------------------------------------------------------------------------------------------

/** The text of a node. */
type Text = (node: Node) => string

const typeArguments = (node: Node): ReadonlyArray<Node> =>
  node.type === "TSTypeReference" ? node.typeArguments?.params ?? [] : []

const nameOfType = (node: Node, text: Text): string => node.type === "TSTypeReference" ? text(node.typeName) : ""

const plainTypes: { readonly [schema: string]: string } = {
  "Schema.String": "string",
  "Schema.Number": "number",
  "Schema.Boolean": "boolean",
  "Schema.Unknown": "unknown",
  "Schema.Defect": "unknown"
}

/** The type that a Schema in a declaration stands for, and whether it stands for an optional key. */
const typeOfSchema = (node: Node, text: Text): readonly [type: string, optional: boolean] => {
  const name = nameOfType(node, text)
  const [argument] = typeArguments(node)
  const plain = plainTypes[name]
  if (plain !== undefined) return [plain, false]
  if (argument === undefined) return [text(node), false]
  switch (name) {
    case "Schema.optionalKey":
      return [typeOfSchema(argument, text)[0], true]
    case "Schema.NullOr":
      return [`${typeOfSchema(argument, text)[0]} | null`, false]
    case "Schema.suspend":
      return typeOfSchema(argument, text)
    case "Schema.Codec":
    case "Schema.tag":
      return [text(argument).replace(/^import\("[^"]*\/(\w+)"\)/, "$1"), false]
    case "Schema.Literals":
      return [text(argument).replace(/^readonly \[/, "").replace(/\]$/, "").split(", ").join(" | "), false]
    default:
      return [text(node), false]
  }
}

/** A field of an error in its source: its docstring, and the name of its Schema, if it has one. */
interface Field {
  readonly doc?: string | undefined
  readonly schema?: string | undefined
}

/** Prints the fields of a tagged error without their Schemas. */
const errorFields = (shape: Node, text: Text, fieldOf: (name: string, offset: number) => Field): string =>
  shape.type !== "TSTypeLiteral" ? "" : shape.members.map((member) => {
    if (member.type !== "TSPropertySignature" || member.typeAnnotation == null) return text(member)
    const [type, optional] = typeOfSchema(member.typeAnnotation.typeAnnotation, text)
    const { doc, schema } = fieldOf(text(member.key), member.start)
    const before = doc === undefined ? "" : `/*${doc}*/\n`
    return `${before}readonly ${text(member.key)}${optional ? "?" : ""}: ${schema ?? type}`
  }).join("\n")

/** Reads the fields of an error class from its source: declarations have neither their docstrings nor the names of their Schemas. */
const fieldsInSource = (declarations: string, name: string): (field: string) => Field => {
  const file = declarations.replace(/([\\/])dist([\\/])/, "$1src$2").replace(/\.d\.ts$/, ".ts")
  const source = existsSync(file) ? readFileSync(file, "utf8") : ""
  const [, body = ""] = new RegExp(`class ${name} extends ([^]*?)^\\}\\)`, "m").exec(source) ?? []
  const fields = body.matchAll(/(?:\/\*(\*(?:(?!\*\/)[^])*)\*\/\s*)?^ +(\w+): (?:([A-Z]\w*)(?=,?$))?/gm)
  const found = new Map([...fields].map(([, doc, field, schema]) => [field, { doc, schema }]))
  return (field) => found.get(field) ?? {}
}

/** Returns the declaration file of a module that a public module exports again. `#` imports belong to the folder `node`. */
const declarationFile = (from: string): string => from.replace(/^#(.*)$/, "./node/$1.ts").replace(/\.ts$/, ".d.ts")

/** Reads the declarations of a file, by name and in order. */
const declarationsOf = (file: string): ReadonlyMap<string, Export> => {
  const source = readSource(file)
  const whole = readFileSync(file, "utf8")
  const text: Text = (node) => whole.slice(node.start, node.end)
  const exports = new Map<string, Export>()
  /** The type of each value, including unexported ones such as the bases of classes. */
  const types = new Map<string, Node>()
  /** The text of each service's shape, so that its name can replace repetitions. */
  const shapes = new Map<string, string>()

  const add = (name: string, at: Node, code: string) => {
    const before = exports.get(name)
    const doc = docOf(source.docBefore(at.start))
    const [own, examples] = withoutExamples(
      [...shapes].reduce((code, [shape, service]) => code.replaceAll(`Effect<${shape}`, `Effect<${service}`), code)
    )
    exports.set(name, {
      name,
      code: [...before?.code ?? [], own],
      doc: before === undefined ? { text: doc.text, examples: [...doc.examples, ...examples] } : before.doc
    })
  }

  const classCode = (name: string, node: ESTree.Class): string => {
    const found = node.superClass?.type === "Identifier" ? types.get(node.superClass.name) : undefined
    const base = found?.type === "TSIntersectionType" ? found.types[0] : found
    const body = node.body.body.map(text).filter((member) => !member.startsWith("get message()")).join("\n")
    if (base === undefined) return text(node).replace(/^declare /, "")
    const [self, id, shape] = typeArguments(base)
    switch (nameOfType(base, text)) {
      case "Context.ServiceClass":
        if (shape === undefined || id === undefined) break
        shapes.set(text(shape), `${name}["Service"]`)
        return `class ${name} extends Context.Service<${name}, ${text(shape)}>()(${text(id)}) {${body}}`
      case "Schema.Class": {
        // Class<Self, TaggedStruct<Tag, Fields>, Base>, or Class<Self, Struct<Fields>, Base> of a base of our own
        const [first, second] = typeArguments(id ?? base)
        if (self !== undefined && first !== undefined && nameOfType(id ?? base, text) === "Schema.Struct") {
          return `class ${name} extends Error {\n${errorFields(first, text, fieldsInSource(file, name))}\n${body}}`
        }
        const [tag, fields] = [first, second]
        if (self === undefined || tag === undefined || fields === undefined) break
        return `class ${name} extends Error {\nreadonly _tag: ${text(tag)}\n${
          errorFields(fields, text, (_, offset) => ({ doc: source.docBefore(offset) }))
        }\n${body}}`
      }
    }
    return text(node).replace(/^declare /, "")
  }

  const reexported = (from: string) => declarationsOf(join(dirname(file), declarationFile(from)))

  for (const statement of source.body) {
    if (statement.type === "ExportAllDeclaration" && statement.exported === null) {
      for (const [name, found] of reexported(statement.source.value)) exports.set(name, found)
      continue
    }
    if (statement.type === "VariableDeclaration") {
      const id = statement.declarations[0]?.id
      if (id?.type === "Identifier" && id.typeAnnotation != null) types.set(id.name, id.typeAnnotation.typeAnnotation)
      continue
    }
    if (statement.type !== "ExportNamedDeclaration") continue
    if (statement.declaration === null) {
      if (statement.source === null) continue
      const from = reexported(statement.source.value)
      for (const { exported } of statement.specifiers) {
        const found = exported.type === "Identifier" ? from.get(exported.name) : undefined
        if (found === undefined) throw new Error(`${file}: can't find ${text(exported)}`)
        exports.set(found.name, found)
      }
      continue
    }
    const node = statement.declaration
    switch (node.type) {
      case "VariableDeclaration": {
        const id = node.declarations[0]?.id
        if (id?.type === "Identifier") add(id.name, statement, text(node).replace(/^declare /, ""))
        break
      }
      case "FunctionDeclaration":
      case "TSDeclareFunction":
        if (node.id !== null) add(node.id.name, statement, text(node).replace(/^declare /, ""))
        break
      case "ClassDeclaration":
        if (node.id !== null) add(node.id.name, statement, classCode(node.id.name, node))
        break
      case "TSInterfaceDeclaration":
      case "TSTypeAliasDeclaration":
        add(node.id.name, statement, text(node))
        break
      default:
        throw new Error(`${file}: unknown kind of declaration: ${node.type}`)
    }
  }
  return exports
}

/** Reads the docstring at the top of a file. */
const headerOf = (file: string): Doc => {
  const [, comment] = /^\/\*(\*[\s\S]*?)\*\//.exec(readFileSync(file, "utf8")) ?? []
  return docOf(comment)
}

// ---------------------------------------------------------------------------------------------------------------------
// The page
// ---------------------------------------------------------------------------------------------------------------------

const readModule = (name: string, file: string): Module => {
  const { examples, text } = headerOf(file)
  return { name, summary: [text, ...examples].join("\n\n"), exports: [...declarationsOf(file).values()] }
}

/** Reads the modules that an index exports as namespaces. */
export const modulesOf = (index: string): ReadonlyArray<Module> => {
  const source = readSource(index)
  return source.body.flatMap((statement) => {
    if (statement.type !== "ExportAllDeclaration" || statement.exported?.type !== "Identifier") return []
    const file = join(dirname(index), statement.source.value.replace(/\.ts$/, ".d.ts"))
    return [readModule(statement.exported.name, file)]
  })
}

/** Reads the modules of a package without an index. */
const modulesIn = (directory: string): ReadonlyArray<Module> =>
  readdirSync(directory).filter((file) => file.endsWith(".d.ts")).sort()
    .map((file) => readModule(basename(file, ".d.ts"), join(directory, file)))

const fenced = (code: ReadonlyArray<string>): string => ["```typescript", ...code, "```"].join("\n")

/** Renders a module as Markdown. Without an index, it is imported by itself. */
export const renderModule = (
  packageName: string,
  { exports, name, summary }: Module,
  hasIndex = true
): string =>
  [
    `## ${name}`,
    summary,
    fenced([
      hasIndex ? `import { ${name} } from "${packageName}"` : `import * as ${name} from "${packageName}/${name}"`
    ]),
    ...exports.flatMap((item) => [`### ${name}.${item.name}`, item.doc.text, fenced(item.code), ...item.doc.examples])
  ].filter((part) => part !== "").join("\n\n")

const intro = (name: string, modules: ReadonlyArray<Module>, hasIndex: boolean): string =>
  `# API reference of ${name}

Every export with its docstring. \`npm run docs\` generates this page.

Import ${hasIndex ? "a module from the package, or by itself" : "each module by itself"}: \`import * as ${
    modules[0]?.name
  } from "${name}/${modules[0]?.name}"\`. The types of the
protocol are in \`@effect-codex/protocol\`.

Modules: ${modules.map((module) => `[${module.name}](#${module.name.toLowerCase()})`).join(", ")}`

/** Renders the page of a package. */
const renderPackage = (name: string, index: string): string => {
  const hasIndex = existsSync(index)
  const modules = hasIndex ? modulesOf(index) : modulesIn(dirname(index))
  return formatted(
    [intro(name, modules, hasIndex), ...modules.map((module) => renderModule(name, module, hasIndex))].join("\n\n")
  )
}

/** Formats a page with `dprint`. */
const formatted = (page: string): string => {
  // A fragment of a generator keeps its formatting, because dprint would read its `yield*` as a multiplication.
  const kept = page.replaceAll(
    /^```ts\n([^]*?)^```$/gm,
    (block, code) =>
      code.includes("yield*") && !code.includes("function*") ? `<!-- dprint-ignore -->\n\n${block}` : block
  )
  const dprint = join(root, "node_modules/dprint/bin.cjs")
  return execFileSync(process.execPath, [dprint, "fmt", "--stdin", "api.md"], {
    cwd: root,
    input: `${kept}\n`,
    encoding: "utf8"
  })
}

/** Renders the page of an entry whose exports are not grouped in modules. */
const renderEntry = (name: string, file: string): string => {
  const { examples, text } = headerOf(file)
  const exports = [...declarationsOf(file).values()]
  return formatted(
    [
      `# API reference of ${name}`,
      "Every export with its docstring. `npm run docs` generates this page.",
      text,
      ...examples,
      fenced([`import { ${exports[0]?.name} } from "${name}"`]),
      ...exports.flatMap((item) => [`## ${item.name}`, item.doc.text, fenced(item.code), ...item.doc.examples])
    ].filter((part) => part !== "").join("\n\n")
  )
}

/** Writes the page of each package, or reports the pages that are out of date. */
const update = (isCheck: boolean): ReadonlyArray<Problem> =>
  references.flatMap(({ declarations, folder, name, page }) => {
    const render = declarations === "index.d.ts" ? renderPackage : renderEntry
    const current = render(name, join(root, "packages", folder, "dist", declarations))
    if (existsSync(page) && readFileSync(page, "utf8") === current) return []
    if (isCheck) return [{ file: page, line: 1, message: "is out of date: run `npm run docs`" }]
    mkdirSync(dirname(page), { recursive: true })
    writeFileSync(page, current)
    return []
  })

if (import.meta.main) report("reference", update(process.argv.includes("--check")))
