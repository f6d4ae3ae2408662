/**
 * Which way each definition travels. What the server sends has to stay open for what a later server may send; what a user writes is closed, so that a typo is a type error.
 */
import type { Methods } from "./methods.ts"
import { lookup, type Model, references, type Shape, type Type } from "./model.ts"

export interface Directions {
  /** Sent by the server, in part or as a whole. */
  readonly incoming: ReadonlySet<string>
  /** Sent by us. */
  readonly outgoing: ReadonlySet<string>
  /** Goes both ways, and what we write differs from what we read: it has an `Input` of its own. */
  readonly differs: (name: string) => boolean
  /** Enums that tell the members of a union apart; opening them would make the members alike. */
  readonly closedEnums: ReadonlySet<string>
  /**
   * Structs within the variants of open unions: an optional field that can't be read is left out, so that it does not cost the
   * variant. Not what a request of the server consists of: nobody is asked about less than what the server means.
   */
  readonly tolerant: ReadonlySet<string>
  /** Every definition that travels at all, each after those that it mentions. */
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

/** There is no recursive definition in the protocol, so the schemas need no `suspend`. */
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

/** The enums behind a field that every member of an untagged union has. */
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

/** Whether an incoming value of this union can be a variant that this version does not know. */
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

/** Older servers omit it, so it is optional when read and required when written. */
const hasRequiredNullable = (shape: Shape): boolean =>
  shape.kind === "struct" && shape.fields.some((field) => field.required && field.type.kind === "nullable")
