import { FakeAppServer, Fixture, Gate } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex, CodexClient, CodexError, Router } from "effect-codex"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { idle, inBackground, scenario } from "./scenario.ts"

const setup = Effect.gen(function*() {
  const server = yield* FakeAppServer.FakeAppServer
  const client = yield* CodexClient.CodexClient
  return { server, client }
})

const countOf = (server: FakeAppServer.Service, method: string) =>
  Effect.map(server.requests, (requests) => requests.filter((request) => request.method === method).length)

const overloadedInData = (data: unknown) => new FakeAppServer.RpcError({ code: -32000, message: "try later", data })

describe("requests", () => {
  scenario("are in flight at the same time, and answered in any order", () =>
    Effect.gen(function*() {
      const { client, server } = yield* setup
      yield* server.on("model/list", () => Effect.never)
      const cursors = Array.from({ length: 50 }, (_, index) => `page ${index}`)
      const fiber = yield* Effect.forEach(cursors, (cursor) => client.request("model/list", { cursor }), {
        concurrency: "unbounded"
      }).pipe(inBackground)
      yield* server.awaitRequest("model/list", 49)
      const requests = (yield* server.requests).filter(({ method }) => method === "model/list")
      for (const { id, message } of requests.toReversed()) {
        yield* server.respond(id, { data: [], nextCursor: (message["params"] as { readonly cursor: string }).cursor })
      }
      assert.deepStrictEqual((yield* Fiber.join(fiber)).map(({ nextCursor }) => nextCursor), cursors)
    }))

  scenario("have ids of their own, and leave out parameters that are not given", () =>
    Effect.gen(function*() {
      const { client, server } = yield* setup
      yield* server.on("account/logout", () => ({}))
      yield* client.request("account/logout")
      yield* client.request("model/list", { limit: 3, cursor: undefined })
      const [initialize, logout, list] = yield* server.requests
      assert.notInclude(Object.keys(logout!.message), "params")
      assert.deepStrictEqual(list!.message["params"], { limit: 3 })
      assert.strictEqual(new Set([initialize!.id, logout!.id, list!.id]).size, 3)
      assert.notInclude(Object.keys(list!.message), "jsonrpc")
    }))

  scenario(
    "can be answered twice, late, or without having been asked: nobody is disturbed",
    () =>
      Effect.gen(function*() {
        const { client, server } = yield* setup
        const router = yield* Router.Router
        yield* server.on(
          "model/list",
          (_, { byDefault, id }) => Effect.andThen(server.respond(id, { data: [], nextCursor: "first" }), byDefault)
        )
        assert.strictEqual((yield* client.request("model/list", {})).nextCursor, "first")
        yield* server.respond(123_456_789, {})
        yield* server.respond("a text", {})
        yield* server.refuse(987_654_321, FakeAppServer.overloaded)
        yield* server.write(`{"id":null,"result":{}}\n{"id":{},"error":{}}\n{"id":1e999,"result":{}}\n`)

        yield* server.on("account/logout", () => Effect.never)
        const waiting = yield* inBackground(client.request("account/logout"))
        const { id } = yield* server.awaitRequest("account/logout")
        yield* Fiber.interrupt(waiting)
        yield* idle
        yield* server.respond(id, {})
        yield* client.request("account/read", {})
        assert.strictEqual(router.stats().strayAnswers, 8)
      })
  )

  scenario("with an error that is null have succeeded", () =>
    Effect.gen(function*() {
      const { client, server } = yield* setup
      yield* server.on("account/logout", (_, { id }) =>
        Effect.andThen(server.write(`{"id":${id},"result":{},"error":null}\n`), Effect.never))
      assert.deepStrictEqual(yield* client.request("account/logout"), {})
    }))

  scenario("fail with the server's error, whatever it looks like", () =>
    Effect.gen(function*() {
      const { client, server } = yield* setup
      const table: ReadonlyArray<readonly [error: unknown, code: number, message: string]> = [
        [{ code: -32600, message: "no", data: { why: 1 } }, -32600, "no"],
        [{ code: 7 }, 7, "the server sent no message"],
        [{ message: "no code" }, -32000, "no code"],
        ["a text", -32000, "the server sent no message"],
        [{ code: "7", message: 7 }, -32000, "the server sent no message"],
        [[], -32000, "the server sent no message"],
        [false, -32000, "the server sent no message"]
      ]
      for (const [error, code, message] of table) {
        yield* server.on("account/logout", (_, { id }) =>
          Effect.andThen(server.write(Fixture.line({ id, error })), Effect.never))
        const failure = yield* Effect.flip(client.request("account/logout"))
        assert.isTrue(failure._tag === "CodexRpcError" && failure.code === code && failure.serverMessage === message)
      }
    }))

  scenario("fail when they are not answered in time: the client's, or their own", () =>
    Effect.gen(function*() {
      const { client, server } = yield* setup
      yield* server.on("model/list", () => Effect.never)
      const own = yield* inBackground(Effect.flip(client.request("model/list", {}, { timeout: "1 second" })))
      const common = yield* inBackground(Effect.flip(client.request("model/list", {})))
      yield* server.awaitRequest("model/list", 1)
      yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(own)
      assert.isTrue(error._tag === "CodexTimeoutError" && error.method === "model/list" && error.timeoutMs === 1000)
      assert.include(error.message, "1s")
      yield* TestClock.adjust("3999 millis")
      assert.isUndefined(common.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Fiber.join(common))._tag, "CodexTimeoutError")
    }), { client: { requestTimeout: "5 seconds" } })

  scenario("that JSON can't say are refused before anything is sent", () =>
    Effect.gen(function*() {
      const { client, server } = yield* setup
      const circular: Record<string, unknown> = {}
      circular["self"] = circular
      for (const limit of [1n, circular]) {
        const error = yield* Effect.flip(client.request("model/list", { limit: limit as never }))
        assert.isTrue(error._tag === "InvalidInputError" && error.message.startsWith("model/list"))
        assert.strictEqual((yield* Effect.flip(client.notify("any", limit)))._tag, "InvalidInputError")
      }
      yield* idle
      assert.strictEqual(yield* countOf(server, "model/list"), 0)
    }))

  scenario("of a method that only a newer server knows have its result as it is", () =>
    Effect.gen(function*() {
      const { client, server } = yield* setup
      yield* server.on("future/method", () => FakeAppServer.verbatim({ anything: [1] }))
      const result = yield* client.request("future/method" as "model/list", {})
      assert.deepStrictEqual<unknown>(result, { anything: [1] })
      const error = yield* Effect.flip(client.request("toString" as "model/list", {}))
      assert.strictEqual(error._tag, "CodexRpcError")
    }))

  scenario("with a timeout that is none are refused before anything is sent", () =>
    Effect.gen(function*() {
      const { client, server } = yield* setup
      const error = yield* Effect.flip(client.request("model/list", {}, { timeout: "soon" as never }))
      assert.isTrue(error._tag === "InvalidInputError" && error.field === "timeout")
      assert.include(error.message, "10 seconds")
      assert.strictEqual(yield* countOf(server, "model/list"), 0)
    }))

  scenario("without an answer: notifications are sent as they are", () =>
    Effect.gen(function*() {
      const { client, server } = yield* setup
      yield* client.notify("custom/event", { text: "line\nbreak 😀" })
      yield* client.notify("custom/plain")
      assert.deepStrictEqual(yield* server.awaitMessage(({ method }) => method === "custom/event"), {
        method: "custom/event",
        params: { text: "line\nbreak 😀" }
      })
      assert.deepStrictEqual(yield* server.awaitMessage(({ method }) => method === "custom/plain"), {
        method: "custom/plain"
      })
    }))

  it.effect("carry the trace of the span that they are made in", () =>
    Effect.gen(function*() {
      const { client, server } = yield* setup
      const span = yield* Effect.currentSpan
      yield* client.request("model/list", {})
      const { message } = yield* server.awaitRequest("model/list")
      const { traceparent } = message["trace"] as { readonly traceparent: string }
      assert.match(traceparent, new RegExp(`^00-${span.traceId.padStart(32, "0")}-[0-9a-f]{16}-0[01]$`))
    }).pipe(Effect.withSpan("test"), Effect.provide(FakeAppServer.layerCodex())))
})

