/** The emitter of methods: maps from methods to types, and the tables for run time. */
import type { ClientRequest, Key, Method, Params, Route } from "./methods.ts"
import { lookup } from "./model.ts"
import { experimentalTag, jsDoc, quoted } from "./printing.ts"
import type { Protocol } from "./protocol.ts"

/** Prints the params of a method, including `undefined` if they are optional. */
const paramsType = (name: (params: Params) => string, params: Params | undefined): string =>
  params === undefined ? "undefined" : params.nullable ? `${name(params)} | null | undefined` : name(params)

const key = (name: string, value: Key | undefined): string =>
  `${name}: ${value === undefined ? null : quoted(value.path)}, ${name}Optional: ${value?.optional ?? false}`

const route = ({ thread, turn }: Route): string => `${key("thread", thread)}, ${key("turn", turn)}`

const decoder = (name: string): string => `schema: Schemas.${name}, check: Checks.is${name}`

const incoming = (name: string): string => `In.${name}`

export const emitMethods = (protocol: Protocol, header: string): string => {
  const { directions, methods, model } = protocol
  const outgoing = (name: string): string =>
    directions.differs(name) ? `Out.${name}Input` : directions.incoming.has(name) ? `In.${name}` : `Out.${name}`

  /** Prints an entry with the description of the method, else of its params, else of its response. */
  const entry = (method: Method, type: string, response?: string): string => {
    const described = [method.params?.name, response].filter((name) => name !== undefined)
      .map((name) => lookup(model, name).description).find((description) => description !== undefined)
    const doc = jsDoc([method.description ?? described, experimentalTag(method.experimental)], "  ")
    return `${doc}  readonly ${quoted(method.method)}: ${type}\n`
  }

  const clientRequest = (method: ClientRequest): string =>
    entry(
      method,
      `{ readonly params: ${paramsType((params) => outgoing(params.name), method.params)}; ` +
        `readonly response: ${incoming(method.response)} }`,
      method.response
    )

  return `${header}import { type MethodTable, methodTable } from "../internal/methodTable.ts"
import type { ClientRequestEntry, ServerNotificationEntry, ServerRequestEntry } from "../Methods.ts"
import * as Checks from "./checks.ts"
import type * as In from "./incoming.ts"
import type * as Out from "./outgoing.ts"
import * as Schemas from "./schemas.ts"

/** The requests that a client sends: params and response by method. */
export interface ClientRequests {
${methods.clientRequests.map(clientRequest).join("")}}

/** The notifications that the server sends: params by method. */
export interface ServerNotifications {
${methods.serverNotifications.map((method) => entry(method, incoming(method.params.name))).join("")}}

/** The requests that the server sends: params and response by method. */
export interface ServerRequests {
${
    methods.serverRequests.map((method) =>
      entry(
        method,
        `{ readonly params: ${incoming(method.params.name)}; readonly response: ${outgoing(method.response)} }`,
        method.response
      )
    ).join("")
  }}

type ClientRequestTable = {
  readonly [M in keyof ClientRequests]: ClientRequestEntry<ClientRequests[M]["response"]>
}
type ServerNotificationTable = {
  readonly [M in keyof ServerNotifications]: ServerNotificationEntry<ServerNotifications[M]>
}
type ServerRequestTable = {
  readonly [M in keyof ServerRequests]: ServerRequestEntry<ServerRequests[M]["params"]>
}

/** The decoders of the responses to client requests. */
export const clientRequests: MethodTable<ClientRequestTable> = /*#__PURE__*/ methodTable<ClientRequestTable>({
${
    methods.clientRequests.map((method) =>
      `  ${quoted(method.method)}: { response: { ${decoder(method.response)} }, experimental: ${method.experimental} }`
    ).join(",\n")
  }
})

/** The decoders and routes of server notifications. */
export const serverNotifications: MethodTable<ServerNotificationTable> = /*#__PURE__*/ methodTable<ServerNotificationTable>({
${
    methods.serverNotifications.map((method) =>
      `  ${quoted(method.method)}: { ${decoder(method.params.name)}, ${route(method.route)} }`
    ).join(",\n")
  }
})

/** The decoders and routes of server requests. */
export const serverRequests: MethodTable<ServerRequestTable> = /*#__PURE__*/ methodTable<ServerRequestTable>({
${
    methods.serverRequests.map((method) =>
      `  ${quoted(method.method)}: { ${decoder(method.params.name)}, ${
        route(method.route)
      }, experimental: ${method.experimental} }`
    ).join(",\n")
  }
})
`
}
