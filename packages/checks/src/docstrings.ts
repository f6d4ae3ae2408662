/**
 * The docstring check: every public module, every export, and every field of an exported interface or service has a docstring.
 *
 *     node packages/checks/src/docstrings.ts
 */
import { join } from "node:path"
import { checkOptions } from "./optionDocs.ts"
import { type Problem, report, root } from "./problem.ts"
import { filesBelow, type Node, readSource, type Source } from "./source.ts"

/** Fields that mean the same everywhere and need no docstring. */
const plain = new Set(["_tag", "id", "threadId", "turnId", "method", "params", "type", "client", "router"])

/** Whether a module is in a folder of internal modules. */
const isHidden = (path: string): boolean =>
  /^(internal|generated|wire|node|base|masking|record|replay|timeline|server)\//.test(path)

/** Checks the public modules below a directory. */
export const checkDocstrings = (src: string): ReadonlyArray<Problem> =>
  filesBelow(src).filter((path) => !isHidden(path)).flatMap((path) => checkSource(readSource(join(src, path))))

const checkSource = (source: Source): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  const require = (node: Node, at: Node, name: string) => {
    const doc = source.docBefore(at.start)
    if (doc === undefined || doc.replaceAll(/[\s*]/g, "") === "") {
      problems.push({ file: source.file, line: source.lineOf(node.start), message: `${name} has no docstring` })
    }
  }
  const requireMembers = (members: ReadonlyArray<Node>, of: string) => {
    for (const member of members) {
      const name = fieldName(member)
      if (name !== undefined && !plain.has(name)) require(member, member, `${of}.${name}`)
    }
  }

  if (!source.hasHeader) {
    problems.push({ file: source.file, line: 1, message: "the module does not begin with a docstring" })
  }
  const extended = new Set(source.body.flatMap((node) => basesOf(declarationOf(node) ?? node)))
  const overloaded = new Set<string>()
  for (const statement of source.body) {
    const declaration = declarationOf(statement)
    // Users also see the fields of an unexported interface that an exported one extends.
    const node = declaration ?? statement
    const name = nameOf(node)
    if (name === undefined) continue
    if (declaration === undefined && !(node.type === "TSInterfaceDeclaration" && extended.has(name))) continue
    if (node.type === "TSDeclareFunction" || node.type === "FunctionDeclaration") {
      // The docstring of the first overload covers all of them.
      if (overloaded.has(name)) continue
      overloaded.add(name)
    }
    require(node, statement, name)
    requireMembers(membersOf(node), name)
  }
  return problems
}

/** Returns the declaration that an `export` statement contains, if any. */
const declarationOf = (node: Node): Node | undefined =>
  node.type === "ExportNamedDeclaration" && node.declaration !== null ? node.declaration : undefined

const nameOf = (node: Node): string | undefined => {
  switch (node.type) {
    case "VariableDeclaration": {
      const id = node.declarations[0]?.id
      return id?.type === "Identifier" ? id.name : undefined
    }
    case "ClassDeclaration":
    case "FunctionDeclaration":
    case "TSDeclareFunction":
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
      return node.id?.name
    default:
      return undefined
  }
}

const basesOf = (node: Node): ReadonlyArray<string> =>
  node.type === "TSInterfaceDeclaration"
    ? node.extends.flatMap(({ expression }) => expression.type === "Identifier" ? [expression.name] : [])
    : []

/** Returns the public fields of an interface, an object type, a service or a class. */
const membersOf = (node: Node): ReadonlyArray<Node> => {
  switch (node.type) {
    case "TSInterfaceDeclaration":
      return node.body.body
    case "TSTypeAliasDeclaration":
      return node.typeAnnotation.type === "TSTypeLiteral" ? node.typeAnnotation.members : []
    case "ClassDeclaration":
      return [
        ...serviceMembers(node.superClass),
        ...node.body.body.filter((member) =>
          (member.type === "PropertyDefinition" || member.type === "MethodDefinition")
          && !member.override
          && member.accessibility !== "private"
          && !(member.type === "MethodDefinition" && member.kind === "constructor")
        )
      ]
    default:
      return []
  }
}

/** Returns the members of the shape in `class X extends Context.Service<X, { ... }>()("X") {}`. */
const serviceMembers = (superClass: Node | null): ReadonlyArray<Node> => {
  if (superClass?.type !== "CallExpression") return []
  const shape = superClass.typeArguments?.params[1]
  return shape?.type === "TSTypeLiteral" ? shape.members : serviceMembers(superClass.callee)
}

const fieldName = (member: Node): string | undefined => {
  switch (member.type) {
    case "TSPropertySignature":
    case "TSMethodSignature":
    case "PropertyDefinition":
    case "MethodDefinition":
      return member.key.type === "Identifier" ? member.key.name : undefined
    default:
      return undefined
  }
}

if (import.meta.main) {
  report(
    "docstrings",
    ["protocol", "codex", "recording", "testing", "ai", "platform", "cluster", "cli"]
      .map((name) => join(root, "packages", name, "src"))
      .flatMap((src) => [...checkDocstrings(src), ...checkOptions(src)])
  )
}
