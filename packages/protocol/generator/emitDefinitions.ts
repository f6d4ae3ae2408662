/** Emits an interface and a Schema for every definition. */
import { isOpenUnion } from "./direction.ts"
import { experimentalTag, jsDoc, propertyName } from "./jsDoc.ts"
import { type Definition, type Field, lookup, type Type } from "./model.ts"
import { isExperimental, type Protocol } from "./protocol.ts"

/** How a definition is written: as the server sends it, as we send it, or one way for both. */
type Side = "incoming" | "outgoing" | "shared"

interface Emitted {
  readonly name: string
  readonly references: ReadonlySet<string>
  readonly source: string
}

const quoted = (value: string): string => JSON.stringify(value)

const emitDefinition = (protocol: Protocol, definition: Definition, side: Side): Emitted => {
  const { directions, model } = protocol
  const { shape } = definition
  const outgoing = side === "outgoing"
  const nameFor = (name: string): string => outgoing && directions.differs(name) ? `${name}Input` : name
  const name = nameFor(definition.name)
  const references = new Set<string>()
  const refer = (target: string): string => {
    const result = nameFor(target)
    references.add(result)
    return result
  }

  const typeText = (type: Type): string => {
    switch (type.kind) {
      case "json":
        return "Json"
      case "jsonObject":
        return "JsonObject"
      case "literal":
        return quoted(type.value)
      case "array":
        return `ReadonlyArray<${typeText(type.of)}>`
      case "record":
        return `{ readonly [key: string]: ${typeText(type.of)} }`
      case "nullable":
        return `${typeText(type.of)} | null`
      case "ref":
        return refer(type.name)
      default:
        return type.kind
    }
  }

  const call = (callee: string, argument: string): string => `/*#__PURE__*/ ${callee}(${argument})`

  const schemaText = (type: Type): string => {
    switch (type.kind) {
      case "string":
        return "Schema.String"
      case "number":
        return "Schema.Number"
      case "boolean":
        return "Schema.Boolean"
      case "json":
        return "Json"
      case "jsonObject":
        return "JsonObject"
      case "literal":
        return call("Schema.Literal", quoted(type.value))
      case "array":
        return call("Schema.Array", schemaText(type.of))
      case "record":
        return call("Schema.Record", `Schema.String, ${schemaText(type.of)}`)
      case "nullable":
        return call("Schema.NullOr", schemaText(type.of))
      case "ref":
        return refer(type.name)
    }
  }

  const isOptional = (field: Field): boolean => !field.required || (!outgoing && field.type.kind === "nullable")

  const fieldType = (field: Field): string => {
    const doc = jsDoc([field.description, experimentalTag(isExperimental(protocol, definition.name, field.name))], "  ")
    const mark = isOptional(field) ? "?" : ""
    const undefinable = isOptional(field) && side !== "incoming" ? " | undefined" : ""
    return `${doc}  readonly ${propertyName(field.name)}${mark}: ${typeText(field.type)}${undefinable}\n`
  }

  const fieldSchema = (field: Field): string => {
    const schema = schemaText(field.type)
    const optional = side === "incoming" ? "Schema.optionalKey" : "Schema.optional"
    return `${propertyName(field.name)}: ${isOptional(field) ? call(optional, schema) : schema}`
  }

  const enumMembers = (): ReadonlyArray<string> =>
    shape.kind === "enum" ? shape.members.map(({ value }) => quoted(value)) : []

  const describe = (...more: ReadonlyArray<string | undefined>): string =>
    jsDoc([
      definition.description ?? derivedDescription(protocol, definition),
      ...more,
      experimentalTag(isExperimental(protocol, definition.name))
    ])

  const type = (text: string, doc = describe()): string =>
    `${doc}export type ${name} =${text.startsWith("\n") ? "" : " "}${text}\n`
  const schema = (text: string): string => `export const ${name}: Schema.Codec<${name}> = ${text}\n`

  const union = (members: ReadonlyArray<string>): string =>
    members.length > 3 ? members.map((member) => `\n  | ${member}`).join("") : members.join(" | ")

  const source = (): string => {
    switch (shape.kind) {
      case "alias":
        return type(typeText(shape.type)) + schema(schemaText(shape.type))

      case "struct": {
        const rest = shape.extensible ? "  readonly [key: string]: unknown\n" : ""
        const fields = `{ ${shape.fields.map(fieldSchema).join(", ")} }`
        return `${describe()}export interface ${name} {\n${shape.fields.map(fieldType).join("")}${rest}}\n` +
          schema(
            shape.extensible
              ? call("extensible", call("Schema.Struct", fields))
              : call("Schema.Struct", fields)
          )
      }

      case "enum": {
        const members = enumMembers()
        const doc = describe(
          shape.members.map((member) => member.description && `- \`${member.value}\`: ${member.description}`)
            .filter((line) => line !== undefined).join("\n") || undefined
        )
        if (outgoing || directions.closedEnums.has(definition.name)) {
          return type(union(members), doc) + schema(call("Schema.Literals", `[${members.join(", ")}]`))
        }
        const open = side === "shared"
          ? `/** The values of {@link ${name}} that this version knows. */\nexport type ${name}Literal = ${
            union(members)
          }\n` +
            type(`${name}Literal | (string & {})`, doc)
          : type(union([...members, "(string & {})"]), doc)
        return open + schema("Schema.String")
      }

      case "tagged": {
        const variants = shape.variants.map((variant) => refer(variant.name))
        if (outgoing) return type(union(variants)) + schema(call("Schema.Union", `[${variants.join(", ")}]`))
        const unknown = shape.tag === "type" ? "UnknownVariant" : `UnknownVariant<${quoted(shape.tag)}>`
        const cases = shape.variants.map((variant, index) => `${propertyName(variant.value)}: ${variants[index]}`)
        return type(union([...variants, unknown])) +
          schema(call(`taggedUnion<${name}>`, `${quoted(shape.tag)}, { ${cases.join(", ")} }`))
      }

      case "keyed": {
        const variants = shape.variants.map((variant) => refer(variant.name))
        const literals = shape.literals.map(quoted)
        if (outgoing) {
          return type(union([...literals, ...variants])) +
            schema(
              call("Schema.Union", `[${call("Schema.Literals", `[${literals.join(", ")}]`)}, ${variants.join(", ")}]`)
            )
        }
        const cases = shape.variants.map((variant, index) => `${propertyName(variant.value)}: ${variants[index]}`)
        return type(union([...literals, "(string & {})", ...variants, "UnknownVariant"])) +
          schema(call(`keyedUnion<${name}>`, `{ ${cases.join(", ")} }`))
      }

      case "untagged": {
        const open = !outgoing && isOpenUnion(model, shape)
        const types = shape.members.map(typeText)
        const schemas = shape.members.map(schemaText)
        return type(union(open ? [...types, "UnknownVariant"] : types)) +
          schema(
            open
              ? call(`untaggedUnion<${name}>`, `[${schemas.join(", ")}]`)
              : call("Schema.Union", `[${schemas.join(", ")}]`)
          )
      }
    }
  }

  return { name, source: source(), references }
}

