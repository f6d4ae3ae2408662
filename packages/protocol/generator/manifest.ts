/** The committed summary of the protocol: sorted facts without descriptions, so that a diff shows the changes of a new version. */
import { createHash } from "node:crypto"
import type { Key, Method, Route } from "./methods.ts"
import { type Definition, lookup } from "./model.ts"
import { isExperimental, type Protocol } from "./protocol.ts"

export type Manifest = {
  readonly version: string
} & { readonly [section: string]: string | { readonly [name: string]: unknown } }

const params = ({ params }: Method): string | null =>
  params === undefined ? null : params.nullable ? `${params.name}?` : params.name

/** Prints a path, with a question mark if the id can be absent. */
const key = (key: Key | undefined): string | null => key === undefined ? null : key.optional ? `${key.path}?` : key.path

const route = ({ thread, turn }: Route) => ({ thread: key(thread), turn: key(turn) })

/** Hashes the shape of a definition: fields, their types, which ones are required, and variants, but not descriptions. */
const fingerprint = (protocol: Protocol, { name, shape }: Definition): string => {
  const facts = JSON.stringify(
    [shape, isExperimental(protocol, name)],
    (property, value) => property === "description" ? undefined : value
  )
  return createHash("sha256").update(facts).digest("hex").slice(0, 8)
}

const byName = <A extends { readonly method: string }, B>(methods: ReadonlyArray<A>, f: (method: A) => B) =>
  Object.fromEntries(methods.map((method) => [method.method, f(method)]))

export const makeManifest = (protocol: Protocol): Manifest => {
  const { directions, methods, model, version } = protocol
  return {
    version,
    clientRequests: byName(methods.clientRequests, (method) => ({
      params: params(method),
      response: method.response,
      experimental: method.experimental
    })),
    serverNotifications: byName(methods.serverNotifications, (method) => ({
      params: params(method),
      ...route(method.route)
    })),
    serverRequests: byName(methods.serverRequests, (method) => ({
      params: params(method),
      response: method.response,
      ...route(method.route),
      experimental: method.experimental
    })),
    definitions: Object.fromEntries(
      directions.sorted.toSorted().map((name) => [name, fingerprint(protocol, lookup(model, name))])
    )
  }
}

/** Prints a manifest with one entry per line. */
export const printManifest = (manifest: Manifest): string => {
  const sections = Object.entries(manifest).map(([name, section]) => {
    if (typeof section === "string") return `  ${JSON.stringify(name)}: ${JSON.stringify(section)}`
    const entries = Object.entries(section).map(([key, value]) =>
      `    ${JSON.stringify(key)}: ${JSON.stringify(value)}`
    )
    return `  ${JSON.stringify(name)}: {\n${entries.join(",\n")}\n  }`
  })
  return `{\n${sections.join(",\n")}\n}\n`
}

/** Compares two manifests. Returns a line for each added, removed or changed entry. */
export const compareManifests = (committed: Manifest, current: Manifest): ReadonlyArray<string> => {
  const flatten = (manifest: Manifest): ReadonlyMap<string, string> =>
    new Map(
      Object.entries(manifest).flatMap(([name, section]): ReadonlyArray<[string, string]> =>
        typeof section === "string"
          ? [[name, section]]
          : Object.entries(section).map(([key, value]) => [`${name} ${key}`, JSON.stringify(value)])
      )
    )
  const before = flatten(committed)
  const after = flatten(current)
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((key) => {
    const [old, now] = [before.get(key), after.get(key)]
    if (old === now) return []
    if (old === undefined) return [`+ ${key} ${now}`]
    if (now === undefined) return [`- ${key} ${old}`]
    return [`~ ${key} ${old} -> ${now}`]
  })
}
