/** Capabilities after a lost connection, on old servers, and when their events can't be read. */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import { FakeAppServer } from "@effect-codex/testing"
import { assert, describe } from "@effect/vitest"
import { Codex, Router } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { inBackground, scenario } from "./scenario.ts"

const setup = Effect.all({ codex: Codex.Codex, server: FakeAppServer.FakeAppServer })

const restarting = { client: { restart: Schedule.spaced("1 second") } }

/** Runs a stream beside the test. Returns an Effect that takes its next value, and the fiber. */
const following = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.gen(function*() {
    const values = yield* Queue.unbounded<A>()
    const fiber = yield* inBackground(Stream.runForEach(stream, (value) => Queue.offer(values, value)))
    return { next: Queue.take(values), fiber }
  })

const crash = Effect.gen(function*() {
  const server = yield* FakeAppServer.FakeAppServer
  yield* server.crash()
  yield* TestClock.adjust("1 second")
})

const window = (usedPercent: number) => ({ usedPercent, resetsAt: 1_900_000_000, windowDurationMins: 300 })

const limits = (usedPercent: number): Protocol.GetAccountRateLimitsResponse => {
  const codex = { limitId: "codex", planType: "pro", primary: window(usedPercent), secondary: window(1) }
  return { rateLimits: codex, rateLimitsByLimitId: { codex } }
}

const refused = () => Effect.fail(new FakeAppServer.RpcError({ code: -32600, message: "not logged in" }))

describe("usage limits", () => {
  scenario(
    "merge updates, which are sparse, and are read again after a login and a lost connection",
    () =>
      Effect.gen(function*() {
        const { codex, server } = yield* setup
        yield* server.on("account/rateLimits/read", () => limits(10))
        const { fiber, next } = yield* following(codex.rateLimits.changes)
        assert.deepStrictEqual(yield* next, limits(10))

        yield* server.notify("account/rateLimits/updated", {
          rateLimits: { limitId: "codex", planType: null, primary: window(20), secondary: null }
        })
        assert.deepStrictEqual(yield* next, limits(20))
        const other = { limitId: "other", limitName: "Other", primary: window(30) }
        yield* server.notify("account/rateLimits/updated", { rateLimits: other })
        const both = yield* next
        assert.deepStrictEqual(both.rateLimits, limits(20).rateLimits)
        assert.deepStrictEqual(both.rateLimitsByLimitId?.["other"], other)

        yield* server.on("account/rateLimits/read", () => limits(40))
        yield* server.notify("account/updated", { authMode: "chatgpt", planType: "pro" })
        assert.deepStrictEqual(yield* next, limits(40))
        yield* crash
        assert.deepStrictEqual(yield* next, limits(40))
        yield* server.notify("account/rateLimits/updated", { rateLimits: { primary: window(50) } })
        assert.deepStrictEqual(yield* next, limits(50))
        yield* Fiber.interrupt(fiber)
      }),
    restarting
  )

  scenario("fail when no other connection follows, and when the server refuses", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      yield* server.on("account/rateLimits/read", () => limits(10))
      const { fiber, next } = yield* following(codex.rateLimits.changes)
      yield* next
      yield* server.on("account/rateLimits/read", refused)
      yield* server.notify("account/updated", { authMode: null, planType: null })
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "CodexRpcError")
      yield* server.on("account/rateLimits/read", () => limits(10))
      const again = yield* following(codex.rateLimits.changes)
      yield* again.next
      yield* server.crash()
      assert.strictEqual((yield* Effect.flip(Fiber.join(again.fiber)))._tag, "CodexConnectionError")
    }))
})

const run = (id: string): Protocol.HookRunSummary => ({
  id,
  eventName: "stop",
  handlerType: "command",
  executionMode: "sync",
  scope: "thread",
  sourcePath: "/config.toml",
  displayOrder: 0,
  status: "running",
  startedAt: 0,
  entries: []
})

