import { assert, describe, it } from "@effect/vitest"
import { type Bundle, type JsonSchema, readBundle } from "../generator/bundle.ts"
import { emitMethods } from "../generator/emitMethods.ts"
import { compareManifests, makeManifest, printManifest } from "../generator/manifest.ts"
import { tracked } from "../generator/overrides.ts"
import { readProtocol } from "../generator/protocol.ts"

const bundle = readBundle()

/** Replaces or adds some definitions of the real bundle. */
const withDefinitions = (definitions: { readonly [name: string]: JsonSchema }): Bundle => ({
  ...bundle,
  experimental: { ...bundle.experimental, ...definitions }
})

const withClientRequest = (request: JsonSchema): Bundle => {
  const envelope = bundle.experimental["ClientRequest"]!
  return withDefinitions({ ClientRequest: { ...envelope, oneOf: [...envelope.oneOf ?? [], request] } })
}

describe("the generator", () => {
  it("resolves the params and the response of every method", () => {
    const { methods, model } = readProtocol(bundle)
    assert.strictEqual(methods.clientRequests.length, bundle.experimental["ClientRequest"]?.oneOf?.length)
    for (const { response } of [...methods.clientRequests, ...methods.serverRequests]) {
      assert.isTrue(model.has(response), response)
    }
    for (const { params } of methods.serverNotifications) assert.isTrue(model.has(params.name), params.name)
  })

  it("fails on a method without a response", () => {
    const params = { $ref: "#/definitions/v2/ThreadReadParams" }
    const request = { type: "object", properties: { method: { type: "string", enum: ["thread/levitate"] }, params } }
    assert.doesNotThrow(() => readProtocol(withClientRequest(request)))
    const unresolved = { ...request, properties: { ...request.properties, params: { type: "null" } } }
    assert.throws(() => readProtocol(withClientRequest(unresolved)), /No response found for thread\/levitate/)
  })

  it("fails on a response without a method", () => {
    const orphan = withDefinitions({ OrphanResponse: { type: "object" } })
    assert.throws(() => readProtocol(orphan), /OrphanResponse is the response of no method/)
  })

  it("fails on a recursive definition", () => {
    const recursive = withDefinitions({
      Turn: { type: "object", properties: { next: { $ref: "#/definitions/v2/Turn" } } }
    })
    assert.throws(() => readProtocol(recursive), /Recursive definition: .*Turn -> Turn/)
  })

  it("fails on a union without a name and on two definitions with one name", () => {
    const nested = { oneOf: [{ type: "string" }, { type: "integer" }] }
    const anonymous = withDefinitions({ Turn: { type: "object", properties: { id: nested } } })
    assert.throws(() => readProtocol(anonymous), /A union without a name at Turn.id/)
    const collision = withDefinitions({ AgentMessageThreadItem: { type: "string" } })
    assert.throws(() => readProtocol(collision), /Two definitions are named AgentMessageThreadItem/)
  })

  it("fails on an unknown schema keyword", () => {
    const constant: JsonSchema & { readonly const: string } = { const: "a" }
    const unknown = withDefinitions({ Turn: { type: "object", properties: { id: constant } } })
    assert.throws(() => readProtocol(unknown), /Turn.id has keywords that are not understood: const/)
    const intersection = withDefinitions({ Turn: { allOf: [{ type: "object" }, { type: "object" }] } })
    assert.throws(() => readProtocol(intersection), /Turn is an intersection/)
  })

  it("keeps the requests of older servers, until the pinned one sends them again", () => {
    const { methods } = readProtocol(bundle)
    const pinned = bundle.experimental["ServerRequest"]?.oneOf ?? []
    assert.strictEqual(methods.serverRequests.length, pinned.length + 1)
    const { description, experimental, params, response, route } = methods.serverRequests.find(({ method }) =>
      method === "currentTime/read"
    )!
    assert.match(description!, /\n\nSent by servers up to 0\.169\.$/)
    assert.isTrue(experimental)
    assert.deepStrictEqual([params.name, response], ["CurrentTimeReadParams", "CurrentTimeReadResponse"])
    assert.deepStrictEqual(route.thread, { path: "threadId", optional: false })
    const again = withDefinitions({ CurrentTimeReadParams: { type: "object" } })
    assert.throws(() => readProtocol(again), /has CurrentTimeReadParams: remove it from earlierServerRequests/)
  })

  it("leaves out the fields of upstream's own tests", () => {
    const shape = readProtocol(bundle).model.get("ThreadStartParams")?.shape
    const fields = shape?.kind === "struct" ? shape.fields.map(({ name }) => name) : []
    assert.include(fields, "model")
    assert.notInclude(fields, "mockExperimentalField")
    const without = withDefinitions({ ThreadStartParams: { type: "object", properties: {} } })
    assert.throws(() => readProtocol(without), /Unused override in testFields: ThreadStartParams.mockExperimentalField/)
  })

  it("describes each method with upstream's description, if there is one", () => {
    const emitted = emitMethods(readProtocol(bundle), "")
    // The description of the method itself, of its params, of its response.
    const described = {
      "thread/search/stream/cancel": "Cancel a `thread/search/stream` request on this connection.",
      "account/rateLimits/read":
        "Usage-read capabilities of the requesting client, never inferred from its experiment arm.",
      "account/securitySetup/read": "Optional security reminder bound to the account that fetched it."
    }
    for (const [method, description] of Object.entries(described)) {
      const before = emitted.slice(0, emitted.indexOf(`  readonly "${method}"`))
      assert.include(before.slice(before.lastIndexOf("/**")), description, method)
    }
  })

  it("describes every request of a client", () => {
    const protocol = readProtocol(bundle)
    const emitted = emitMethods(protocol, "")
    const undescribed = protocol.methods.clientRequests.filter(({ method }) => {
      const before = emitted.slice(0, emitted.indexOf(`  readonly "${method}"`)).trimEnd()
      return !before.endsWith("*/") || before.endsWith("/** @experimental */")
    })
    assert.deepStrictEqual(undescribed.map(({ method }) => method), [])
  })

  it("fails on an unused override", () => {
    const overrides = tracked("names", { used: 1, unused: 2 })
    assert.strictEqual(overrides.get("used"), 1)
    assert.isUndefined(overrides.get("constructor"))
    assert.throws(() => overrides.assertUsed(), "Unused override in names: unused")
  })

  it("lists the differences between two manifests", () => {
    const now = makeManifest(readProtocol(bundle))
    assert.deepStrictEqual(compareManifests(JSON.parse(printManifest(now)), now), [])
    const before = { version: "1", methods: { gone: { thread: null }, moved: { thread: "threadId" } } }
    const after = { version: "2", methods: { moved: { thread: "thread.id" }, new: { thread: null } } }
    assert.deepStrictEqual(compareManifests(before, after), [
      "- methods gone {\"thread\":null}",
      "~ methods moved {\"thread\":\"threadId\"} -> {\"thread\":\"thread.id\"}",
      "+ methods new {\"thread\":null}",
      "~ version 1 -> 2"
    ])
  })
})
