/** The vocabulary: ready-made handlers, and how handlers are made and combined. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { ServerRequests } from "effect-codex"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

const context: ServerRequests.RequestContext = {
  method: "currentTime/read",
  requestId: 0,
  threadId: "thread",
  turnId: "turn"
}

const place = { threadId: "thread", turnId: "turn", itemId: "item", startedAtMs: 0 }

const where = { conversationId: "thread", callId: "call" }

const network = { enabled: true }

/** The answers of a set of handlers to approvals, and to requests that can't be accepted. */
const answers = (handlers: ServerRequests.AllHandlers) =>
  Effect.all({
    command: handlers["item/commandExecution/requestApproval"](place, context),
    file: handlers["item/fileChange/requestApproval"](place, context),
    permissions: handlers["item/permissions/requestApproval"](
      { ...place, cwd: "/", permissions: { network, fileSystem: null } },
      context
    ),
    patch: handlers.applyPatchApproval({ ...where, fileChanges: {} }, context),
    exec: handlers.execCommandApproval({ ...where, command: [], cwd: "/", parsedCmd: [] }, context),
    input: handlers["item/tool/requestUserInput"]({ ...place, questions: [] }, context),
    form: Effect.map(
      handlers["mcpServer/elicitation/request"](
        { threadId: "thread", serverName: "server", mode: "url", url: "u", elicitationId: "1", message: "?" },
        context
      ),
      ({ action }) => action
    ),
    tool: Effect.map(
      handlers["item/tool/call"]({ ...place, callId: "call", tool: "add", arguments: {} }, context),
      ({ success }) => success
    ),
    refresh: Effect.flip(handlers["account/chatgptAuthTokens/refresh"]({ reason: "unauthorized" }, context)),
    attestation: Effect.flip(handlers["attestation/generate"]({}, context))
  }).pipe(Effect.map(({ attestation, refresh, ...rest }) => ({ ...rest, errors: [attestation._tag, refresh._tag] })))

/** Requests whose answers no handler can invent. */
const invented = {
  input: { answers: {} },
  form: "decline",
  tool: false,
  errors: ["ServerRequestError", "ServerRequestError"]
} satisfies Partial<Effect.Success<ReturnType<typeof answers>>>

describe("ready-made handlers", () => {
  it.effect("acceptAll accepts once, and invents nothing", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* answers(ServerRequests.acceptAll), {
        command: { decision: "accept" },
        file: { decision: "accept" },
        permissions: { permissions: { network }, scope: "turn" },
        patch: { decision: "approved" },
        exec: { decision: "approved" },
        ...invented
      })
    }))

  it.effect("acceptForSession accepts for the session, and invents nothing", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* answers(ServerRequests.acceptForSession), {
        command: { decision: "acceptForSession" },
        file: { decision: "acceptForSession" },
        permissions: { permissions: { network }, scope: "session" },
        patch: { decision: "approved_for_session" },
        exec: { decision: "approved_for_session" },
        ...invented
      })
    }))

  it.effect("do not grant permissions that this version does not understand", () =>
    Effect.gen(function*() {
      const known = { access: "write" as const, path: { type: "path" as const, path: "/scratch/a" } }
      const { permissions } = yield* ServerRequests.acceptAll["item/permissions/requestApproval"]({
        ...place,
        cwd: "/",
        permissions: {
          fileSystem: {
            write: ["/scratch/a"],
            entries: [
              known,
              { access: "write", path: { type: "$unknown", raw: { type: "galaxy" } } }
            ]
          }
        }
      }, context)
      assert.deepStrictEqual(permissions, { fileSystem: { write: ["/scratch/a"], entries: [known] } })
    }))
})

describe("orElse", () => {
  const decline: ServerRequests.ServerRequestHandlers = {
    "item/commandExecution/requestApproval": () => Effect.succeed({ decision: "decline" })
  }

  it.effect("fills in missing handlers, in both call styles", () =>
    Effect.gen(function*() {
      for (
        const handlers of [
          ServerRequests.orElse(decline, ServerRequests.acceptAll),
          ServerRequests.orElse(ServerRequests.acceptAll)(decline)
        ]
      ) {
        assert.deepInclude(yield* answers(handlers), {
          command: { decision: "decline" },
          file: { decision: "accept" }
        })
      }
    }))

  it("takes undefined for left out", () => {
    const nothing: { readonly [method: string]: undefined } = { "item/commandExecution/requestApproval": undefined }
    const handlers = ServerRequests.orElse(nothing as ServerRequests.ServerRequestHandlers, ServerRequests.acceptAll)
    assert.strictEqual(
      handlers["item/commandExecution/requestApproval"],
      ServerRequests.acceptAll["item/commandExecution/requestApproval"]
    )
  })
})

/** Which method it is says what it is answered with. */
const answer = (request: ServerRequests.Pending<"item/tool/call" | "item/fileChange/requestApproval">) =>
  request.method === "item/tool/call"
    ? request.respond({ success: request.params.tool === "add", contentItems: [] })
    : request.respond({ decision: "cancel" })

describe("make", () => {
  class Policy extends Context.Service<Policy, { readonly allows: boolean }>()("test/Policy") {}
  class Person extends Context.Service<Person, { readonly name: string }>()("test/Person") {}

  it.effect("returns the handlers unchanged", () =>
    Effect.gen(function*() {
      const handlers = ServerRequests.make({ "currentTime/read": () => Effect.succeed({ currentTimeAt: 7 }) })
      expectTypeOf(handlers).toEqualTypeOf<ServerRequests.ServerRequestHandlers>()
      assert.deepStrictEqual(yield* handlers["currentTime/read"]!({ threadId: "thread" }, context), {
        currentTimeAt: 7
      })
    }))

  it("infers the types, and refuses a method that does not exist", () => {
    const handlers = ServerRequests.make({
      "item/commandExecution/requestApproval": ({ command }, { turnId }) =>
        Policy.useSync(({ allows }) => ({
          decision: allows && command !== undefined && turnId !== undefined ? "accept" : "decline"
        })),
      "item/tool/requestUserInput": ({ questions }) =>
        Person.useSync(({ name }) => ({ answers: { [questions[0]!.id]: { answers: [name] } } }))
    })
    expectTypeOf(handlers).toEqualTypeOf<ServerRequests.ServerRequestHandlers<Policy | Person>>()
    expectTypeOf(ServerRequests.orElse(handlers, ServerRequests.acceptAll)).toEqualTypeOf<
      ServerRequests.AllHandlers<Policy | Person>
    >()
    ServerRequests.make({
      "item/commandExecution/requestApproval": () => Effect.succeed({ decision: "accept" }),
      // @ts-expect-error no such method
      "item/fileChange/requestAproval": () => Effect.succeed({ decision: "accept" })
    })
    ServerRequests.make({
      // @ts-expect-error no such decision
      "item/fileChange/requestApproval": () => Effect.succeed({ decision: "perhaps" })
    })
  })

  it("so does the inbox", () => {
    expectTypeOf(ServerRequests.inbox()).toEqualTypeOf<
      Effect.Effect<ServerRequests.Inbox<ServerRequests.InteractiveMethod>, never, Scope.Scope>
    >()
    expectTypeOf(ServerRequests.inbox(["item/tool/call", "attestation/generate"])).toEqualTypeOf<
      Effect.Effect<ServerRequests.Inbox<"item/tool/call" | "attestation/generate">, never, Scope.Scope>
    >()
    expectTypeOf(answer).returns.toEqualTypeOf<Effect.Effect<boolean>>()
    // @ts-expect-error no such method
    void ServerRequests.inbox(["item/telepathy"])
  })
})