describe("skills and hooks", () => {
  scenario(
    "skills are read again after a lost connection, also one that is lost meanwhile",
    () =>
      Effect.gen(function*() {
        const { codex, server } = yield* setup
        let reads = 0
        yield* server.on("skills/list", () => ({ data: [{ cwd: `read ${++reads}`, skills: [], errors: [] }] }))
        const { fiber, next } = yield* following(codex.skills.changes({ cwds: ["/a"] }))
        assert.strictEqual((yield* next)[0]?.cwd, "read 1")
        yield* server.notify("skills/changed", {})
        assert.strictEqual((yield* next)[0]?.cwd, "read 2")
        yield* server.on("skills/list", () => Effect.never)
        yield* server.notify("skills/changed", {})
        yield* server.awaitRequest("skills/list", 2)
        yield* server.on("skills/list", () => ({ data: [{ cwd: "after", skills: [], errors: [] }] }))
        yield* crash
        assert.strictEqual((yield* next)[0]?.cwd, "after")
        assert.deepStrictEqual((yield* server.awaitRequest("skills/list", 3)).params, { cwds: ["/a"] })
        yield* Fiber.interrupt(fiber)
      }),
    restarting
  )

  scenario("runs of hooks go on after a lost connection", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      const { fiber, next } = yield* following(codex.hooks.runs)
      yield* server.notify("hook/started", { threadId: "a", turnId: null, run: run("one") })
      assert.strictEqual((yield* next).params.run.id, "one")
      const router = yield* Router.Router
      const subscribers = (count: number) =>
        Effect.repeat(Effect.yieldNow, { until: () => router.stats().subscribers === count })
      yield* server.crash()
      yield* subscribers(0)
      yield* TestClock.adjust("1 second")
      yield* subscribers(1)
      yield* server.notify("hook/completed", { threadId: "a", turnId: "t", run: run("two") })
      assert.deepInclude(yield* next, { method: "hook/completed" })
      yield* Fiber.interrupt(fiber)
    }), restarting)

  scenario("runs of hooks fail when no other connection follows", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      const { fiber } = yield* following(codex.hooks.runs)
      yield* server.crash()
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "CodexConnectionError")
    }))
})

describe("capabilities of a thread", () => {
  scenario(
    "the queue and the terminals are read again on each connection, and equal lists in between are one",
    () =>
      Effect.gen(function*() {
        const { codex, server } = yield* setup
        const thread = yield* codex.threadStart()
        let ids = ["a"]
        yield* server.on(
          "thread/queue/list",
          () => ({ data: ids.map((id) => ({ id, clientUserMessageId: id, input: [] })), nextCursor: null })
        )
        yield* server.on("thread/backgroundTerminals/list", () => ({ data: [], nextCursor: null }))
        const queue = yield* following(Stream.map(thread.queue.changes, (list) => list.map(({ id }) => id).join()))
        const terminals = yield* following(thread.backgroundTerminals.changes)
        assert.strictEqual(yield* queue.next, "a")
        assert.deepStrictEqual(yield* terminals.next, [])
        const changed = { method: "thread/queue/changed", params: { threadId: thread.id } } as const
        yield* server.notifyAll([changed])
        yield* server.awaitRequest("thread/queue/list", 1)
        ids = ["a", "b"]
        yield* server.notifyAll([changed])
        assert.strictEqual(yield* queue.next, "a,b")
        ids = ["b"]
        yield* crash
        assert.strictEqual(yield* queue.next, "b")
        assert.deepStrictEqual(yield* terminals.next, [])
        yield* Fiber.interruptAll([queue.fiber, terminals.fiber])
        yield* server.notifyAll([{ method: "thread/closed", params: { threadId: thread.id } }])
        yield* thread.setName("closed")
      }),
    restarting
  )

  scenario("fail when no other connection follows", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      const thread = yield* codex.threadStart()
      yield* server.on("thread/queue/list", () => ({ data: [], nextCursor: null }))
      const { fiber, next } = yield* following(thread.queue.changes)
      yield* next
      yield* server.crash()
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "CodexConnectionError")
    }))
})

/** Lets a server accept search sessions. */
const serve = (server: FakeAppServer.FakeAppServer["Service"]) =>
  Effect.forEach(
    ["Start", "Update", "Stop"] as const,
    (method) => server.on(`fuzzyFileSearch/session${method}`, () => ({}))
  )

describe("a search of files", () => {
  scenario("starts again on each connection, with its query", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      yield* serve(server)
      const session = yield* codex.search.fileSession({ roots: ["."] })
      const { next } = yield* following(session.changes)
      assert.strictEqual((yield* next).query, "")
      yield* session.query("a")
      yield* crash
      const { params } = yield* server.awaitRequest("fuzzyFileSearch/sessionUpdate", 1)
      assert.deepInclude(params, { query: "a" })
      const sessionId = String(Object(params).sessionId)
      yield* server.notify("fuzzyFileSearch/sessionUpdated", { sessionId, query: "a", files: [] })
      assert.strictEqual((yield* next).query, "a")
    }).pipe(Effect.scoped), restarting)

  scenario("fails when no other connection follows", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      yield* serve(server)
      const session = yield* codex.search.fileSession({ roots: ["."] })
      const { fiber } = yield* following(session.changes)
      yield* server.crash()
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "CodexConnectionError")
    }).pipe(Effect.scoped))
})

const status = (name: string, more: Partial<Protocol.McpServerStatus> = {}): Protocol.McpServerStatus => ({
  name,
  authStatus: "unsupported",
  tools: {},
  resources: [],
  resourceTemplates: [],
  ...more
})

