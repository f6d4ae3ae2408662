import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Methods from "../src/Methods.ts"
import * as Protocol from "../src/Protocol.ts"
import { newest, received } from "./utils/transcript.ts"

const { payload } = received(newest).find(({ kind, method }) => kind === "notification" && method === "turn/completed")!
const completed = Schema.decodeUnknownSync(Protocol.TurnCompletedNotification)(payload)
const turnCompleted = Methods.serverNotifications.get("turn/completed")
const itemCompleted = Methods.serverNotifications.get("item/completed")

const withItems = (items: ReadonlyArray<unknown>) => ({ ...completed, turn: { ...completed.turn, items } })
const agentMessage = { type: "agentMessage", id: "1", text: "Hello", phase: null, memoryCitation: null }

const params = (item: unknown) => ({ item, threadId: "1", turnId: "2", completedAtMs: 0 })

const paths = (issue: SchemaIssue.Issue): ReadonlyArray<string> =>
  SchemaIssue.makeFormatterStandardSchemaV1()(issue).issues.map(({ path }) => (path ?? []).join("."))

const issuePaths = (result: Result.Result<unknown, SchemaIssue.Issue>): ReadonlyArray<string> =>
  Result.isFailure(result) ? paths(result.failure) : []

describe("Openness", () => {
  it("a member of an enum that is not known passes as it is", () => {
    const input = { ...completed, turn: { ...completed.turn, status: "hibernating" } }
    assert.strictEqual<unknown>(Result.getOrThrow(Methods.decode(turnCompleted, input)), input)
  })

  it("a variant that is not known stands among its siblings as $unknown, and is written back as it came", () => {
    const later = { type: "holographicMessage", depth: 3 }
    const input = withItems([agentMessage, later, agentMessage])
    const decoded = Result.getOrThrow(Methods.decode(turnCompleted, input))
    assert.deepStrictEqual<unknown>(decoded.turn.items, [agentMessage, { type: "$unknown", raw: later }, agentMessage])
    assert.deepStrictEqual<unknown>(Schema.encodeSync(Protocol.TurnCompletedNotification)(decoded), input)
  })

  it("a server that says $unknown itself is not taken at its word", () => {
    const hostile = { type: "$unknown", raw: 1 }
    assert.isFalse(turnCompleted.check(withItems([hostile])))
    const decoded = Result.getOrThrow(Methods.decode(turnCompleted, withItems([hostile])))
    assert.deepStrictEqual<unknown>(decoded.turn.items, [{ type: "$unknown", raw: hostile }])
  })

  it("a discriminator other than type carries $unknown itself", () => {
    const later = { mode: "telepathy", serverName: "server", threadId: "1" }
    const decoded = Methods.decode(Methods.serverRequests.get("mcpServer/elicitation/request"), later)
    assert.deepStrictEqual<unknown>(Result.getOrThrow(decoded), { mode: "$unknown", raw: later })
  })

  it("a union without a tag takes bare strings and keys that are not known", () => {
    const decode = Schema.decodeUnknownSync(Protocol.CodexErrorInfo)
    const encode = Schema.encodeSync(Protocol.CodexErrorInfo)
    assert.strictEqual(decode("solarFlare"), "solarFlare")
    assert.deepStrictEqual(decode({ httpConnectionFailed: { httpStatusCode: 500 } }), {
      httpConnectionFailed: { httpStatusCode: 500 }
    })
    const later = { solarFlare: { class: "X" } }
    assert.deepStrictEqual<unknown>(decode(later), { type: "$unknown", raw: later })
    assert.deepStrictEqual<unknown>(encode(decode(later)), later)
    assert.throws(() => decode({ httpConnectionFailed: { httpStatusCode: "500" } }))
    assert.throws(() => decode(1))
  })

  it("a union whose members are told apart by their fields takes any other object", () => {
    const decode = Schema.decodeUnknownSync(Protocol.ResourceContent)
    const later = { uri: "file:///a", stream: 1 }
    assert.deepStrictEqual(decode({ uri: "file:///a", text: "a" }), { uri: "file:///a", text: "a" })
    assert.deepStrictEqual<unknown>(decode(later), { type: "$unknown", raw: later })
    assert.throws(() => decode("file:///a"))
  })

  it("a malformed variant that is known is an issue with its path", () => {
    const { text: _, ...withoutText } = agentMessage
    assert.deepStrictEqual(issuePaths(Methods.decode(itemCompleted, params({ ...agentMessage, text: 1 }))), [
      "item.text"
    ])
    assert.deepStrictEqual(issuePaths(Methods.decode(itemCompleted, params(withoutText))), ["item.text"])
    assert.deepStrictEqual(issuePaths(Methods.decode(itemCompleted, params({ id: "1" }))), ["item.type"])
    assert.deepStrictEqual(issuePaths(Methods.decode(itemCompleted, params({ id: "1", type: 1 }))), ["item.type"])
    assert.deepStrictEqual(issuePaths(Methods.decode(itemCompleted, params(null))), ["item"])
    assert.deepStrictEqual(issuePaths(Methods.decode(turnCompleted, withItems([agentMessage, withoutText]))), [
      "turn.items.1.text"
    ])
  })

  it("a field that is not known is kept where nothing has to be decoded", () => {
    const input = { ...withItems([{ ...agentMessage, mood: "good" }]), later: true }
    assert.strictEqual<unknown>(Result.getOrThrow(Methods.decode(turnCompleted, input)), input)
  })

  it("a field that can be null can be absent, even where this version requires it", () => {
    const thread = Methods.serverNotifications.get("thread/project/updated")
    const input = { threadId: "1" }
    assert.strictEqual<unknown>(Result.getOrThrow(Methods.decode(thread, input)), input)
    assert.deepStrictEqual(Schema.decodeUnknownSync(Protocol.ThreadProjectUpdatedNotification)(input), input)
  })

  it("configuration keeps the keys that the protocol does not name", () => {
    const config = { model: "gpt-5.4", mcp_servers: { a: { command: "b" } } }
    assert.deepStrictEqual<unknown>(Schema.decodeUnknownSync(Protocol.Config)(config), config)
  })

  it("what only a client sends is closed", () => {
    const decode = Schema.decodeUnknownSync(Protocol.SandboxPolicyInput)
    assert.deepStrictEqual(decode({ type: "dangerFullAccess" }), { type: "dangerFullAccess" })
    assert.throws(() => decode({ type: "smallDanger" }))
  })
})
