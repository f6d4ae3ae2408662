/**
 * The reader of TypeScript sources: their imports, declarations and docstrings.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { type ESTree, parseSync } from "vite"

/** A node of the syntax tree. */
export type Node = ESTree.Node

/** The specifier of an `import` or `export ... from`. */
export interface Import {
  readonly specifier: string
  readonly line: number
}

export interface Source {
  readonly file: string
  readonly body: ReadonlyArray<ESTree.Directive | ESTree.Statement>
  readonly imports: ReadonlyArray<Import>
  readonly lineOf: (offset: number) => number
  /** Returns the text of the docstring that ends right before an offset. */
  readonly docBefore: (offset: number) => string | undefined
  /** Whether the file begins with a docstring, after a `#!` line if there is one. */
  readonly hasHeader: boolean
}

export const readSource = (file: string): Source => {
  const text = readFileSync(file, "utf8")
  const { comments, errors, module, program } = parseSync(file, text, { lang: "ts" })
  if (errors[0] !== undefined) throw new Error(`${file}: ${errors[0].message}`)
  const docs = comments.filter((comment) => comment.type === "Block" && comment.value.startsWith("*"))
  const lineOf = (offset: number) => text.slice(0, offset).split("\n").length
  const requests = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest),
    ...module.staticExports.flatMap(({ entries }) => entries.slice(0, 1).map(({ moduleRequest }) => moduleRequest))
  ]
  return {
    file,
    body: program.body,
    imports: requests.flatMap((request) =>
      request === null ? [] : [{ specifier: request.value, line: lineOf(request.start) }]
    ),
    lineOf,
    docBefore: (offset) => docs.find(({ end }) => end <= offset && text.slice(end, offset).trim() === "")?.value,
    hasHeader: docs[0] !== undefined && /^(#!.*\n)?\s*$/.test(text.slice(0, docs[0].start))
  }
}

/** Lists the TypeScript files below a directory, as relative paths with `/` as separator. */
export const filesBelow = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1).replaceAll("\\", "/"))
    .sort()
