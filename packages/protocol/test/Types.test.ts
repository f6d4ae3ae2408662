/** Tests of the types. The compiler checks them; running them proves that the narrowing is real. */
import { assert, describe, it } from "@effect/vitest"
import type * as Methods from "../src/Methods.ts"
import type * as Protocol from "../src/Protocol.ts"

const textOf = (item: Protocol.ThreadItem): string | undefined => {
  if (item.type === "agentMessage") return item.text
  // @ts-expect-error a field of a variant that has not been established
  return item.text
}

/** An exhaustive switch must handle unknown variants. */
const describeStatus = (status: Protocol.ThreadStatus): string => {
  switch (status.type) {
    case "notLoaded":
    case "idle":
    case "systemError":
      return status.type
    case "active":
      return `active ${status.activeFlags.length}`
    case "$unknown":
      return `unknown ${JSON.stringify(status.raw)}`
  }
}

// @ts-expect-error without a case for unknown variants, not every path returns
const describeKnownStatus = (status: Protocol.ThreadStatus): string => {
  switch (status.type) {
    case "notLoaded":
    case "idle":
    case "systemError":
    case "active":
      return status.type
  }
}

const questionOf = (params: Protocol.McpServerElicitationRequestParams): unknown => {
  switch (params.mode) {
    case "url":
      return params.url
    case "form":
      return params.requestedSchema
    case "$unknown":
      return params.raw
    default:
      return params.threadId
  }
}

const httpStatusOf = (info: Protocol.CodexErrorInfo): number | null | undefined =>
  typeof info === "object" && "httpConnectionFailed" in info ? info.httpConnectionFailed.httpStatusCode : undefined

const deltaOf = (event: Methods.ServerNotification): string | undefined =>
  event.method === "item/agentMessage/delta" ? event.params.delta : undefined

describe("Types", () => {
  it("a tag narrows, and unknown variants must be handled", () => {
    assert.strictEqual(textOf({ type: "agentMessage", id: "1", text: "Hello" }), "Hello")
    assert.strictEqual(describeStatus({ type: "active", activeFlags: [] }), "active 0")
    assert.strictEqual(describeStatus({ type: "$unknown", raw: 1 }), "unknown 1")
    assert.strictEqual(describeKnownStatus({ type: "idle" }), "idle")
    assert.strictEqual(questionOf({ mode: "$unknown", raw: { a: 1 } }) !== undefined, true)
    assert.strictEqual(httpStatusOf({ httpConnectionFailed: { httpStatusCode: 500 } }), 500)
    assert.strictEqual(httpStatusOf("a code that is not known"), undefined)
    assert.strictEqual(
      deltaOf({
        method: "item/agentMessage/delta",
        params: { threadId: "1", turnId: "2", itemId: "3", delta: "text" }
      }),
      "text"
    )
  })

  it("an enum that the server sends accepts any string and still completes its members", () => {
    const known: Protocol.TurnStatus = "completed"
    const later: Protocol.TurnStatus = "hibernating"
    const literal: Protocol.SandboxModeLiteral = "read-only"
    // @ts-expect-error the closed set has no such member
    const typo: Protocol.SandboxModeLiteral = "read-onyl"
    assert.deepStrictEqual([known, later, literal, typo], ["completed", "hibernating", "read-only", "read-onyl"])
  })

  it("what a client writes is closed, and takes undefined for what it leaves out", () => {
    const params: Methods.ClientRequests["turn/start"]["params"] = {
      threadId: "1",
      input: [{ type: "text", text: "Hello" }],
      model: undefined
    }
    const direction: Protocol.ThreadListParams = { sortDirection: "asc" }
    // @ts-expect-error a typo in a literal
    const typo: Protocol.ThreadListParams = { sortDirection: "ascc" }
    // @ts-expect-error a typo in a tag
    const tag: Protocol.UserInputInput = { type: "txt", text: "Hello" }
    // @ts-expect-error a typo in a field
    const field: Protocol.TurnStartParams = { threadId: "1", inptu: [] }
    // @ts-expect-error an unknown variant is read, never written
    const unknown: Protocol.SandboxPolicyInput = { type: "$unknown", raw: null }
    assert.strictEqual([params, direction, typo, tag, field, unknown].length, 6)
  })

  it("params are undefined if there are none, and optional if they are nullable", () => {
    const none: Methods.ClientRequests["account/logout"]["params"] = undefined
    const nullable: ReadonlyArray<Methods.ClientRequests["account/usage/read"]["params"]> = [undefined, null, {}]
    // @ts-expect-error params that are required
    const required: Methods.ClientRequests["thread/read"]["params"] = undefined
    assert.deepStrictEqual([none, nullable.length, required], [undefined, 3, undefined])
  })

  it("a nullable field can be absent", () => {
    const thread: Pick<Protocol.Thread, "name" | "projectId"> = {}
    // @ts-expect-error a value that was parsed from JSON omits a field instead of setting it to undefined
    const undefinedName: Pick<Protocol.Thread, "name"> = { name: undefined }
    assert.deepStrictEqual(Object.keys(thread).concat(Object.keys(undefinedName)), ["name"])
  })
})
