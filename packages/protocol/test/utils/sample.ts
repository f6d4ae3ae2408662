/** A generator of valid samples of a Schema, and of all values that are one change away from a sample. */
import type * as SchemaAST from "effect/SchemaAST"

/** A small pseudo-random number generator. The same seed produces the same samples. */
const random = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Whether a member of an open union is the one for unknown variants: a dispatch without known variants. */
const isUnknownVariant = (ast: SchemaAST.AST): boolean => ast._tag === "Declaration" && ast.typeParameters.length === 1

/** Whether a Schema is a union with a member for unknown variants. */
export const isOpenUnion = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Union"
    ? ast.types.some(isOpenUnion)
    : ast._tag === "Declaration" && ast.typeParameters.length > 0

/** Generates a JSON value that the Schema decodes without unknown variants. */
export const sample = (ast: SchemaAST.AST, seed: number): unknown => {
  const next = random(seed)
  const pick = <A>(items: ReadonlyArray<A>): A => items[next(items.length)]!
  const json = [null, true, 1, "text", ["text"], { key: "text" }]

  const go = (ast: SchemaAST.AST): unknown => {
    switch (ast._tag) {
      case "String":
        return pick(["", "text", "$unknown", "__proto__"])
      case "Number":
        return pick([0, 1, -1, 1.5, 1795258870309])
      case "Boolean":
        return pick([true, false])
      case "Null":
        return null
      case "Literal":
        return ast.literal
      case "Unknown":
        return pick(json)
      case "Arrays":
        return Array.from({ length: next(3) }, () => go(ast.rest[0]!))
      case "Union":
        return go(pick(ast.types.filter((type) => type._tag !== "Undefined" && !isUnknownVariant(type))))
      case "Declaration":
        // The last parameter of an open union is the unknown variant. A declaration without parameters is an object.
        return ast.typeParameters.length > 1 ? go(pick(ast.typeParameters.slice(0, -1))) : { key: pick(json) }
      case "Objects": {
        const required = ast.propertySignatures.filter(({ type }) => type.context?.isOptional !== true || next(2) === 0)
        const properties = required.map(({ name, type }) => [name, go(type)])
        const rest = ast.indexSignatures.map(({ type }) => ["extra key", go(type)])
        return Object.fromEntries([...properties, ...rest])
      }
      default:
        throw new Error(`No sample of ${ast._tag}`)
    }
  }
  return go(ast)
}

/** A field that no definition has. */
export const extraField = "an extra field"

export const replacements = [null, 0, "something else", true, [], {}, [null], { [extraField]: null }]

/** Generates every value that differs from a JSON value by one replacement, removal or addition. */
export function* mutants(value: unknown): Generator<unknown> {
  yield* replacements
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) {
      for (const mutant of mutants(element)) yield value.with(index, mutant)
    }
    for (const replacement of replacements) yield [...value, replacement]
  } else if (typeof value === "object" && value !== null) {
    for (const [key, field] of Object.entries(value)) {
      for (const mutant of mutants(field)) yield { ...value, [key]: mutant }
      const { [key]: _, ...rest } = value as Record<string, unknown>
      yield rest
    }
    yield { ...value, [extraField]: "text" }
  }
}
