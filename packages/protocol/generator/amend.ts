/** Corrections to the pinned binary's schema: adds the requests of older servers and removes fields of upstream's own tests. */
import type { Bundle, Definitions, JsonSchema } from "./bundle.ts"
import { pascal } from "./model.ts"
import * as Overrides from "./overrides.ts"

const request = (method: string, description: string): JsonSchema => ({
  description,
  type: "object",
  properties: {
    method: { type: "string", enum: [method] },
    params: { $ref: `#/definitions/${pascal(method)}Params` }
  }
})

/** Removes the fields that exist for upstream's own tests. */
const withoutTestFields = (definitions: Definitions): Definitions => {
  const result: { [name: string]: JsonSchema } = { ...definitions }
  for (const [name, field] of Overrides.testFields) {
    const { [field]: testField, ...properties } = result[name]?.properties ?? {}
    if (testField === undefined) throw new Error(`Unused override in testFields: ${name}.${field}`)
    result[name] = { ...result[name], properties }
  }
  return result
}

/** Adds the requests of older servers as if the pinned one still sent them, to clients with `experimentalApi`. */
export const amend = (bundle: Bundle): Bundle => {
  const definitions: { [name: string]: JsonSchema } = { ...withoutTestFields(bundle.experimental) }
  const add = (name: string, schema: JsonSchema): void => {
    if (name in definitions) {
      throw new Error(`codex ${bundle.version} has ${name}: remove it from earlierServerRequests`)
    }
    definitions[name] = schema
  }
  const earlier = Object.entries(Overrides.earlierServerRequests).map(
    ([method, { description, params, response, until }]) => {
      add(`${pascal(method)}Params`, params)
      add(`${pascal(method)}Response`, response)
      return request(method, `${description}\n\nSent by servers up to ${until}.`)
    }
  )
  const requests = definitions["ServerRequest"]
  definitions["ServerRequest"] = { ...requests, oneOf: [...requests?.oneOf ?? [], ...earlier] }
  return { ...bundle, experimental: definitions }
}
