/** The reader of methods: their params, responses, and the paths of the thread and turn ids in the params. */
import type { Bundle, Definitions, JsonSchema } from "./bundle.ts"
import { descriptions } from "./descriptions.ts"
import { lookup, type Model, pascal, type Type } from "./model.ts"
import * as Overrides from "./overrides.ts"
import { refName } from "./readModel.ts"

export interface Params {
  readonly name: string
  readonly nullable: boolean
}

/** The path of an id in the params, and whether it can be absent. */
export interface Key {
  readonly path: string
  readonly optional: boolean
}

export interface Route {
  readonly thread: Key | undefined
  readonly turn: Key | undefined
}

export interface Method {
  readonly method: string
  readonly params: Params | undefined
  readonly experimental: boolean
  readonly description: string | undefined
}

export interface ClientRequest extends Method {
  readonly response: string
}

export interface ServerNotification extends Method {
  readonly params: Params
  readonly route: Route
}

export interface ServerRequest extends ServerNotification {
  readonly response: string
}

export interface Methods {
  readonly clientRequests: ReadonlyArray<ClientRequest>
  readonly serverNotifications: ReadonlyArray<ServerNotification>
  readonly serverRequests: ReadonlyArray<ServerRequest>
}

const envelope = (definitions: Definitions, name: string): ReadonlyArray<JsonSchema> => definitions[name]?.oneOf ?? []

const methodName = (message: JsonSchema): string => {
  const method = message.properties?.["method"]
  if (method === undefined || method === true || method.enum?.length !== 1) {
    throw new Error("A message without a method")
  }
  return method.enum[0]!
}

const readParams = (message: JsonSchema): Params | undefined => {
  const params = message.properties?.["params"]
  if (params === undefined || params === true || params.type === "null") return undefined
  const { $ref } = params.anyOf?.find((member) => member.$ref !== undefined) ?? params
  if ($ref === undefined) throw new Error(`The params of ${methodName(message)} have no name`)
  return { name: refName($ref), nullable: params.anyOf !== undefined }
}

const readMethod = (message: JsonSchema, stable: ReadonlySet<string>): Method => {
  const method = methodName(message)
  return {
    method,
    params: readParams(message),
    experimental: !stable.has(method),
    description: message.description
  }
}

const requiredParams = ({ method, params }: Method): Params => {
  if (params === undefined) throw new Error(`${method} has no params`)
  return params
}

const byMethod = (left: Method, right: Method): number => left.method < right.method ? -1 : 1

/** The candidate paths, in order. The first one that the params have is used. */
const threadPaths = ["threadId", "thread.id", "conversationId"]
const turnPaths = ["turnId", "turn.id"]

/** Follows a path through structs, or through every variant of a union that shares its first field. */
const findKey = (model: Model, params: string, path: string): Key | undefined => {
  const [name, ...rest] = path.split(".")
  const shape = lookup(model, params).shape
  if (shape.kind === "tagged") {
    const keys = shape.variants.map((variant) => findKey(model, variant.name, path))
    return keys.includes(undefined) ? undefined : keys[0]
  }
  if (shape.kind !== "struct") return undefined
  const field = shape.fields.find((candidate) => candidate.name === name)
  if (field === undefined) return undefined
  const nullable = field.type.kind === "nullable"
  const type: Type = field.type.kind === "nullable" ? field.type.of : field.type
  const optional = nullable || !field.required
  if (rest.length === 0) return { path, optional }
  return type.kind === "ref" && !optional && findKey(model, type.name, rest.join(".")) !== undefined
    ? { path, optional: false }
    : undefined
}

const readRoute = (model: Model, params: string): Route => ({
  thread: threadPaths.map((path) => findKey(model, params, path)).find((key) => key !== undefined),
  turn: turnPaths.map((path) => findKey(model, params, path)).find((key) => key !== undefined)
})

export const readMethods = (bundle: Bundle, model: Model): Methods => {
  const responses = Overrides.tracked("responses", Overrides.responses)
  const notifications = Overrides.tracked("notifications", Overrides.notifications)
  const envelopeResponses = Overrides.tracked("envelopeResponses", Overrides.envelopeResponses)
  const ownDescriptions = Overrides.tracked("descriptions", descriptions)

  const responseOf = ({ method, params }: Method): string => {
    const candidates = [
      responses.get(method),
      params?.name.replace(/Params$/, "Response"),
      `${pascal(method)}Response`
    ]
    const response = candidates.find((name) => name !== undefined && model.has(name))
    if (response === undefined) throw new Error(`No response found for ${method}: add one to the overrides`)
    return response
  }

  const read = (name: string): ReadonlyArray<Method> => {
    const stable = new Set(envelope(bundle.stable, name).map(methodName))
    return envelope(bundle.experimental, name).map((message) => readMethod(message, stable)).sort(byMethod)
  }

  const clientRequests = read("ClientRequest").map((method) => ({
    ...method,
    description: method.description ?? ownDescriptions.get(method.method),
    response: responseOf(method)
  }))
  const extra = notifications.entries().map(([method, name]): Method => {
    lookup(model, name)
    return { method, params: { name, nullable: false }, experimental: false, description: undefined }
  })
  const serverNotifications = [...read("ServerNotification"), ...extra].sort(byMethod).map((method) => {
    const params = requiredParams(method)
    return { ...method, params, route: readRoute(model, params.name) }
  })
  const serverRequests = read("ServerRequest").map((method) => {
    const params = requiredParams(method)
    return { ...method, params, response: responseOf(method), route: readRoute(model, params.name) }
  })

  const used = new Set([...clientRequests, ...serverRequests].map((method) => method.response))
  for (const name of Object.keys(bundle.experimental)) {
    if (name.endsWith("Response") && envelopeResponses.get(name) === undefined && !used.has(name)) {
      throw new Error(`${name} is the response of no method`)
    }
  }
  responses.assertUsed()
  notifications.assertUsed()
  envelopeResponses.assertUsed()
  ownDescriptions.assertUsed()
  return { clientRequests, serverNotifications, serverRequests }
}
