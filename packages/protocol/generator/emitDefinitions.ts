/**
 * The emitter of definitions: a type and a Schema for each.
 *
 * What the server sends has its Schemas in functions, which build them on first use: a program that receives only what it expects
 * needs none of them.
 */
import { isOpenUnion } from "./direction.ts"
import {
  type Definition,
  type Field,
  lookup,
  type Model,
  pascal,
  references,
  type Shape,
  type Type,
  typeName
} from "./model.ts"
import { experimentalTag, jsDoc, propertyName, quoted } from "./printing.ts"
import { isExperimental, type Protocol } from "./protocol.ts"

/** The form of a definition: as the server sends it, as a client sends it, or one form for both. */
type Side = "incoming" | "outgoing" | "shared"

/** The context for printing one definition. */
interface Context {
  readonly protocol: Protocol
  readonly definition: Definition
  readonly side: Side
  /** Returns the name of a definition on this side. */
  readonly nameOf: (definition: string) => string
  /** Returns the type of a definition, as the module of its Schema names it. */
  readonly typeOf: (definition: string) => string
  /** Returns the Schema of a definition, as the module of its Schema names it. */
  readonly schemaOf: (definition: string) => string
  /** Declares a Schema that occurs often and mentions no definition. Returns the expression for it. */
  readonly share: (name: string, schema: string) => string
}

/** The right-hand sides of the two declarations. */
interface Printed {
  readonly type: string
  readonly schema: string
  /** Further paragraphs of the comment. */
  readonly doc?: string
  /** Declarations that precede these two. */
  readonly before?: string
}

type Of<Kind extends Shape["kind"]> = Extract<Shape, { readonly kind: Kind }>

/** Prints a call that is marked as pure, so that bundlers drop unused Schemas. */
const call = (callee: string, ...args: ReadonlyArray<string>): string => `/*#__PURE__*/ ${callee}(${args.join(", ")})`

const list = (items: ReadonlyArray<string>): string => `[${items.join(", ")}]`

const union = (members: ReadonlyArray<string>): string =>
  members.length > 3 ? members.map((member) => `\n  | ${member}`).join("") : members.join(" | ")

const printType = (context: Context, type: Type): string => {
  switch (type.kind) {
    case "json":
      return "Json"
    case "jsonObject":
      return "JsonObject"
    case "literal":
      return quoted(type.value)
    case "array":
      return `ReadonlyArray<${printType(context, type.of)}>`
    case "record":
      return `{ readonly [key: string]: ${printType(context, type.of)} }`
    case "nullable":
      return `${printType(context, type.of)} | null`
    case "ref":
      return context.nameOf(type.name)
    default:
      return type.kind
  }
}

const printSchema = (context: Context, type: Type): string => {
  const wrap = (of: Type, callee: string, ...args: ReadonlyArray<string>): string => {
    const schema = call(callee, ...args, printSchema(context, of))
    return mentionsDefinition(of) ? schema : context.share(typeName(type), schema)
  }
  switch (type.kind) {
    case "json":
      return "Json"
    case "jsonObject":
      return "JsonObject"
    case "literal":
      return call("Schema.Literal", quoted(type.value))
    case "array":
      return wrap(type.of, "Schema.Array")
    case "record":
      return wrap(type.of, "Schema.Record", "Schema.String")
    case "nullable":
      return wrap(type.of, "nullOr")
    case "ref":
      return context.schemaOf(type.name)
    default:
      return `Schema.${pascal(type.kind)}`
  }
}

const mentionsDefinition = (type: Type): boolean => type.kind === "ref" || ("of" in type && mentionsDefinition(type.of))

/** Whether a field is optional. Nullable fields are, on the incoming side, because other versions of the server omit them. */
const isOptional = ({ side }: Context, { required, type }: Field): boolean =>
  !required || (side !== "outgoing" && type.kind === "nullable")

const printField = (context: Context, field: Field): string => {
  const { definition, protocol, side } = context
  const optional = isOptional(context, field)
  const experimental = isExperimental(protocol, definition.name, field.name)
  // Callers may write `undefined`, which JSON omits. Values that were parsed from JSON never contain it.
  const type = printType(context, field.type) + (optional && side !== "incoming" ? " | undefined" : "")
  return jsDoc([field.description, experimentalTag(experimental)], "  ") +
    `  readonly ${propertyName(field.name)}${optional ? "?" : ""}: ${type}\n`
}

