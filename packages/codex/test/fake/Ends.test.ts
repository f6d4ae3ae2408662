/** How turns end that the server does not complete as it should. */
import { FakeAppServer, Fixture } from "@effect-codex/testing"
import { assert, describe } from "@effect/vitest"
import { Codex } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { inBackground, scenario } from "./scenario.ts"

const turnId = "turn-1"

/** A thread whose turn the test plays by hand. */
const setup = Effect.gen(function*() {
  const server = yield* FakeAppServer.FakeAppServer
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  const threadId = thread.id
  yield* server.on("turn/start", () => ({ turn: Fixture.turn({ id: turnId }) }))
  const status = (type: "idle" | "systemError" | "active" | "notLoaded") => ({
    method: "thread/status/changed" as const,
    params: { threadId, status: type === "active" ? { type, activeFlags: [] } : { type } }
  })
  const read = (type: "idle" | "systemError" | "active" | "notLoaded") =>
    server.on(
      "thread/read",
      () =>
        FakeAppServer.verbatim({ thread: { ...Fixture.thread({ id: threadId }), status: { type, activeFlags: [] } } })
    )
  const started = Fixture.turnStarted(threadId, turnId)
  const message = (text: string) => Fixture.itemCompleted(threadId, turnId, Fixture.agentMessage(text))
  const completed = Fixture.turnCompleted(threadId, turnId)
  // An answer comes after all that was written before.
  const settled = codex.client.request("model/list", {})
  const countOf = (method: string) =>
    Effect.map(server.requests, (all) => all.filter((request) => request.method === method).length)
  return { server, codex, thread, threadId, status, read, started, message, completed, settled, countOf }
})

describe("a turn ends as failed, with its partial result,", () => {
  for (const method of ["thread/closed", "thread/archived", "thread/deleted"] as const) {
    scenario(`when its thread does: ${method}; the thread is free`, () =>
      Effect.gen(function*() {
        const { message, server, started, thread, threadId } = yield* setup
        const run = yield* inBackground(Effect.flip(thread.run("go")))
        yield* server.awaitRequest("turn/start")
        yield* server.notifyAll([started, message("half"), { method, params: { threadId } }])
        const error = yield* Fiber.join(run)
        assert(error._tag === "TurnFailedError")
        assert.include(error.message, method)
        assert.strictEqual(error.result.finalResponse, "half")
        yield* server.on("turn/start", (_, { byDefault }) => byDefault)
        assert.strictEqual((yield* thread.run("again")).status, "completed")
      }))
  }

  for (const type of ["idle", "systemError", "notLoaded"] as const) {
    scenario(`when the thread is ${type}, and thread/read confirms it`, () =>
      Effect.gen(function*() {
        const { countOf, read, server, started, status, thread } = yield* setup
        const events = yield* inBackground(Stream.runCollect(thread.stream("go")))
        yield* server.awaitRequest("turn/start")
        yield* read("active")
        yield* server.notifyAll([started, status(type)])
        yield* thread.read()
        yield* TestClock.adjust("1 second")
        yield* server.awaitRequest("thread/read", 1)
        yield* thread.read()
        assert.isUndefined(events.pollUnsafe())
        yield* read(type)
        yield* server.notifyAll([status(type)])
        yield* thread.read()
        yield* TestClock.adjust("1 second")
        const last = (yield* Fiber.join(events)).at(-1)
        assert(last?.method === "turn/completed")
        assert.strictEqual(last.params.turn.status, "failed")
        assert.isAbove(yield* countOf("thread/read"), 0)
      }))
  }

  for (const method of ["thread/closed", "thread/status/changed"] as const) {
    scenario(`when ${method} says so before the server answers the start`, () =>
      Effect.gen(function*() {
        const { read, server, settled, started, status, thread, threadId } = yield* setup
        yield* read("idle")
        const end = method === "thread/closed" ? { method, params: { threadId } } : status("idle")
        yield* server.on("turn/start", () =>
          Effect.as(server.notifyAll([started, end]), { turn: Fixture.turn({ id: turnId }) }))
        const run = yield* inBackground(Effect.flip(thread.run("go")))
        yield* server.awaitRequest("turn/start")
        yield* settled
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(run))._tag, "TurnFailedError")
      }))
  }

  scenario("when it never begins on a thread that is idle", () =>
    Effect.gen(function*() {
      const { read, server, settled, status, thread } = yield* setup
      const run = yield* inBackground(Effect.flip(thread.run("go")))
      yield* server.awaitRequest("turn/start")
      yield* read("idle")
      yield* server.notifyAll([status("idle")])
      yield* settled
      yield* TestClock.adjust("4 seconds")
      assert.isUndefined(run.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(run))._tag, "TurnFailedError")
    }))
})