describe("MCP servers", () => {
  scenario(
    "of a thread of another client start as their status says, and follow updates meanwhile",
    () =>
      Effect.gen(function*() {
        const { codex, server } = yield* setup
        yield* server.on("mcpServerStatus/list", () => Effect.never)
        const { fiber, next } = yield* following(codex.mcp.startup("other"))
        yield* server.awaitRequest("mcpServerStatus/list")
        yield* server.notify("mcpServer/startupStatus/updated", { name: "a", status: "starting", threadId: "other" })
        yield* server.notify("mcpServer/startupStatus/updated", { name: "z", status: "ready", threadId: "third" })
        assert.deepStrictEqual(yield* next, [{ name: "a", status: "starting", error: null }])
        yield* server.on("mcpServerStatus/list", () => ({
          data: [
            status("a", { runtimeStatus: "connected" }),
            status("b", { runtimeStatus: "authenticationRequired", toolsError: "log in" }),
            status("c", { runtimeStatus: "notStarted" }),
            status("d"),
            status("e", { toolsError: "broken" }),
            status("f", { runtimeStatus: "disabled" })
          ]
        }))
        yield* crash
        assert.deepStrictEqual(yield* next, [
          { name: "a", status: "ready", error: null },
          { name: "b", status: "failed", error: "log in" },
          { name: "c", status: "starting", error: null },
          { name: "d", status: "ready", error: null },
          { name: "e", status: "failed", error: "broken" },
          { name: "f", status: "cancelled", error: null }
        ])
        // Old servers do not name the thread.
        yield* server.notify("mcpServer/startupStatus/updated", { name: "c", status: "ready" })
        assert.deepStrictEqual((yield* next)[2], { name: "c", status: "ready", error: null })
        yield* Fiber.interrupt(fiber)
      }),
    restarting
  )

  scenario("are listed page by page, and a single one on servers that list all", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      yield* server.on("mcpServerStatus/list", ({ cursor }) =>
        cursor === undefined || cursor === null
          ? { data: [status("a")], nextCursor: "next" }
          : { data: [status("b")], nextCursor: null })
      assert.deepStrictEqual((yield* codex.mcp.status()).map(({ name }) => name), ["a", "b"])
      assert.deepStrictEqual((yield* codex.mcp.status({ server: "b" })).map(({ name }) => name), ["b"])
    }))

  scenario("need a server that knows the option", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      const threadId = "thread"
      for (
        const [needs, call] of [
          ["0.140.0", codex.mcp.status({ threadId })],
          ["0.140.0", Stream.runDrain(codex.mcp.startup(threadId))],
          ["0.150.0", codex.mcp.login("docs", { threadId })],
          ["0.169.0", codex.hooks.list({ threadId })]
        ] as const
      ) assert.deepInclude(yield* Effect.flip(call), { _tag: "UnsupportedByServerError", feature: "threadId", needs })
      const wrong = yield* Effect.flip(codex.mcp.login("docs", { timeout: 0 }))
      assert.deepInclude(wrong, { _tag: "InvalidInputError", field: "timeout" })
      assert.deepStrictEqual((yield* server.requests).map(({ method }) => method), ["initialize"])
    }), { version: "0.130.0" })

  const authorizationUrl = "https://example.com/login"

  scenario("a login ends with its own completion, which may come before its response", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      const completed = (loginId: string | null, success: boolean) =>
        server.notify("mcpServer/oauthLogin/completed", {
          name: "docs",
          loginId,
          success,
          error: success ? null : "no"
        })
      yield* server.on("mcpServer/oauth/login", () =>
        Effect.as(
          Effect.andThen(completed("another", true), completed("mine", false)),
          { authorizationUrl, loginId: "mine" }
        ))
      const login = yield* codex.mcp.login("docs", { scopes: ["read"], timeout: "1500 millis" })
      assert.deepInclude(login, { server: "docs", authorizationUrl })
      assert.deepInclude(yield* login.wait, { success: false, error: "no" })
      assert.deepStrictEqual((yield* server.awaitRequest("mcpServer/oauth/login")).params, {
        name: "docs",
        scopes: ["read"],
        timeoutSecs: 2
      })
      // Servers before 0.169 have no ids.
      yield* server.on("mcpServer/oauth/login", () => ({ authorizationUrl }))
      const old = yield* codex.mcp.login("docs")
      yield* server.notify("mcpServer/oauthLogin/completed", { name: "other", success: false })
      yield* server.notify("mcpServer/oauthLogin/completed", { name: "docs", success: true })
      assert.isTrue((yield* old.wait).success)
    }))

  scenario("a login on a thread hears of it there, and fails with the connection", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      yield* server.on("mcpServer/oauth/login", () => ({ authorizationUrl, loginId: "mine" }))
      const login = yield* codex.mcp.login("docs", { threadId: "thread" })
      yield* server.notify("mcpServer/oauthLogin/completed", {
        name: "docs",
        threadId: "thread",
        loginId: "mine",
        success: true
      })
      assert.isTrue((yield* login.wait).success)
      const lost = yield* codex.mcp.login("docs")
      yield* server.crash()
      assert.strictEqual((yield* Effect.flip(lost.wait))._tag, "CodexConnectionError")
    }))
})
