/**
 * The check of options: an editor shows a description of every option, also of those that an interface inherits from the protocol.
 *
 *     node packages/checks/src/docstrings.ts   # runs this check, too
 */
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { type Problem, root } from "./problem.ts"
import { filesBelow, type Node, readSource, type Source } from "./source.ts"

/** A property of an interface, with the description that an editor shows. */
interface Property {
  /** The text of the docstring, with the stars of its lines. */
  readonly doc: string
  readonly file: string
  readonly line: number
}

type Properties = ReadonlyMap<string, Property>

/** A declaration and the file that contains it. */
interface Declaration {
  readonly source: Source
  readonly node: Node
}

const sources = new Map<string, Source>()

const sourceOf = (file: string): Source => {
  const source = sources.get(file) ?? readSource(file)
  sources.set(file, source)
  return source
}

/** Returns the source file that a specifier names, or `undefined` if it is not ours. */
const fileOf = (from: string, specifier: string): string | undefined => {
  const [, module] = /^@effect-codex\/protocol\/(\w+)$/.exec(specifier) ?? []
  const file = specifier.startsWith(".")
    ? join(dirname(from), specifier)
    : join(root, "packages/protocol/src", `${module}.ts`)
  return existsSync(file) ? file : undefined
}

const textOf = (node: Node | null | undefined): string | undefined =>
  node?.type === "Identifier" ? node.name : node?.type === "Literal" ? String(node.value) : undefined

/** Finds the declaration of a name in a file, or in the file from which it is imported or exported. */
const find = (file: string, name: string): Declaration | undefined => {
  const source = sourceOf(file)
  const elsewhere = (specifier: string, imported: string) => {
    const target = fileOf(file, specifier)
    return target === undefined ? undefined : find(target, imported)
  }
  for (const statement of source.body) {
    const node = statement.type === "ExportNamedDeclaration" ? statement.declaration ?? statement : statement
    switch (node.type) {
      case "TSInterfaceDeclaration":
      case "TSTypeAliasDeclaration":
        if (node.id.name === name) return { source, node }
        break
      case "ImportDeclaration":
        for (const specifier of node.specifiers) {
          if (specifier.type !== "ImportSpecifier" || specifier.local.name !== name) continue
          return elsewhere(node.source.value, textOf(specifier.imported) ?? name)
        }
        break
      case "ExportNamedDeclaration":
        for (const { exported, local } of node.specifiers) {
          if (node.source !== null && textOf(exported) === name) {
            return elsewhere(node.source.value, textOf(local) ?? name)
          }
        }
        break
      case "ExportAllDeclaration": {
        const found = node.exported === null ? elsewhere(node.source.value, name) : undefined
        if (found !== undefined) return found
      }
    }
  }
  return undefined
}

/** Finds the declaration of `name`, or of `Namespace.name` for an import of a whole module. */
const findReference = ({ file }: Source, name: Node): Declaration | undefined => {
  if (name.type === "Identifier") return find(file, name.name)
  const [left, right] = name.type === "TSQualifiedName"
    ? [name.left, name.right]
    : name.type === "MemberExpression"
    ? [name.object, name.property]
    : []
  for (const statement of sourceOf(file).body) {
    if (statement.type !== "ImportDeclaration") continue
    if (
      !statement.specifiers.some(({ local, type }) =>
        type === "ImportNamespaceSpecifier" && local.name === textOf(left)
      )
    ) {
      continue
    }
    const target = fileOf(file, statement.source.value)
    const member = textOf(right)
    return target === undefined || member === undefined ? undefined : find(target, member)
  }
  return undefined
}

/** Returns the strings in a union of literals. */
const literalsIn = (node: Node | undefined): ReadonlyArray<string> =>
  node?.type === "TSUnionType"
    ? node.types.flatMap(literalsIn)
    : node?.type === "TSLiteralType" && node.literal.type === "Literal"
    ? [String(node.literal.value)]
    : []

/** Returns the properties of a type. Those of unknown types are left out. */
const propertiesOf = (source: Source, node: Node): Properties => {
  switch (node.type) {
    case "TSInterfaceDeclaration":
      // The first declaration of a property wins, as in TypeScript.
      return merged([ownProperties(source, node.body.body), ...node.extends.map((base) => propertiesOf(source, base))])
    case "TSTypeAliasDeclaration":
      return propertiesOf(source, node.typeAnnotation)
    case "TSTypeLiteral":
      return ownProperties(source, node.members)
    case "TSIntersectionType":
      return merged(node.types.map((type) => propertiesOf(source, type)))
    case "TSTypeReference":
      return referenced(source, node.typeName, node.typeArguments?.params ?? [])
    case "TSInterfaceHeritage":
      return referenced(source, node.expression, node.typeArguments?.params ?? [])
    default:
      return new Map()
  }
}

const referenced = (source: Source, name: Node, [type, keys]: ReadonlyArray<Node>): Properties => {
  if (textOf(name) === "Omit" && type !== undefined) {
    const omitted = new Set(literalsIn(keys))
    return new Map([...propertiesOf(source, type)].filter(([key]) => !omitted.has(key)))
  }
  const found = findReference(source, name)
  return found === undefined ? new Map() : propertiesOf(found.source, found.node)
}

const merged = (all: ReadonlyArray<Properties>): Properties =>
  new Map(all.toReversed().flatMap((properties) => [...properties]))

const ownProperties = (source: Source, members: ReadonlyArray<Node>): Properties =>
  new Map(members.flatMap((member) => {
    const name = member.type === "TSPropertySignature" ? textOf(member.key) : undefined
    if (name === undefined) return []
    const doc = (source.docBefore(member.start) ?? "").replaceAll("@experimental", "")
    return [[name, { doc, file: source.file, line: source.lineOf(member.start) }] as const]
  }))

/** Returns the names of options that a public module exports. */
const optionsIn = (file: string): ReadonlyArray<string> =>
  sourceOf(file).body.flatMap((statement) => {
    if (statement.type !== "ExportNamedDeclaration") return []
    const { declaration } = statement
    const declared = declaration?.type === "TSInterfaceDeclaration" ? [declaration.id.name] : []
    return [...declared, ...statement.specifiers.flatMap(({ exported }) => textOf(exported) ?? [])]
  }).filter((name) => name.endsWith("Options"))

/** Returns the exported options of a module: the properties of each, inherited ones included. */
export const optionsOf = (file: string): ReadonlyMap<string, Properties> =>
  new Map(
    optionsIn(file).map((name) => {
      const found = find(file, name)
      if (found === undefined) throw new Error(`${file}: can't find ${name}`)
      return [name, propertiesOf(found.source, found.node)]
    })
  )

/** Checks that every property of every exported `...Options` has a description, inherited ones included. */
export const checkOptions = (src: string): ReadonlyArray<Problem> => {
  const problems = new Map<string, Problem>()
  for (const path of filesBelow(src).filter((path) => !path.includes("/"))) {
    for (const [name, properties] of optionsOf(join(src, path))) {
      for (const [option, { doc, file, line }] of properties) {
        if (/[^\s*]/.test(doc)) continue
        problems.set(`${file}:${line}`, { file, line, message: `${option}, an option of ${name}, has no docstring` })
      }
    }
  }
  return [...problems.values()]
}
