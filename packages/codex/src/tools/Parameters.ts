/**
 * The parameters of a tool as JSON Schema, in the keywords that the server passes on to the model.
 */
import type * as Tool from "effect/ai/Tool"
import type * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { nameOf } from "../base/definitions.ts"
import * as EffectTool from "./EffectTool.ts"

/** Returns the path to the first place where a Schema's encoded side has no form in JSON, such as an instance of a class. */
export const placeWithoutJson = (root: SchemaAST.AST): string | undefined => {
  const seen = new Set<SchemaAST.AST>()
  const first = (asts: ReadonlyArray<SchemaAST.AST>, path: (index: number) => string): string | undefined => {
    for (const [index, ast] of asts.entries()) {
      const found = visit(ast, path(index))
      if (found !== undefined) return found
    }
    return undefined
  }
  const visit = (ast: SchemaAST.AST, path: string): string | undefined => {
    if (seen.has(ast)) return undefined
    seen.add(ast)
    switch (ast._tag) {
      case "Declaration":
        return ast.annotations?.["toCodecJson"] === undefined && ast.annotations?.["toCodec"] === undefined
          ? path
          : first(ast.typeParameters.map(SchemaAST.toEncoded), () => path)
      case "Objects": {
        const { indexSignatures, propertySignatures } = ast
        const key = (index: number) => JSON.stringify(String(propertySignatures[index]!.name))
        return first(propertySignatures.map(({ type }) => type), (index) => `${path}[${key(index)}]`)
          ?? first(indexSignatures.map(({ type }) => type), () => `${path}[]`)
      }
      case "Arrays":
        return first(ast.elements, (index) => `${path}[${index}]`) ?? first(ast.rest, () => `${path}[]`)
      case "Union":
        return first(ast.types, () => path)
      case "Suspend":
        return visit(ast.thunk(), path)
      default:
        return undefined
    }
  }
  return visit(SchemaAST.toEncoded(root), "")
}

/** A struct without fields, which a Schema takes for anything but null: as parameters it means that there are none. */
const isEmptyStruct = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Objects" && ast.propertySignatures.length === 0 && ast.indexSignatures.length === 0

/** Returns the JSON Schema of a tool's parameters, with its root in place. Throws if there is none. */
export const jsonSchemaOf = (tool: Tool.Any): JsonSchema.JsonSchema => {
  const dynamic = EffectTool.dynamicSchema(tool)
  if (dynamic !== undefined) return dynamic
  if (isEmptyStruct(SchemaAST.toEncoded(tool.parametersSchema.ast))) {
    return { type: "object", properties: {}, additionalProperties: false }
  }
  const { definitions, schema } = Schema.toJsonSchemaDocument(tool.parametersSchema, {
    onExcessProperty: "error",
    // The server drops constraints that it has no keyword for, so they are stated in words.
    generateDescriptions: true
  })
  const root = typeof schema["$ref"] === "string" ? definitions[nameOf(schema["$ref"])] : schema
  return adapted(Object.keys(definitions).length === 0 ? { ...root } : { ...root, $defs: definitions })
}

/**
 * Rewrites a JSON Schema in the keywords that the server passes on to the model. A tuple becomes an array of any of its
 * items' types (the server would make it one of strings), and the constraints of `allOf` move to the place itself.
 */
const adapted = (schema: JsonSchema.JsonSchema): JsonSchema.JsonSchema =>
  JSON.parse(JSON.stringify(schema, (_, value) => {
    if (Array.isArray(value?.prefixItems) && value.items === undefined) {
      return { ...value, items: { anyOf: value.prefixItems } }
    }
    if (!Array.isArray(value?.allOf)) return value
    const { allOf, ...rest } = value
    const descriptions = [rest, ...allOf].flatMap(({ description }) => description ?? [])
    return { ...Object.assign(rest, ...allOf), description: descriptions.join(", ") }
  }))
