/**
 * The emitter of checks. For every definition that the server sends, it emits a plain function that returns whether a value
 * conforms as it is. A value that passes needs neither decoding nor copying. The code is straight-line and shared by name; it
 * creates no closures and builds nothing at run time.
 */
import { type Definition, type Field, lookup, type Type, typeName } from "./model.ts"
import { access, quoted } from "./printing.ts"
import type { Protocol } from "./protocol.ts"

/** Excludes arrays only for structs without required fields, because an array has none of the fields that others require. */
const isAnObject = (fields: ReadonlyArray<Field>): string =>
  fields.some((field) => field.required && field.type.kind !== "nullable") ? "isObject(u)" : "isJsonObject(u)"

/** Whether a definition is checked in place. Enums and aliases are, unless they are a whole message. */
const isInlined = ({ shape }: Definition): boolean => shape.kind === "enum" || shape.kind === "alias"

export const emitChecks = (protocol: Protocol, header: string): string => {
  const { directions, model } = protocol
  /** The loops over arrays and records: one function per element type. */
  const loops = new Map<string, string>()

  const loop = (type: Extract<Type, { readonly of: Type }>): string => {
    const name = `is${typeName(type)}`
    if (!loops.has(name)) {
      loops.set(name, "")
      const [guard, iterate, element] = type.kind === "array"
        ? ["Array.isArray(u)", "let i = 0; i < u.length; i++", "u[i]"]
        : ["isJsonObject(u)", "const key in u", "u[key]"]
      const check = condition(type.of, "element")
      loops.set(
        name,
        check === "true"
          ? `function ${name}(u: any): boolean {\n  return ${guard}\n}\n`
          : `function ${name}(u: any): boolean {\n  if (!${guard}) return false\n  for (${iterate}) {\n` +
            `    const element = ${element}\n    if (!(${check})) return false\n  }\n  return true\n}\n`
      )
    }
    return name
  }

  /** Prints the condition under which a value conforms to a type. */
  const condition = (type: Type, value: string): string => {
    switch (type.kind) {
      case "string":
      case "number":
      case "boolean":
        return `typeof ${value} === "${type.kind}"`
      case "json":
        return "true"
      case "jsonObject":
        return `isJsonObject(${value})`
      case "literal":
        return `${value} === ${quoted(type.value)}`
      case "nullable":
        return `(${value} === null || ${condition(type.of, value)})`
      case "array":
      case "record":
        return `${loop(type)}(${value})`
      case "ref": {
        const { name, shape } = lookup(model, type.name)
        if (shape.kind === "alias") return condition(shape.type, value)
        if (shape.kind !== "enum") return `is${name}(${value})`
        return directions.closedEnums.has(name)
          ? `(${shape.members.map((member) => `${value} === ${quoted(member.value)}`).join(" || ")})`
          : `typeof ${value} === "string"`
      }
    }
  }

  const fieldCondition = (field: Field): string | undefined => {
    const value = access(field.name)
    if (field.type.kind === "nullable") return `(${value} == null || ${condition(field.type.of, value)})`
    const check = condition(field.type, value)
    if (!field.required) return check === "true" ? undefined : `(${value} === undefined || ${check})`
    return check === "true" ? `${value} !== undefined` : check
  }

  const body = ({ shape }: Definition): string => {
    switch (shape.kind) {
      case "alias":
        return `  return ${condition(shape.type, "u")}\n`
      case "enum":
        return `  return typeof u === "string"\n`
      case "struct": {
        const fields = shape.fields.map(fieldCondition).filter((check) => check !== undefined)
        return `  return ${[isAnObject(shape.fields), ...fields].join("\n    && ")}\n`
      }
      case "tagged": {
        const cases = shape.variants.map(({ name, value }) => `    case ${quoted(value)}:\n      return is${name}(u)\n`)
        return `  if (!isObject(u)) return false\n  switch (${access(shape.tag)}) {\n${cases.join("")}` +
          `    default:\n      return false\n  }\n`
      }
      case "keyed": {
        const cases = shape.variants.map(({ name, value }) =>
          `  if (${access(value)} !== undefined) return is${name}(u)\n`
        )
        return `  if (typeof u === "string") return true\n  if (!isObject(u)) return false\n` +
          `${cases.join("")}  return false\n`
      }
      case "untagged":
        return `  return ${shape.members.map((member) => condition(member, "u")).join(" || ")}\n`
    }
  }

  const roots = new Set([
    ...protocol.methods.clientRequests.map((request) => request.response),
    ...protocol.methods.serverNotifications.map((notification) => notification.params.name),
    ...protocol.methods.serverRequests.map((request) => request.params.name)
  ])
  const checked = directions.sorted.filter((name) => directions.incoming.has(name))
    .map((name) => lookup(model, name)).filter((definition) => roots.has(definition.name) || !isInlined(definition))
  const functions = checked.map((definition) =>
    `export function is${definition.name}(u: any): u is In.${definition.name} {\n${body(definition)}}\n`
  )

  return `${header}import type * as In from "./incoming.ts"

function isObject(u: any): boolean {
  return typeof u === "object" && u !== null
}

function isJsonObject(u: any): boolean {
  return typeof u === "object" && u !== null && !Array.isArray(u)
}

${[...loops.values(), ...functions].join("\n")}`
}
