/** Approvals of MCP tool calls, told from forms of MCP servers. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { ServerRequests } from "effect-codex"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

type Params = ServerRequests.Params<"mcpServer/elicitation/request">

const context: ServerRequests.RequestContext = {
  method: "mcpServer/elicitation/request",
  requestId: 0,
  threadId: "thread",
  turnId: "turn"
}

const form = (meta: Extract<Params, { mode: "form" }>["_meta"], properties = {}): Params => ({
  mode: "form",
  threadId: "thread",
  turnId: "turn",
  serverName: "docs",
  message: "Allow it?",
  requestedSchema: { type: "object", properties },
  ...(meta === undefined ? {} : { _meta: meta })
})

const kind = { codex_approval_kind: "mcp_tool_call" }

const url: Params = {
  mode: "url",
  threadId: "thread",
  serverName: "docs",
  message: "Open it.",
  elicitationId: "1",
  url: "https://example.com/",
  _meta: kind
}

describe("mcpToolApproval", () => {
  it("returns undefined for an elicitation of an MCP server", () => {
    const elicitations = [
      form(undefined),
      form(null),
      form([kind]),
      form({}),
      form({ codex_approval_kind: "tool_suggestion" }),
      form(kind, { name: { type: "string" } }),
      url
    ]
    for (const params of elicitations) assert.isUndefined(ServerRequests.mcpToolApproval(params))
  })

  it("reads the fields that are present and of the right type", () => {
    const nothing = {
      serverName: "docs",
      toolName: undefined,
      toolTitle: undefined,
      toolDescription: undefined,
      toolAnnotations: undefined,
      arguments: undefined,
      message: "Allow it?",
      persist: []
    }
    assert.deepStrictEqual(ServerRequests.mcpToolApproval(form(kind)), nothing)
    assert.deepStrictEqual(
      ServerRequests.mcpToolApproval(form({ ...kind, tool_name: 7, tool_annotations: [], persist: "for ever" })),
      nothing
    )
    for (
      const [persist, lifetimes] of [["session", ["session"]], [["always", "session", 7], [
        "always",
        "session"
      ]]] as const
    ) {
      const approval = ServerRequests.mcpToolApproval(form({ ...kind, persist }))
      assert.deepStrictEqual(approval?.persist, [...lifetimes])
    }
  })
})

const answerOf = (handlers: ServerRequests.AllHandlers, params: Params) =>
  handlers["mcpServer/elicitation/request"](params, context)

describe("ready-made handlers", () => {
  it.effect("accept approvals, for the session only where Codex offers it, and decline the rest", () =>
    Effect.gen(function*() {
      const accepted = ServerRequests.mcpToolResponse("accept")
      const forSession = ServerRequests.mcpToolResponse("acceptForSession")
      const declined = ServerRequests.mcpToolResponse("decline")
      const { acceptAll, acceptForSession, declineAll } = ServerRequests
      const offered = form({ ...kind, persist: ["session", "always"] })
      const cases = [
        [declineAll, offered, declined],
        [acceptAll, offered, accepted],
        [acceptForSession, offered, forSession],
        [acceptForSession, form(kind), accepted],
        [acceptAll, form(null), declined],
        [acceptForSession, url, declined]
      ] as const
      for (const [handlers, params, response] of cases) {
        assert.deepStrictEqual(yield* answerOf(handlers, params), response)
      }
      assert.deepStrictEqual(forSession, { action: "accept", content: {}, _meta: { persist: "session" } })
    }))
})

describe("mcpElicitation", () => {
  it.effect("dies for a decision that is none, and accepts nothing", () =>
    Effect.gen(function*() {
      for (const decision of ["approve", "toString", true, undefined]) {
        const handler = ServerRequests.mcpElicitation({
          toolCall: () => Effect.succeed(decision as ServerRequests.McpToolDecision)
        })
        const exit = yield* Effect.exit(handler(form(kind), context))
        assert.include(String(exit), "is not one of accept, acceptForSession, acceptAlways, decline, cancel")
      }
    }))

  it("requires the services of its handlers", () => {
    class Policy extends Context.Service<Policy, boolean>()("test/Policy") {}
    class Person extends Context.Service<Person, string>()("test/Person") {}
    const handler = ServerRequests.mcpElicitation({
      toolCall: () => Policy.useSync((yes) => yes ? "accept" : "decline"),
      form: () => Person.useSync((name) => ({ action: "accept", content: { name } }))
    })
    expectTypeOf(handler).toEqualTypeOf<ServerRequests.Handler<"mcpServer/elicitation/request", Policy | Person>>()
    const handlers: ServerRequests.McpElicitationHandlers<Policy> = {}
    expectTypeOf(ServerRequests.mcpElicitation(handlers)).toEqualTypeOf<
      ServerRequests.Handler<"mcpServer/elicitation/request", Policy>
    >()
    ServerRequests.mcpElicitation({
      // @ts-expect-error: there is no such meaning
      approval: () => Effect.succeed("accept")
    })
  })
})