/** For what upstream does not describe: where it occurs. */
const derivedDescription = ({ methods, model }: Protocol, { name, parent }: Definition): string => {
  const requests = [...methods.clientRequests, ...methods.serverRequests]
  const response = requests.find((request) => request.response === name)
  if (response !== undefined) return `The response to \`${response.method}\`.`
  const request = requests.find((candidate) => candidate.params?.name === name)
  if (request !== undefined) return `The params of \`${request.method}\`.`
  const notification = methods.serverNotifications.find((candidate) => candidate.params.name === name)
  if (notification !== undefined) return `The params of the notification \`${notification.method}\`.`
  const union = parent === undefined ? undefined : lookup(model, parent).shape
  if (parent === undefined || union === undefined) return `\`${name}\` of the codex protocol.`
  const variant = "variants" in union ? union.variants.find((candidate) => candidate.name === name) : undefined
  return variant === undefined
    ? `A part of {@link ${parent}}.`
    : `The variant \`${variant.value}\` of {@link ${parent}}.`
}

const helpers = ["Json", "JsonObject", "UnknownVariant", "extensible", "keyedUnion", "taggedUnion", "untaggedUnion"]

/** Imports of those names that the source mentions. */
const imports = (names: ReadonlyArray<string>, from: string): string =>
  names.length === 0 ? "" : `import {\n  ${names.join(",\n  ")}\n} from "${from}"\n`

const emitModule = (header: string, definitions: ReadonlyArray<Emitted>, elsewhere: ReadonlySet<string>): string => {
  const body = definitions.map((definition) => definition.source).join("\n")
  const foreign = new Set(
    definitions.flatMap((definition) => [...definition.references]).filter((name) => elsewhere.has(name))
  )
  // A helper is a type, a value, or both under one name; only one of the kinds may need an import.
  const used = helpers.filter((helper) => new RegExp(`\\b${helper}\\b`).test(body))
    .map((helper) => helper === "UnknownVariant" ? `type ${helper}` : helper)
  return header +
    `import * as Schema from "effect/Schema"\n` +
    imports(used, "../internal/open.ts") +
    imports([...foreign].sort(), "./incoming.ts") +
    `\n${body}`
}

/** The modules `incoming.ts` (what the server sends, in part or as a whole) and `outgoing.ts` (what only we send). */
export const emitDefinitions = (
  protocol: Protocol,
  header: string
): { readonly incoming: string; readonly outgoing: string } => {
  const { directions: { differs, incoming, outgoing, sorted }, model } = protocol
  const emit = (names: ReadonlyArray<string>, side: (name: string) => Side): ReadonlyArray<Emitted> =>
    names.map((name) => emitDefinition(protocol, lookup(model, name), side(name)))

  const received = emit(
    sorted.filter((name) => incoming.has(name)),
    (name) => outgoing.has(name) && !differs(name) ? "shared" : "incoming"
  )
  const sent = emit(sorted.filter((name) => !incoming.has(name) || differs(name)), () => "outgoing")
  return {
    incoming: emitModule(header, received, new Set()),
    outgoing: emitModule(header, sent, new Set(received.map((definition) => definition.name)))
  }
}
