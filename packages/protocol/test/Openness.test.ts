import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import * as Incoming from "../src/generated/incoming.ts"
import * as Methods from "../src/Methods.ts"
import * as Protocol from "../src/Protocol.ts"
import { isOpenUnion, mutants, replacements, sample } from "./utils/sample.ts"
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

  it("an unknown variant decodes as $unknown among its siblings, and encodes as the original", () => {
    const later = { type: "holographicMessage", depth: 3 }
    const input = withItems([agentMessage, later, agentMessage])
    const decoded = Result.getOrThrow(Methods.decode(turnCompleted, input))
    assert.deepStrictEqual<unknown>(decoded.turn.items, [agentMessage, { type: "$unknown", raw: later }, agentMessage])
    assert.deepStrictEqual<unknown>(Schema.encodeSync(Protocol.TurnCompletedNotification)(decoded), input)
  })

  it("a server that sends $unknown itself produces an unknown variant", () => {
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

  it("a union without a tag accepts unknown strings and keys", () => {
    const decode = Schema.decodeUnknownSync(Protocol.CodexErrorInfo)
    const encode = Schema.encodeSync(Protocol.CodexErrorInfo)
    assert.strictEqual(decode("solarFlare"), "solarFlare")
    assert.deepStrictEqual(decode({ httpConnectionFailed: { httpStatusCode: 500 } }), {
      httpConnectionFailed: { httpStatusCode: 500 }
    })
    const later = { solarFlare: { class: "X" } }
    assert.deepStrictEqual<unknown>(decode(later), { type: "$unknown", raw: later })
    assert.deepStrictEqual<unknown>(encode(decode(later)), later)
    const malformed = { activeTurnNotSteerable: { turnKind: 1 } }
    assert.deepStrictEqual<unknown>(decode(malformed), {
      type: "$unknown",
      raw: malformed,
      issue: "Expected string at [\"activeTurnNotSteerable\"][\"turnKind\"]"
    })
    assert.deepStrictEqual<unknown>(encode(decode(malformed)), malformed)
    assert.deepInclude(decode(1), { type: "$unknown", raw: 1 })
  })

  it("a union that its fields discriminate accepts any other object", () => {
    const decode = Schema.decodeUnknownSync(Protocol.ResourceContent)
    const later = { uri: "file:///a", stream: 1 }
    assert.deepStrictEqual(decode({ uri: "file:///a", text: "a" }), { uri: "file:///a", text: "a" })
    assert.deepStrictEqual<unknown>(decode(later), { type: "$unknown", raw: later })
    assert.deepInclude(decode("file:///a"), { type: "$unknown", raw: "file:///a" })
  })

  it("a known variant with an unknown shape is $unknown, with an issue that contains the path", () => {
    const { text: _, ...withoutText } = agentMessage
    const cases: ReadonlyArray<readonly [raw: unknown, issue: string]> = [
      [withoutText, "Missing key at [\"text\"]"],
      [{ ...agentMessage, text: 1 }, "Expected string at [\"text\"]"],
      [{ id: "1" }, "Missing key at [\"type\"]"],
      [{ id: "1", type: 1 }, "Expected a valid value at [\"type\"]"],
      [null, "Expected an object"]
    ]
    for (const [raw, issue] of cases) {
      const input = withItems([agentMessage, raw])
      const decoded = Result.getOrThrow(Methods.decode(turnCompleted, input))
      assert.deepStrictEqual<unknown>(decoded.turn.items, [agentMessage, { type: "$unknown", raw, issue }])
      assert.deepStrictEqual<unknown>(Schema.encodeSync(Protocol.TurnCompletedNotification)(decoded), input)
    }
  })

  it("an issue does not contain the value", () => {
    const input = params({ ...agentMessage, id: { key: "a secret" } })
    const { item } = Result.getOrThrow(Methods.decode(itemCompleted, input))
    assert.strictEqual(item.type === "$unknown" ? item.issue : "", "Expected string at [\"id\"]")
  })

  it("a malformed value outside of unions is an issue with its path", () => {
    assert.deepStrictEqual(issuePaths(Methods.decode(itemCompleted, { ...params(agentMessage), threadId: 1 })), [
      "threadId"
    ])
    const { item: _, ...withoutItem } = params(agentMessage)
    assert.deepStrictEqual(issuePaths(Methods.decode(itemCompleted, withoutItem)), ["item"])
    assert.deepStrictEqual(issuePaths(Methods.decode(turnCompleted, { ...completed, turn: null })), ["turn"])
  })

  it("an unreadable part of an item does not affect the rest", () => {
    const decode = (fields: object) =>
      Result.getOrThrow(Methods.decode(itemCompleted, params({ ...agentMessage, ...fields }))).item
    // The form that servers up to 0.169 send: an object without a discriminator.
    const display = { action: "hide", blockType: null }
    assert.deepStrictEqual<unknown>(decode({ moderation: { display, moderated: true } }), {
      ...agentMessage,
      moderation: { moderated: true, display: { mode: "$unknown", raw: display, issue: "Missing key at [\"mode\"]" } }
    })
    const { memoryCitation: _, ...rest } = agentMessage
    assert.deepStrictEqual<unknown>(decode({ memoryCitation: { entries: 3 } }), rest)
    assert.deepStrictEqual<unknown>(decode({ memoryCitation: "of another shape" }), rest)
    const read = { type: "read", command: "cat a", name: "a" }
    const command = { type: "commandExecution", id: "1", command: "cat a", cwd: "/", status: "completed" }
    const actions = [{ type: "unknown", command: "cat a" }, read]
    const { item } = Result.getOrThrow(Methods.decode(itemCompleted, params({ ...command, commandActions: actions })))
    assert.deepStrictEqual<unknown>(item, {
      ...command,
      commandActions: [actions[0], { type: "$unknown", raw: read, issue: "Missing key at [\"path\"]" }]
    })
  })

  it("a server request never loses an unreadable part", () => {
    const question = Methods.serverRequests.get("item/permissions/requestApproval")
    const input = {
      threadId: "1",
      turnId: "2",
      itemId: "3",
      startedAtMs: 0,
      environmentId: null,
      cwd: "/",
      reason: null,
      permissions: { network: { enabled: "maybe" }, fileSystem: null }
    }
    assert.deepStrictEqual(issuePaths(Methods.decode(question, input)), ["permissions.network.enabled"])
  })

  it("no union fails, whatever the server sends", () => {
    let unions = 0
    for (const [name, schema] of Object.entries<Schema.Codec<unknown>>(Incoming)) {
      if (!isOpenUnion(schema.ast)) continue
      unions++
      const decode = SchemaParser.decodeUnknownResult(schema)
      const values = [...replacements, ...[1, 2, 3].flatMap((seed) => [...mutants(sample(schema.ast, seed))])]
      for (const value of values) {
        assert.isTrue(Result.isSuccess(decode(value)), `${name}: ${JSON.stringify(value)}`)
      }
    }
    assert.isAbove(unions, 40)
  })

  it("only discriminators are literals in what the server sends", () => {
    const closed: Array<string> = []
    const walk = (ast: SchemaAST.AST, path: string): void => {
      if (isOpenUnion(ast)) return
      switch (ast._tag) {
        case "Literal":
          return void closed.push(path)
        case "Arrays":
          return ast.rest.forEach((element) => walk(element, `${path}[]`))
        case "Union":
          return ast.types.forEach((type) => walk(type, path))
        case "Objects":
          ast.indexSignatures.forEach(({ type }) => walk(type, `${path}.*`))
          return ast.propertySignatures.forEach(({ name, type }) => walk(type, `${path}.${String(name)}`))
      }
    }
    for (const [method, { response }] of Methods.clientRequests) walk(response.schema().ast, method)
    for (const [method, { schema }] of Methods.serverNotifications) walk(schema().ast, method)
    for (const [method, { schema }] of Methods.serverRequests) walk(schema().ast, method)
    assert.deepStrictEqual(closed, [])
  })

  it("no unreadable optional field makes its item unknown", () => {
    let fields = 0
    for (
      const variant of Protocol.ThreadItem.ast._tag === "Declaration"
        ? Protocol.ThreadItem.ast.typeParameters
        : []
    ) {
      if (variant._tag !== "Objects") continue
      for (const { name, type } of variant.propertySignatures) {
        if (type.context?.isOptional !== true) continue
        fields++
        const { [String(name)]: _, ...item } = sample(variant, 1) as Record<string, unknown>
        for (const value of replacements) {
          const decoded = Result.getOrThrow(Methods.decode(itemCompleted, params({ ...item, [String(name)]: value })))
          assert.deepInclude<unknown>(decoded.item, item, `${String(name)}: ${JSON.stringify(value)}`)
        }
      }
    }
    assert.isAbove(fields, 70)
  })

  it("an unknown field is kept if nothing needs decoding", () => {
    const input = { ...withItems([{ ...agentMessage, mood: "good" }]), later: true }
    assert.strictEqual<unknown>(Result.getOrThrow(Methods.decode(turnCompleted, input)), input)
  })

  it("a nullable field can be absent, even if this version requires it", () => {
    const thread = Methods.serverNotifications.get("thread/project/updated")
    const input = { threadId: "1" }
    assert.strictEqual<unknown>(Result.getOrThrow(Methods.decode(thread, input)), input)
    assert.deepStrictEqual(Schema.decodeUnknownSync(Protocol.ThreadProjectUpdatedNotification)(input), input)
  })

  it("configuration keeps undeclared keys", () => {
    const config = { model: "gpt-5.4", mcp_servers: { a: { command: "b" } } }
    assert.deepStrictEqual<unknown>(Schema.decodeUnknownSync(Protocol.Config)(config), config)
  })

  it("what only a client sends is closed", () => {
    const decode = Schema.decodeUnknownSync(Protocol.SandboxPolicyInput)
    assert.deepStrictEqual(decode({ type: "dangerFullAccess" }), { type: "dangerFullAccess" })
    assert.throws(() => decode({ type: "smallDanger" }))
  })
})
