/** The model of the protocol: the few shapes that it consists of. */

export type Type =
  | { readonly kind: "string" | "number" | "boolean" | "json" | "jsonObject" }
  | { readonly kind: "literal"; readonly value: string }
  | { readonly kind: "array" | "record" | "nullable"; readonly of: Type }
  | { readonly kind: "ref"; readonly name: string }

export interface Field {
  readonly name: string
  readonly type: Type
  readonly required: boolean
  readonly description: string | undefined
}

export interface Variant {
  /** The value of the discriminator, or the variant's only key. */
  readonly value: string
  readonly name: string
}

export type Shape =
  | { readonly kind: "alias"; readonly type: Type }
  | { readonly kind: "enum"; readonly members: ReadonlyArray<EnumMember> }
  | { readonly kind: "struct"; readonly fields: ReadonlyArray<Field>; readonly extensible: boolean }
  /** Variants that a field with a literal discriminates. */
  | { readonly kind: "tagged"; readonly tag: string; readonly variants: ReadonlyArray<Variant> }
  /** Bare strings, and objects that their only key discriminates: serde's external tagging. */
  | { readonly kind: "keyed"; readonly literals: ReadonlyArray<string>; readonly variants: ReadonlyArray<Variant> }
  /** The first member that fits. An inner one is a variant of a union that its tag has already selected. */
  | { readonly kind: "untagged"; readonly members: ReadonlyArray<Type>; readonly inner: boolean }

export interface EnumMember {
  readonly value: string
  readonly description: string | undefined
}

export interface Definition {
  readonly name: string
  readonly description: string | undefined
  /** The union of which this is a variant. */
  readonly parent: string | undefined
  readonly shape: Shape
}

export type Model = ReadonlyMap<string, Definition>

export const pascal = (text: string): string =>
  text.split(/[^A-Za-z0-9]+/).map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("")

/** Returns the names that a shape mentions directly. */
export const references = (shape: Shape): ReadonlyArray<string> => {
  switch (shape.kind) {
    case "alias":
      return typeReferences(shape.type)
    case "enum":
      return []
    case "struct":
      return shape.fields.flatMap((field) => typeReferences(field.type))
    case "tagged":
    case "keyed":
      return shape.variants.map((variant) => variant.name)
    case "untagged":
      return shape.members.flatMap(typeReferences)
  }
}

const typeReferences = (type: Type): ReadonlyArray<string> => {
  switch (type.kind) {
    case "ref":
      return [type.name]
    case "array":
    case "record":
    case "nullable":
      return typeReferences(type.of)
    default:
      return []
  }
}

/** Derives a name for a type, such as `ArrayOfThreadItem`. */
export const typeName = (type: Type): string => {
  switch (type.kind) {
    case "ref":
      return type.name
    case "literal":
      return pascal(type.value)
    case "array":
    case "record":
    case "nullable":
      return `${pascal(type.kind)}Of${typeName(type.of)}`
    default:
      return pascal(type.kind)
  }
}

/** Looks up a definition. Every name in a model resolves. */
export const lookup = (model: Model, name: string): Definition => {
  const definition = model.get(name)
  if (definition === undefined) throw new Error(`There is no definition ${name}`)
  return definition
}