describe("an overloaded server", () => {
  scenario("is asked again twice, with back-off, whatever was asked", () =>
    Effect.gen(function*() {
      const { server } = yield* setup
      const codex = yield* Codex.Codex
      yield* server.on("thread/start", () => Effect.fail(FakeAppServer.overloaded))
      const fiber = yield* inBackground(Effect.flip(codex.threadStart()))
      yield* server.awaitRequest("thread/start", 0)
      yield* TestClock.adjust("190 millis")
      assert.strictEqual(yield* countOf(server, "thread/start"), 1)
      yield* TestClock.adjust("110 millis")
      yield* server.awaitRequest("thread/start", 1)
      yield* TestClock.adjust("290 millis")
      assert.strictEqual(yield* countOf(server, "thread/start"), 2)
      yield* TestClock.adjust("310 millis")
      yield* server.awaitRequest("thread/start", 2)
      const error = yield* Fiber.join(fiber)
      assert.isTrue(
        error._tag === "CodexRpcError" && error.reason._tag === "Overloaded" && CodexError.isRetryable(error)
      )
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* countOf(server, "thread/start"), 3)
    }))

  scenario("is not asked again by all at the same moment", () =>
    Effect.gen(function*() {
      const { client, server } = yield* setup
      yield* server.on("model/list", () => Effect.fail(FakeAppServer.overloaded))
      const asking = yield* Effect.forEach(Array.from({ length: 40 }), () =>
        inBackground(Effect.exit(client.request("model/list", {}))))
      yield* server.awaitRequest("model/list", 39)
      yield* TestClock.adjust("249 millis")
      // When this is answered, everything that was sent before has arrived.
      yield* client.request("account/read", {})
      const early = (yield* countOf(server, "model/list")) - 40
      assert.isTrue(0 < early && early < 40, `${early} of 40 came back before 250 ms`)
      yield* Effect.forEach(asking, Fiber.interrupt)
    }))

  scenario("that recovers is asked no more; a turn starts once", () =>
    Effect.gen(function*() {
      const { server } = yield* setup
      const thread = yield* (yield* Codex.Codex).threadStart()
      yield* server.on("turn/start", (_, { byDefault }) =>
        Effect.flatMap(countOf(server, "turn/start"), (count) =>
          count === 1 ? Effect.fail(FakeAppServer.overloaded) : byDefault))
      const fiber = yield* inBackground(thread.run("go"))
      yield* server.awaitRequest("turn/start")
      yield* TestClock.adjust("300 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).status, "completed")
      assert.strictEqual(yield* countOf(server, "turn/start"), 2)
    }))

  for (
    const data of [
      { codexErrorInfo: "serverOverloaded" },
      { codex_error_info: "server_overloaded" },
      ["x", { errorInfo: ["SERVER_OVERLOADED"] }],
      "server_overloaded"
    ]
  ) {
    scenario(
      `that says so in the data is asked again what does no harm: ${JSON.stringify(data)}`,
      () =>
        Effect.gen(function*() {
          const { client, server } = yield* setup
          yield* server.on("model/list", () => Effect.fail(overloadedInData(data)))
          yield* server.on("thread/start", () => Effect.fail(overloadedInData(data)))
          const harmless = yield* inBackground(Effect.flip(client.request("model/list", {})))
          yield* server.awaitRequest("model/list")
          yield* TestClock.adjust("300 millis")
          yield* TestClock.adjust("600 millis")
          const error = yield* Fiber.join(harmless)
          assert.isTrue(error._tag === "CodexRpcError" && error.reason._tag === "Overloaded")
          assert.strictEqual(yield* countOf(server, "model/list"), 3)

          const harmful = yield* Effect.flip(client.request("thread/start", {}))
          assert.isTrue(harmful._tag === "CodexRpcError" && harmful.reason._tag === "Overloaded")
          assert.strictEqual(yield* countOf(server, "thread/start"), 1)
        })
    )
  }

  scenario("is not asked again with `retry: false`", () =>
    Effect.gen(function*() {
      const { client, server } = yield* setup
      yield* server.on("model/list", () => Effect.fail(FakeAppServer.overloaded))
      yield* Effect.flip(client.request("model/list", {}, { retry: false }))
      assert.strictEqual(yield* countOf(server, "model/list"), 1)
    }))

  scenario(
    "is asked again by a schedule of the caller, whatever was asked; other errors are final",
    () =>
      Effect.gen(function*() {
        const { client, server } = yield* setup
        yield* server.on("thread/start", () => Effect.fail(overloadedInData("server_overloaded")))
        yield* Effect.flip(client.request("thread/start", {}, { retry: Schedule.recurs(4) }))
        assert.strictEqual(yield* countOf(server, "thread/start"), 5)
        yield* server.on("thread/start", () => Effect.fail(new FakeAppServer.RpcError({ code: -32600, message: "no" })))
        yield* Effect.flip(client.request("thread/start", {}, { retry: Schedule.recurs(4) }))
        assert.strictEqual(yield* countOf(server, "thread/start"), 6)
      })
  )

  for (const message of ["exceeded retry limit, last status: 429", "Too many failed attempts"]) {
    scenario(`that gave up is not asked again: ${message}`, () =>
      Effect.gen(function*() {
        const { client, server } = yield* setup
        yield* server.on("model/list", () =>
          Effect.fail(new FakeAppServer.RpcError({ code: -32001, message, data: "server_overloaded" })))
        const error = yield* Effect.flip(client.request("model/list", {}))
        assert.isTrue(error._tag === "CodexRpcError" && error.reason._tag === "RetryLimitExceeded")
        assert.isTrue(CodexError.isRetryable(error))
        assert.strictEqual(yield* countOf(server, "model/list"), 1)
      }))
  }
})

