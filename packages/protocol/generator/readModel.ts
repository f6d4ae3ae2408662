/** The reader of definitions: JSON Schema in, model out. */
import type { Definitions, JsonSchema } from "./bundle.ts"
import { type Definition, type Model, pascal, type Shape, type Type } from "./model.ts"
import * as Overrides from "./overrides.ts"

export const refName = (ref: string): string => ref.slice(ref.lastIndexOf("/") + 1)

/** The keywords that the reader interprets, and those that do not affect the shape. */
const keywords = new Set(
  ["$ref", "allOf", "anyOf", "oneOf", "enum", "type", "properties", "required", "additionalProperties", "items"].concat(
    ["$schema", "title", "description", "default", "format", "minimum", "minLength"]
  )
)

/** Throws on a keyword that the reader does not know, because ignoring it could lose a constraint. */
const assertUnderstood = (schema: JsonSchema, where: string): void => {
  const unknown = Object.keys(schema).filter((keyword) => !keywords.has(keyword))
  if (unknown.length > 0) throw new Error(`${where} has keywords that are not understood: ${unknown.join(", ")}`)
  if (schema.allOf !== undefined && schema.allOf.length !== 1) throw new Error(`${where} is an intersection`)
}

const isNull = (schema: JsonSchema | true): boolean => schema !== true && schema.type === "null"

const isEnum = (schema: JsonSchema): schema is JsonSchema & { readonly enum: ReadonlyArray<string> } =>
  schema.type === "string" && schema.enum !== undefined

const alternatives = (schema: JsonSchema): ReadonlyArray<JsonSchema> => schema.oneOf ?? schema.anyOf ?? []

/** Adds null to a type. A JSON value already includes null. */
const nullableIf = (nullable: boolean, of: Type): Type => nullable && of.kind !== "json" ? { kind: "nullable", of } : of

/** Whether a schema is a union other than `X | null`. */
const isUnion = (schema: JsonSchema): boolean => {
  const members = alternatives(schema)
  return members.length > 0 && !members.some(isNull)
}

/** Returns the value of a field that can only be one string, as a discriminator is. */
const constant = (schema: JsonSchema | true | undefined): string | undefined =>
  schema !== undefined && schema !== true && isEnum(schema) && schema.enum.length === 1 ? schema.enum[0] : undefined

const discriminator = (members: ReadonlyArray<JsonSchema>): string | undefined =>
  Object.keys(members[0]?.properties ?? {}).find((key) => {
    const values = new Set(members.map((member) => constant(member.properties?.[key])))
    return values.size === members.length && !values.has(undefined)
  })

/** Returns the only key of a variant such as `{ granular: {...} }`. */
const onlyKey = (schema: JsonSchema): string | undefined => {
  const keys = Object.keys(schema.properties ?? {})
  return keys.length === 1 && schema.required?.length === 1 && schema.additionalProperties === false
    ? keys[0]
    : undefined
}

/** Copies fields beside a `oneOf` into a member, because they belong to each of its members. */
const withShared = (shared: JsonSchema, member: JsonSchema): JsonSchema => ({
  ...member,
  properties: { ...shared.properties, ...member.properties },
  required: [...shared.required ?? [], ...member.required ?? []]
})

/** The definitions of whole messages. The method tables contain the same facts. */
const envelopes = /^(Client|Server)(Request|Notification)$|^JSONRPC/