const printFieldSchema = (context: Context, field: Field): string => {
  const schema = printSchema(context, field.type)
  if (!isOptional(context, field)) return schema
  const optional = context.protocol.directions.tolerant.has(context.definition.name)
    ? "ifReadable"
    : context.side === "incoming"
    ? "optionalKey"
    : "optional"
  const wrapped = call(optional === "ifReadable" ? optional : `Schema.${optional}`, schema)
  return mentionsDefinition(field.type) ? wrapped : context.share(`${optional}Of${typeName(field.type)}`, wrapped)
}

const printStruct = (context: Context, { extensible, fields }: Of<"struct">): Printed => {
  const rest = extensible ? "  readonly [key: string]: unknown\n" : ""
  const schemas = fields.map((field) => `${propertyName(field.name)}: ${printFieldSchema(context, field)}`)
  const struct = call("Schema.Struct", `{ ${schemas.join(", ")} }`)
  return {
    type: `{\n${fields.map((field) => printField(context, field)).join("")}${rest}}`,
    schema: extensible ? call("extensible", struct) : struct
  }
}

const printEnum = ({ definition, protocol, side }: Context, { members }: Of<"enum">): Printed => {
  const values = members.map(({ value }) => quoted(value))
  const described = members.filter(({ description }) => description !== undefined)
    .map(({ description, value }) => `- \`${value}\`: ${description}`)
  const doc = described.length === 0 ? {} : { doc: described.join("\n") }
  if (side === "outgoing" || protocol.directions.closedEnums.has(definition.name)) {
    return { ...doc, type: union(values), schema: call("Schema.Literals", list(values)) }
  }
  if (side === "incoming") return { ...doc, type: union([...values, "(string & {})"]), schema: "Schema.String" }
  const literal = `${definition.name}Literal`
  return {
    ...doc,
    type: `${literal} | (string & {})`,
    schema: "Schema.String",
    before: jsDoc([`The known values of {@link ${definition.name}}.`]) +
      declareType(literal, union(values))
  }
}

/** Prints the variants by discriminator, as an object literal. */
const printCases = ({ schemaOf }: Context, { variants }: Of<"tagged"> | Of<"keyed">): string =>
  `{ ${variants.map(({ name, value }) => `${propertyName(value)}: ${schemaOf(name)}`).join(", ")} }`

const schemasOf = ({ schemaOf }: Context, { variants }: Of<"tagged"> | Of<"keyed">): ReadonlyArray<string> =>
  variants.map(({ name }) => schemaOf(name))

const printTagged = (context: Context, shape: Of<"tagged">): Printed => {
  const variants = shape.variants.map(({ name }) => context.nameOf(name))
  if (context.side === "outgoing") {
    return { type: union(variants), schema: call("Schema.Union", list(schemasOf(context, shape))) }
  }
  const unknown = shape.tag === "type" ? "UnknownVariant" : `UnknownVariant<${quoted(shape.tag)}>`
  const name = context.typeOf(context.definition.name)
  return {
    type: union([...variants, unknown]),
    schema: call(`taggedUnion<${name}>`, quoted(shape.tag), printCases(context, shape))
  }
}

const printKeyed = (context: Context, shape: Of<"keyed">): Printed => {
  const variants = shape.variants.map(({ name }) => context.nameOf(name))
  const literals = shape.literals.map(quoted)
  if (context.side === "outgoing") {
    return {
      type: union([...literals, ...variants]),
      schema: call("Schema.Union", list([call("Schema.Literals", list(literals)), ...schemasOf(context, shape)]))
    }
  }
  return {
    type: union([...literals, "(string & {})", ...variants, "UnknownVariant"]),
    schema: call(`keyedUnion<${context.typeOf(context.definition.name)}>`, printCases(context, shape))
  }
}