describe("a lost connection", () => {
  scenario(
    "is the same error for everything that waits, and for every later call, at once",
    () =>
      Effect.gen(function*() {
        const { client, server } = yield* setup
        const codex = yield* Codex.Codex
        const thread = yield* codex.threadStart()
        const gate = yield* Gate.make
        yield* server.enqueue([gate, "never"])
        const turn = yield* thread.turn("go")
        yield* gate.arrived
        yield* server.on("model/list", () => Effect.never)
        const waiting: ReadonlyArray<Fiber.Fiber<unknown, unknown>> = [
          yield* inBackground(Effect.flip(client.request("model/list", {}))),
          yield* inBackground(Effect.flip(Stream.runCollect(codex.models()))),
          yield* inBackground(Effect.flip(turn.run)),
          yield* inBackground(Effect.flip(thread.run("waits for its turn"))),
          yield* inBackground(Effect.flip(Stream.runDrain(turn.stream))),
          yield* inBackground(Effect.flip(Stream.runDrain(thread.notifications))),
          yield* inBackground(Effect.flip(Stream.runDrain(codex.notifications))),
          yield* inBackground(Effect.flip(Stream.runDrain(client.notifications))),
          yield* inBackground(client.closed)
        ]
        yield* server.awaitRequest("model/list", 1)
        const error = new CodexError.CodexConnectionError({
          reason: { _tag: "Exited", exitCode: null, signal: "SIGKILL", stderr: "" }
        })
        yield* server.crash(error)
        for (const [index, fiber] of waiting.entries()) assert.strictEqual(yield* Fiber.join(fiber), error, `${index}`)
        yield* idle
        const later: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
          client.request("model/list", {}),
          client.notify("any"),
          codex.threadStart(),
          codex.threadResume("any"),
          thread.run("go"),
          thread.turn("go"),
          Stream.runDrain(thread.stream("go")),
          thread.compact,
          thread.read(),
          turn.steer("more"),
          turn.run,
          Stream.runDrain(client.notifications),
          Stream.runDrain(codex.notifications),
          Stream.runDrain(codex.thread("another").notifications),
          Effect.flatMap(client.closed, Effect.fail)
        ]
        for (const [index, call] of later.entries()) assert.strictEqual(yield* Effect.flip(call), error, `${index}`)
        assert.strictEqual(yield* server.connections, 1)
      })
  )

  scenario("that can't be restored fails its waiting callers", () =>
    Effect.gen(function*() {
      const { client, server } = yield* setup
      yield* server.on("initialize", () => Effect.never)
      yield* server.crash()
      yield* server.awaitRequest("initialize", 1)
      const waiting = yield* inBackground(Effect.flip(client.request("model/list", {})))
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("10 seconds")
      yield* TestClock.adjust("1 second")
      yield* server.awaitRequest("initialize", 2)
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("10 seconds")
      const error = yield* Fiber.join(waiting)
      assert.isTrue(
        error._tag === "CodexConnectionError" && error.reason._tag === "Exited" && error.reason.signal === "SIGKILL"
      )
      assert.strictEqual(yield* Effect.flip(client.request("model/list", {})), error)
      assert.strictEqual(yield* countOf(server, "model/list"), 0)
    }), {
    client: { requestTimeout: "1 hour", restart: Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 1 })) }
  })

  it.effect("by the end of the scope fails every call with `Closed`", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const services = yield* Layer.buildWithScope(FakeAppServer.layerCodex(), scope)
      const server = Context.get(services, FakeAppServer.FakeAppServer)
      const codex = Context.get(services, Codex.Codex)
      const thread = yield* codex.threadStart()
      yield* server.on("model/list", () => Effect.never)
      const waiting = yield* inBackground(Effect.flip(codex.client.request("model/list", {})))
      const watching = yield* inBackground(Effect.flip(Stream.runDrain(codex.client.notifications)))
      yield* server.awaitRequest("model/list")
      yield* Scope.close(scope, Exit.void)
      for (
        const error of [yield* Fiber.join(waiting), yield* Fiber.join(watching), yield* Effect.flip(thread.run("x"))]
      ) {
        assert.isTrue(error._tag === "CodexConnectionError" && error.reason._tag === "Closed")
        assert.include(error.message, "scope has ended")
      }
    }))
})