export const readModel = (definitions: Definitions): Model => {
  const model = new Map<string, Definition>()
  const variantNames = Overrides.tracked("variantNames", Overrides.variantNames)
  const laterFields = Overrides.tracked("laterFields", Overrides.laterFields)

  const add = (name: string, parent: string | undefined, description: string | undefined, shape: Shape): void => {
    if (model.has(name)) throw new Error(`Two definitions are named ${name}: add one to variantNames`)
    model.set(name, { name, parent, description, shape })
  }

  const readType = (schema: JsonSchema | true, owner: string, key: string): Type => {
    if (schema === true) return { kind: "json" }
    assertUnderstood(schema, `${owner}.${key}`)
    if (schema.$ref !== undefined) return { kind: "ref", name: refName(schema.$ref) }
    if (schema.allOf?.[0] !== undefined) return readType(schema.allOf[0], owner, key)
    const members = alternatives(schema)
    if (members.length > 0) {
      const [present, ...rest] = members.filter((member) => !isNull(member))
      if (present === undefined || rest.length > 0) throw new Error(`A union without a name at ${owner}.${key}`)
      return nullableIf(members.length > 1, readType(present, owner, key))
    }
    const value = constant(schema)
    if (value !== undefined) return { kind: "literal", value }
    const types = typeof schema.type === "string" ? [schema.type] : schema.type ?? []
    return nullableIf(types.includes("null"), readPrimitive(types.find((type) => type !== "null"), schema, owner, key))
  }

  const readPrimitive = (type: string | undefined, schema: JsonSchema, owner: string, key: string): Type => {
    switch (type) {
      case undefined:
        return { kind: "json" }
      case "string":
        if (schema.enum !== undefined) throw new Error(`An enum without a name at ${owner}.${key}`)
        return { kind: "string" }
      case "integer":
      case "number":
        return { kind: "number" }
      case "boolean":
        return { kind: "boolean" }
      case "array":
        return { kind: "array", of: readType(schema.items ?? true, owner, key) }
      case "object": {
        if (schema.properties !== undefined) {
          const name = owner + pascal(key)
          addDefinition(name, owner, schema)
          return { kind: "ref", name }
        }
        const values = schema.additionalProperties
        return typeof values === "object"
          ? { kind: "record", of: readType(values, owner, key) }
          : { kind: "jsonObject" }
      }
      default:
        throw new Error(`Unknown type ${type} at ${owner}.${key}`)
    }
  }

  const readStruct = (schema: JsonSchema, owner: string): Shape => ({
    kind: "struct",
    extensible: schema.additionalProperties === true,
    fields: Object.entries(schema.properties ?? {}).map(([name, property]) => ({
      name,
      type: readType(property, owner, name),
      required: schema.required?.includes(name) === true && laterFields.get(`${owner}.${name}`) === undefined,
      description: property === true ? undefined : property.description
    }))
  })

  const readUnion = (schema: JsonSchema, name: string, inner: boolean): Shape => {
    const members = alternatives(schema)
      // serde's catch-all member says that the union is open, which holds for every incoming union.
      .filter((member) => !(Array.isArray(member.type) && member.type.join() === "string,object"))
      .map((member) => member.type === "object" ? withShared(schema, member) : member)
    const structs = members.filter((member) => member.type === "object")

    if (members.every(isEnum)) {
      return {
        kind: "enum",
        members: members.flatMap((member) => member.enum.map((value) => ({ value, description: member.description })))
      }
    }

    const tag = structs.length === members.length ? discriminator(structs) : undefined
    if (tag !== undefined) {
      return {
        kind: "tagged",
        tag,
        variants: structs.map((member) => {
          const value = constant(member.properties?.[tag])!
          return { value, name: addVariant(name, value, member) }
        })
      }
    }

    if (members.every((member) => isEnum(member) || onlyKey(member) !== undefined)) {
      return {
        kind: "keyed",
        literals: members.filter(isEnum).flatMap((member) => member.enum),
        variants: structs.map((member) => {
          const key = onlyKey(member)!
          return { value: key, name: addVariant(name, key, member) }
        })
      }
    }

    return {
      kind: "untagged",
      inner,
      members: members.map((member): Type => {
        if (member.type !== "object") return readType(member, name, "")
        const own = member.required?.find((key) =>
          structs.every((other) => other === member || !other.required?.includes(key))
        )
        if (own === undefined) throw new Error(`Nothing tells the variants of ${name} apart`)
        return { kind: "ref", name: addVariant(name, own, member, pascal(own) + name) }
      })
    }
  }

  const addVariant = (
    union: string,
    value: string,
    schema: JsonSchema,
    usual = schema.title?.replace(/v\d+::/, "") ?? pascal(value) + union
  ): string => {
    const name = variantNames.get(`${union} ${value}`) ?? usual
    // The payload of `{ key: {...} }` is named after the union and the key, because the variant's name would repeat the key.
    addDefinition(name, union, schema, onlyKey(schema) === undefined ? name : union)
    return name
  }

  const addDefinition = (name: string, parent: string | undefined, schema: JsonSchema, owner = name): void => {
    assertUnderstood(schema, name)
    const shape: Shape = isUnion(schema)
      ? readUnion(schema, name, parent !== undefined)
      : isEnum(schema)
      ? { kind: "enum", members: schema.enum.map((value) => ({ value, description: undefined })) }
      : schema.type === "object" && schema.properties !== undefined
      ? readStruct(schema, owner)
      : { kind: "alias", type: readType(schema, owner, "") }
    add(name, parent, schema.description, shape)
  }

  for (const [name, schema] of Object.entries(definitions)) {
    if (!envelopes.test(name)) addDefinition(name, undefined, schema)
  }
  variantNames.assertUsed()
  laterFields.assertUsed()
  return model
}