const printUntagged = (context: Context, shape: Of<"untagged">): Printed => {
  const { model } = context.protocol
  const open = context.side !== "outgoing" && isOpenUnion(model, shape)
  const types = shape.members.map((member) => printType(context, member))
  // An open member would accept values that belong to the members after it.
  const schemas = open ? untaggedMembers(model, shape) : shape.members
  const members = list(schemas.map((member) => printSchema(context, member)))
  return {
    type: union(open ? [...types, "UnknownVariant"] : types),
    schema: open
      ? call(`untaggedUnion<${context.typeOf(context.definition.name)}>`, members)
      : call("Schema.Union", members)
  }
}

/** Flattens the members of an untagged union, including those of nested untagged unions. */
const untaggedMembers = (model: Model, { members }: Of<"untagged">): ReadonlyArray<Type> =>
  members.flatMap((member) => {
    const shape = member.kind === "ref" ? lookup(model, member.name).shape : undefined
    return shape?.kind === "untagged" ? untaggedMembers(model, shape) : [member]
  })

const printShape = (context: Context): Printed => {
  const { shape } = context.definition
  switch (shape.kind) {
    case "alias":
      return { type: printType(context, shape.type), schema: printSchema(context, shape.type) }
    case "struct":
      return printStruct(context, shape)
    case "enum":
      return printEnum(context, shape)
    case "tagged":
      return printTagged(context, shape)
    case "keyed":
      return printKeyed(context, shape)
    case "untagged":
      return printUntagged(context, shape)
  }
}

const declareType = (name: string, type: string): string =>
  type.startsWith("{\n")
    ? `export interface ${name} ${type}\n`
    : `export type ${name} =${type.startsWith("\n") ? "" : " "}${type}\n`

/** The declarations of a definition. */
interface Declared {
  /** The type, and the constant that users import. */
  readonly definition: string
  /** The function that builds the Schema. Empty if the constant does. */
  readonly builder: string
}

const printDefinition = (context: Context, isLazy: boolean): Declared => {
  const { definition, protocol } = context
  const { before, doc, schema, type } = printShape(context)
  const name = context.nameOf(definition.name)
  const comment = jsDoc([
    definition.description ?? derivedDescription(protocol, definition),
    doc,
    experimentalTag(isExperimental(protocol, definition.name))
  ])
  const constant = (value: string) =>
    `${before ?? ""}${comment}${declareType(name, type)}export const ${name}: Schema.Codec<${name}> = ${value}\n`
  return isLazy
    ? {
      definition: constant(call(`Build.${name}`)),
      builder: printBuilder(name, `Schema.Codec<Types.${name}>`, schema)
    }
    : { definition: constant(schema), builder: "" }
}

/** Prints a function that builds a Schema once. A declaration starts faster than a call of `lazy` does. */
const printBuilder = (name: string, type: string, schema: string): string =>
  `let ${name}_: ${type} | undefined\n` +
  `export function ${name}(): ${type} {\n  return ${name}_ ??= ${schema}\n}\n`

/** Describes a definition that upstream does not describe, by its use. */
const derivedDescription = ({ methods, model }: Protocol, { name, parent }: Definition): string => {
  const requests = [...methods.clientRequests, ...methods.serverRequests]
  const response = requests.find((request) => request.response === name)
  if (response !== undefined) return `The response to \`${response.method}\`.`
  const request = requests.find((candidate) => candidate.params?.name === name)
  if (request !== undefined) return `The params of \`${request.method}\`.`
  const notification = methods.serverNotifications.find((candidate) => candidate.params.name === name)
  if (notification !== undefined) return `The params of the notification \`${notification.method}\`.`
  if (parent === undefined) return `\`${name}\` of the Codex protocol.`
  const union = lookup(model, parent).shape
  const variant = "variants" in union ? union.variants.find((candidate) => candidate.name === name) : undefined
  return variant === undefined
    ? `A part of {@link ${parent}}.`
    : `The variant \`${variant.value}\` of {@link ${parent}}.`
}

/** Exports of `src/internal/open.ts`. */
const helpers = [
  "extensible",
  "ifReadable",
  "Json",
  "JsonObject",
  "keyedUnion",
  "lazy",
  "nullOr",
  "taggedUnion",
  "type UnknownVariant",
  "untaggedUnion"
]

const printImport = (names: ReadonlyArray<string>, from: string): string =>
  names.length === 0 ? "" : `import {\n  ${names.join(",\n  ")}\n} from "${from}"\n`