describe("a turn that completes right after its thread was reported idle", () => {
  scenario("is not looked into", () =>
    Effect.gen(function*() {
      const { completed, countOf, message, server, settled, started, status, thread } = yield* setup
      const run = yield* inBackground(thread.run("go"))
      yield* server.awaitRequest("turn/start")
      yield* server.notifyAll([started, message("one"), status("idle")])
      yield* server.notifyAll([completed])
      yield* server.notifyAll([status("active")])
      assert.strictEqual((yield* Fiber.join(run)).finalResponse, "one")
      yield* settled
      yield* TestClock.adjust("10 seconds")
      yield* settled
      assert.strictEqual(yield* countOf("thread/read"), 0)
    }))
})

describe("the answer of a turn", () => {
  scenario("is found in the completion alone", () =>
    Effect.gen(function*() {
      const { server, started, thread, threadId } = yield* setup
      const run = yield* inBackground(thread.run("go"))
      yield* server.awaitRequest("turn/start")
      const items = [Fixture.agentMessage("one", { id: "a" }), Fixture.agentMessage("two", { id: "b" })]
      const first = Fixture.itemCompleted(threadId, turnId, items[0]!)
      yield* server.notifyAll([started, first, Fixture.turnCompleted(threadId, turnId, { items })])
      const result = yield* Fiber.join(run)
      assert.strictEqual(result.finalResponse, "two")
      assert.deepStrictEqual(result.items, items)
    }))

  scenario(
    "may come a little after the completion, if it has begun; a stream ends with the completion",
    () =>
      Effect.gen(function*() {
        const { completed, message, server, settled, started, thread, threadId } = yield* setup
        const events = yield* inBackground(Stream.runCollect(thread.stream("go")))
        yield* server.awaitRequest("turn/start")
        yield* server.notifyAll([
          started,
          { method: "item/started", params: { threadId, turnId, item: Fixture.agentMessage(""), startedAtMs: 0 } },
          completed
        ])
        yield* settled
        assert.isUndefined(events.pollUnsafe())
        yield* server.notifyAll([message("late")])
        assert.deepStrictEqual((yield* Fiber.join(events)).map(({ method }) => method), [
          "turn/started",
          "item/started",
          "item/completed",
          "turn/completed"
        ])
      })
  )

  scenario("that never comes is waited for a second", () =>
    Effect.gen(function*() {
      const { completed, server, settled, thread, threadId } = yield* setup
      const run = yield* inBackground(thread.run("go"))
      yield* server.awaitRequest("turn/start")
      const begun = { threadId, turnId, item: Fixture.agentMessage(""), startedAtMs: 0 }
      yield* server.notifyAll([{ method: "item/started", params: begun }, completed])
      yield* settled
      assert.isUndefined(run.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(run)).finalResponse, null)
    }))
})

const answeringAccount = (account: unknown, requiresOpenaiAuth: boolean) => () =>
  FakeAppServer.verbatim({ account, requiresOpenaiAuth })
const threadOf = (modelProvider: string) => () =>
  FakeAppServer.verbatim({ thread: { ...Fixture.thread({ id: "thread-1" }), modelProvider } })

const logs: Array<string> = []

