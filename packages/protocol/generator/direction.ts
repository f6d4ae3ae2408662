/**
 * The direction in which each definition travels. Definitions that the server sends stay open, because a later server may send more;
 * definitions that a user writes are closed, so that a typo is a type error.
 */
import type { Methods } from "./methods.ts"
import { lookup, type Model, references, type Shape, type Type } from "./model.ts"

export interface Directions {
  /** The definitions that the server sends, as a whole message or as a part of one. */
  readonly incoming: ReadonlySet<string>
  /** The definitions that a client sends. */
  readonly outgoing: ReadonlySet<string>
  /** Whether a definition travels both ways and is written differently from how it is read. Then it also has an `Input` type. */
  readonly differs: (name: string) => boolean
  /** Enums that discriminate the members of a union. If they were open, the members could not be told apart. */
  readonly closedEnums: ReadonlySet<string>
  /**
   * Structs within the variants of open unions. An unreadable optional field is left out, so that it does not make the whole
   * variant unknown. Parts of server requests are not among them: a handler must see everything that the server asks.
   */
  readonly tolerant: ReadonlySet<string>
  /** All definitions that travel, each after those that it mentions. */
  readonly sorted: ReadonlyArray<string>
}

const reach = (model: Model, roots: Iterable<string>): ReadonlySet<string> => {
  const seen = new Set<string>()
  const visit = (name: string): void => {
    if (seen.has(name)) return
    seen.add(name)
    references(lookup(model, name).shape).forEach(visit)
  }
  for (const root of roots) visit(root)
  return seen
}

/** Sorts definitions by dependency. The protocol has no recursive definitions, so the Schemas need no `suspend`. */
const sort = (model: Model, names: Iterable<string>): ReadonlyArray<string> => {
  const done = new Set<string>()
  const visit = (name: string, path: ReadonlyArray<string>): void => {
    if (path.includes(name)) throw new Error(`Recursive definition: ${[...path, name].join(" -> ")}`)
    if (done.has(name)) return
    for (const reference of references(lookup(model, name).shape)) visit(reference, [...path, name])
    done.add(name)
  }
  for (const name of names) visit(name, [])
  return [...done]
}

/** Finds the enums of fields that every member of an untagged union has. */
const discriminatingEnums = (model: Model): ReadonlySet<string> => {
  const closed = new Set<string>()
  const structs = (type: Type): ReadonlyArray<Extract<Shape, { readonly kind: "struct" }>> => {
    if (type.kind !== "ref") return []
    const { shape } = lookup(model, type.name)
    if (shape.kind === "struct") return [shape]
    return shape.kind === "untagged" ? shape.members.flatMap(structs) : []
  }
  for (const { shape } of model.values()) {
    if (shape.kind !== "untagged") continue
    const members = shape.members.flatMap(structs)
    for (const { name } of members[0]?.fields ?? []) {
      const types = members.map((member) => member.fields.find((field) => field.name === name)?.type)
      for (const type of types.includes(undefined) ? [] : types) {
        if (type?.kind === "ref" && lookup(model, type.name).shape.kind === "enum") closed.add(type.name)
      }
    }
  }
  return closed
}

export const readDirections = (model: Model, methods: Methods): Directions => {
  const { clientRequests, serverNotifications, serverRequests } = methods
  const paramsOf = (requests: typeof clientRequests): ReadonlyArray<string> =>
    requests.flatMap((request) => request.params === undefined ? [] : [request.params.name])

  const incoming = reach(model, [
    ...clientRequests.map((request) => request.response),
    ...serverNotifications.map((notification) => notification.params.name),
    ...serverRequests.map((request) => request.params.name)
  ])
  const outgoing = reach(model, [
    ...paramsOf(clientRequests),
    ...serverRequests.map((request) => request.response)
  ])

  const asked = reach(model, serverRequests.map((request) => request.params.name))
  const variants = reach(
    model,
    [...incoming].map((name) => lookup(model, name).shape).filter((shape) => isOpenUnion(model, shape))
      .flatMap(references)
  )

  const known = new Map<string, boolean>()
  const differs = (name: string): boolean => {
    const before = known.get(name)
    if (before !== undefined) return before
    const { shape } = lookup(model, name)
    const result = incoming.has(name) && outgoing.has(name) &&
      (isOpenUnion(model, shape) || hasRequiredNullable(shape) || references(shape).some(differs))
    known.set(name, result)
    return result
  }

  return {
    incoming,
    outgoing,
    differs,
    closedEnums: discriminatingEnums(model),
    tolerant: new Set([...variants].filter((name) => !outgoing.has(name) && !asked.has(name))),
    sorted: sort(model, [...new Set([...incoming, ...outgoing])].sort())
  }
}

/** Whether an incoming value of this union can be an unknown variant. */
export const isOpenUnion = (model: Model, shape: Shape): boolean => {
  switch (shape.kind) {
    case "tagged":
    case "keyed":
      return true
    case "untagged":
      return !shape.inner && shape.members.some((member) => isStruct(model, member))
    default:
      return false
  }
}

const isStruct = (model: Model, type: Type): boolean => {
  if (type.kind !== "ref") return false
  const { shape } = lookup(model, type.name)
  return shape.kind === "struct" || shape.kind === "tagged" ||
    (shape.kind === "untagged" && shape.members.some((member) => isStruct(model, member)))
}

/** Whether a required field can be null. Older servers omit it, so it is optional when read and required when written. */
const hasRequiredNullable = (shape: Shape): boolean =>
  shape.kind === "struct" && shape.fields.some((field) => field.required && field.type.kind === "nullable")