interface Module {
  readonly header: string
  readonly protocol: Protocol
  /** The names of the definitions, each after those that it mentions. */
  readonly definitions: ReadonlyArray<string>
  readonly sideOf: (definition: string) => Side
  /** Whether this module imports a definition instead of declaring it. */
  readonly isImported: (definition: string) => boolean
}

/** Schemas that occur often, in the order in which they were declared. */
const sharing = (print: (name: string, schema: string) => string) => {
  const declared = new Map<string, string>()
  return {
    declare: (name: string, schema: string): string => {
      const constant = name.charAt(0).toLowerCase() + name.slice(1)
      declared.set(constant, print(constant, schema))
      return constant
    },
    text: () => [...declared.values()].join("")
  }
}

const printImports = (text: string, ...more: ReadonlyArray<string>): string => {
  const mentioned = new Set(text.replaceAll(/\/\*\*[^]*?\*\//g, "").match(/\b[A-Za-z]\w*\b/g))
  const imported = helpers.filter((helper) => mentioned.has(helper.replace("type ", "")))
  return printImport(imported, "../internal/open.ts") + more.join("")
}

/** Prints what the server sends: the types with their constants, and the functions that build the Schemas. */
const printLazy = ({ definitions, header, protocol, sideOf }: Module) => {
  const shared = sharing((name, schema) => `const ${name} = ${call("lazy", `() => ${schema}`)}\n`)
  const declared = definitions.map((name) =>
    printDefinition({
      protocol,
      definition: lookup(protocol.model, name),
      side: sideOf(name),
      share: (name, schema) => `${shared.declare(name, schema)}()`,
      nameOf: (name) => name,
      typeOf: (name) => `Types.${name}`,
      schemaOf: (name) => `${name}()`
    }, true)
  )
  const types = declared.map(({ definition }) => definition).join("\n")
  const builders = shared.text() + declared.map(({ builder }) => builder).join("")
  return {
    types: `${header}import type * as Schema from "effect/Schema"\n${
      printImports(types, "import * as Build from \"./schemas.ts\"\n")
    }\n${types}`,
    builders: `${header}import * as Schema from "effect/Schema"\n${
      printImports(builders, "import type * as Types from \"./incoming.ts\"\n")
    }\n${builders}`
  }
}

/** Prints what only a client sends: types and constants. */
const printEager = ({ definitions, header, isImported, protocol, sideOf }: Module): string => {
  const { differs } = protocol.directions
  const shared = sharing((name, schema) => `const ${name} = ${schema}\n`)
  const nameOf = (name: string) => differs(name) ? `${name}Input` : name
  const body = definitions.map((name) =>
    printDefinition({
      protocol,
      definition: lookup(protocol.model, name),
      side: sideOf(name),
      share: shared.declare,
      nameOf,
      typeOf: nameOf,
      schemaOf: nameOf
    }, false).definition
  ).join("\n")
  const text = `${shared.text()}\n${body}`
  const imported = printImport(referencedBy(protocol.model, definitions).filter(isImported), "./incoming.ts")
  return `${header}import * as Schema from "effect/Schema"\n${printImports(text, imported)}\n${text}`
}

const referencedBy = (model: Model, definitions: ReadonlyArray<string>): ReadonlyArray<string> =>
  [...new Set(definitions.flatMap((name) => references(lookup(model, name).shape)))].sort()

/**
 * Emits `incoming.ts` (everything that the server sends), `schemas.ts` (the functions that build its Schemas), and `outgoing.ts`
 * (everything that only a client sends).
 */
export const emitDefinitions = (
  protocol: Protocol,
  header: string
): { readonly incoming: string; readonly schemas: string; readonly outgoing: string } => {
  const { differs, incoming, outgoing, sorted } = protocol.directions
  const { builders, types } = printLazy({
    header,
    protocol,
    definitions: sorted.filter((name) => incoming.has(name)),
    sideOf: (name) => outgoing.has(name) && !differs(name) ? "shared" : "incoming",
    isImported: () => false
  })
  return {
    incoming: types,
    schemas: builders,
    outgoing: printEager({
      header,
      protocol,
      definitions: sorted.filter((name) => !incoming.has(name) || differs(name)),
      sideOf: () => "outgoing",
      isImported: (name) => incoming.has(name) && !differs(name)
    })
  }
}