describe("an error after which the server tries again", () => {
  const retrying = Effect.gen(function*() {
    logs.length = 0
    const all = yield* setup
    const { server, thread, threadId } = all
    const run = yield* inBackground(Effect.exit(thread.run("go")))
    yield* server.awaitRequest("turn/start")
    const error = {
      method: "error" as const,
      params: {
        threadId,
        turnId,
        willRetry: true,
        error: { message: "Reconnecting...\u001b[31m 2/5", codexErrorInfo: null, additionalDetails: "no such host" }
      }
    }
    yield* server.notifyAll([all.started, error])
    yield* server.notifyAll([error, error])
    return { ...all, run }
  })
  scenario("is logged once for each turn, without control characters", () =>
    Effect.gen(function*() {
      const { completed, countOf, run, server, settled } = yield* retrying
      yield* server.awaitRequest("account/read")
      yield* settled
      yield* server.notifyAll([completed])
      assert.isTrue((yield* Fiber.join(run))._tag === "Success")
      assert.lengthOf(logs, 1)
      assert.match(logs[0]!, /^Warn.* turn-1 .*Reconnecting\.\.\.\\x1b\[31m 2\/5: no such host\. .*`codex.account`/)
      assert.strictEqual(yield* countOf("turn/interrupt"), 0)
    }), { logs, handlers: { "account/read": answeringAccount({ type: "apiKey" }, true) } })

  scenario(
    "is logged without keys, also where it is cut, and with ids that can be printed",
    () =>
      Effect.gen(function*() {
        logs.length = 0
        const { codex, server, settled, thread, threadId } = yield* setup
        const key = "sk-0123456789abcdef"
        yield* server.on("account/login/start", () => FakeAppServer.verbatim({ type: "apiKey" }))
        yield* codex.loginApiKey(Redacted.make(key))
        const id = "turn\u001b]0;\u009b"
        yield* server.on("turn/start", () => ({ turn: Fixture.turn({ id }) }))
        const run = yield* inBackground(thread.run("go"))
        yield* server.awaitRequest("turn/start")
        const message = `${"x".repeat(390)}${key}`
        yield* server.notifyAll([
          Fixture.turnStarted(threadId, id),
          { method: "error", params: { threadId, turnId: id, willRetry: true, error: { message } } }
        ])
        yield* server.awaitRequest("account/read")
        yield* settled
        yield* server.notifyAll([Fixture.turnCompleted(threadId, id)])
        yield* Fiber.join(run)
        assert.lengthOf(logs, 1)
        assert.notInclude(logs[0]!, "sk-")
        assert.include(logs[0]!, "turn\\x1b]0;\\x9b of")
      }),
    { logs, handlers: { "account/read": answeringAccount({ type: "apiKey" }, true) } }
  )

  scenario("fails the turn if there is no login, and the provider needs one", () =>
    Effect.gen(function*() {
      const { run, server, threadId } = yield* retrying
      yield* server.awaitRequest("turn/interrupt")
      yield* server.notifyAll([Fixture.turnCompleted(threadId, turnId, { status: "interrupted" })])
      const exit = yield* Fiber.join(run)
      assert.include(String(exit), "loginApiKey")
      assert.include(String(exit), "TurnFailedError")
    }), {
    logs,
    handlers: {
      "account/read": answeringAccount(null, true),
      "thread/read": threadOf("openai"),
      "turn/interrupt": () => ({})
    }
  })

  for (
    const [needs, provider] of [[false, "openai"], [true, "scripted"]] as const
  ) {
    scenario(`goes on where the provider may need no login: ${provider}, ${needs}`, () =>
      Effect.gen(function*() {
        const { completed, countOf, run, server, settled } = yield* retrying
        yield* server.awaitRequest(needs ? "thread/read" : "account/read")
        yield* settled
        yield* server.notifyAll([completed])
        assert.isTrue((yield* Fiber.join(run))._tag === "Success")
        assert.strictEqual(yield* countOf("turn/interrupt"), 0)
      }), { logs, handlers: { "account/read": answeringAccount(null, needs), "thread/read": threadOf(provider) } })
  }
})
