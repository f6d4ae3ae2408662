import { FakeAppServer, Fixture, Gate } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex, CodexClient, CodexError, Transport } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { createRequire } from "node:module"

const approval: FakeAppServer.QuestionParams<"item/commandExecution/requestApproval"> = {
  threadId: "thread-1",
  turnId: "turn-1",
  itemId: "item-1",
  startedAtMs: 0,
  command: "rm -rf /"
}

describe("FakeAppServer", () => {
  it.effect("has threads, and turns that play a script", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      yield* server.enqueue(["Hel", "lo."], "word by word", {
        items: [Fixture.agentMessage("first", { id: "commentary", phase: "commentary" })],
        deltas: ["done"],
        usage: Fixture.tokens({ totalTokens: 7 })
      })
      const codex = yield* Codex.Codex
      const thread = yield* codex.threadStart({ model: "gpt-5.4" })
      const started = yield* server.awaitRequest("thread/start")
      assert.strictEqual(started.params?.model, "gpt-5.4")

      assert.strictEqual((yield* thread.run("one")).finalResponse, "Hello.")
      const turn = yield* thread.turn("two")
      assert.deepStrictEqual(yield* Stream.runCollect(turn.text), ["word ", "by ", "word"])
      const three = yield* thread.run("three")
      assert.deepStrictEqual(three.items.map((item) => item.type === "agentMessage" && item.text), ["first", "done"])
      assert.strictEqual(three.usage?.last.totalTokens, 7)
      assert.strictEqual((yield* thread.run("four")).finalResponse, "Hello from the fake app-server.")
      const second = yield* server.awaitRequest("turn/start", 1)
      assert.deepStrictEqual(second.params.input, [{ type: "text", text: "two", text_elements: [] }])
    }).pipe(Effect.provide(FakeAppServer.layerCodex())))

  it.effect("fails, interrupts and steers turns", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const thread = yield* (yield* Codex.Codex).threadStart()

      yield* server.enqueue({ deltas: ["half"], error: { message: "out of luck", codexErrorInfo: "other" } })
      const failure = yield* Effect.flip(thread.run("fail"))
      assert.strictEqual(failure._tag, "TurnFailedError")

      const gate = yield* Gate.make
      yield* server.enqueue(["one ", gate, "two"])
      const turn = yield* thread.turn("wait")
      yield* gate.arrived
      yield* turn.steer("more")
      assert.strictEqual((yield* server.awaitRequest("turn/steer")).params.expectedTurnId, turn.id)
      yield* turn.interrupt
      assert.strictEqual((yield* turn.run).status, "interrupted")
      assert.strictEqual((yield* thread.run("after")).status, "completed")
      const late = yield* Effect.flip(turn.steer("too late"))
      assert.isTrue(late._tag === "CodexRpcError" && late.reason._tag === "NoActiveTurn")
    }).pipe(Effect.provide(FakeAppServer.layerCodex())))

  it.effect("stores threads", () =>
    Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const ids = Effect.map(Stream.runCollect(codex.threadList()), (threads) => threads.map(({ id }) => id))
      assert.strictEqual((yield* codex.threadResume("stored")).id, "stored")
      const fork = yield* codex.threadFork("stored")
      yield* fork.setName("a fork")
      assert.strictEqual((yield* fork.read()).name, "a fork")
      assert.strictEqual((yield* fork.read()).forkedFromId, "stored")
      assert.strictEqual((yield* fork.run("hello")).status, "completed")
      assert.lengthOf((yield* fork.read({ includeTurns: true })).turns, 2)
      assert.deepStrictEqual(yield* ids, [fork.id, "stored"])
      yield* codex.threadArchive("stored")
      assert.deepStrictEqual(yield* ids, [fork.id])
      const archived = yield* Effect.flip(codex.threadResume("stored"))
      assert.isTrue(archived._tag === "CodexRpcError" && archived.reason._tag === "ThreadArchived")
      yield* codex.threadUnarchive("stored")
      yield* codex.threadDelete(fork.id)
      assert.deepStrictEqual(yield* ids, ["stored"])
      const refusals: ReadonlyArray<Effect.Effect<void, CodexError.CodexError>> = [
        Effect.asVoid(codex.threadResume("nobody")),
        Effect.asVoid(codex.thread("nobody").run("hello"))
      ]
      for (const refused of refusals) {
        const error = yield* Effect.flip(refused)
        assert.isTrue(error._tag === "CodexRpcError" && error.reason._tag === "ThreadNotFound")
      }
      yield* (yield* codex.threadStart()).compact
    }).pipe(Effect.provide(FakeAppServer.layerCodex({ threads: ["stored"] }))))

  it.effect("lets handlers answer, refuse, extend the default, or send what the types forbid", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const client = yield* CodexClient.CodexClient
      yield* server.on("model/list", () => ({ data: [], nextCursor: "next" }))
      assert.deepStrictEqual((yield* client.request("model/list", {})).nextCursor, "next")
      yield* server.on("model/list", ({ cursor }) =>
        cursor === "gone"
          ? Effect.fail(new FakeAppServer.RpcError({ code: -32600, message: "no such page", data: { cursor } }))
          : Effect.succeed(FakeAppServer.verbatim({ data: "none" })))
      const refused = yield* Effect.flip(client.request("model/list", { cursor: "gone" }))
      assert.isTrue(refused._tag === "CodexRpcError" && refused.serverMessage === "no such page")
      assert.strictEqual((yield* Effect.flip(client.request("model/list", {})))._tag, "CodexDecodeError")
      yield* server.on("model/list", () => Effect.die(new Error("oops")))
      const died = yield* Effect.flip(client.request("model/list", {}))
      assert.isTrue(died._tag === "CodexRpcError" && died.code === -32603 && died.serverMessage.includes("oops"))

      const gate = yield* Gate.make
      yield* server.on("thread/start", (_, { byDefault }) => Effect.andThen(gate.pass, byDefault))
      const fiber = yield* Effect.forkChild((yield* Codex.Codex).threadStart())
      yield* gate.arrived
      assert.isUndefined(fiber.pollUnsafe())
      yield* gate.open
      assert.strictEqual((yield* Fiber.join(fiber)).id, "thread-1")

      yield* server.on("account/logout", () => Effect.never)
      const byHand = yield* Effect.forkChild(client.request("account/logout"))
      const { id } = yield* server.awaitRequest("account/logout")
      yield* server.respond(id, {})
      assert.deepStrictEqual(yield* Fiber.join(byHand), {})

      const unknown = yield* Effect.flip(client.request("fs/copy", { sourcePath: "/a", destinationPath: "/b" }))
      assert.isTrue(unknown._tag === "CodexRpcError" && unknown.reason._tag === "MethodNotFound")
    }).pipe(Effect.provide(FakeAppServer.layerCodex())))

  it.effect("sends requests to the client, and withdraws them", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const client = yield* CodexClient.CodexClient
      assert.deepStrictEqual(yield* server.ask("item/commandExecution/requestApproval", approval), {
        decision: "decline"
      })
      const unknown = yield* Effect.flip(server.ask("future/question", { any: "thing" }))
      assert.isTrue(unknown._tag === "RpcError" && unknown.code === -32601)
      const invalid = yield* Effect.flip(server.ask("item/tool/call", FakeAppServer.verbatim({})))
      assert.isTrue(invalid._tag === "RpcError" && invalid.code === -32602)

      const resolved = yield* client.notifications.pipe(Stream.runHead, Effect.forkChild({ startImmediately: true }))
      const asking = yield* server.ask("item/tool/requestUserInput", { ...approval, questions: [] }, { id: "q" }).pipe(
        Effect.forkChild({ startImmediately: true })
      )
      yield* Fiber.interrupt(asking)
      const event = yield* Fiber.join(resolved)
      assert.deepStrictEqual(event._tag === "Some" && event.value.raw, {
        method: "serverRequest/resolved",
        params: { threadId: "thread-1", requestId: "q" }
      })
    }).pipe(Effect.provide(FakeAppServer.layerCodex())))

  it.effect("sends notifications, typed and raw, and records every message", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const client = yield* CodexClient.CodexClient
      const events = yield* client.notifications.pipe(
        Stream.take(4),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* server.notify("warning", { threadId: null, message: "careful" })
      yield* server.notify("future/event", { any: "thing" })
      yield* server.notifyAll([Fixture.turnStarted("thread-1", "turn-1")])
      yield* server.write(`{"method":"warn`)
      yield* server.write(new TextEncoder().encode(`ing","params":{"message":"héllo"}}\n`))
      assert.deepStrictEqual((yield* Fiber.join(events)).map(({ method }) => method), [
        "warning",
        "$unknown",
        "turn/started",
        "warning"
      ])
      assert.deepStrictEqual((yield* server.received).map(({ method }) => method), ["initialize", "initialized"])
      assert.deepStrictEqual((yield* server.requests).map(({ method }) => method), ["initialize"])
      assert.deepStrictEqual(yield* server.awaitMessage(({ method }) => method === "initialized"), {
        method: "initialized"
      })
    }).pipe(Effect.provide(FakeAppServer.layerCodex())))

  it.effect("crashes, and accepts a new connection", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const codex = yield* Codex.Codex
      const thread = yield* codex.threadStart()
      yield* thread.run("one")
      const asking = yield* server.ask("item/commandExecution/requestApproval", approval).pipe(
        Effect.flip,
        Effect.forkChild
      )
      yield* server.on("model/list", () => Effect.never)
      const waiting = yield* Effect.forkChild(Effect.flip(Stream.runCollect(codex.models())))
      yield* server.awaitRequest("model/list")
      yield* server.crash()
      const error = yield* Fiber.join(waiting)
      assert.isTrue(
        CodexError.isRetryable(error) && error._tag === "CodexConnectionError" && error.reason._tag === "Exited"
          && error.reason.signal === "SIGKILL"
      )
      assert.strictEqual((yield* Fiber.join(asking))._tag, "CodexConnectionError")

      assert.strictEqual((yield* thread.run("two")).status, "completed")
      assert.strictEqual(yield* server.connections, 2)
      const resumed = yield* server.awaitRequest("thread/resume")
      assert.strictEqual(resumed.connection, 2)
    }).pipe(
      Effect.provide(
        FakeAppServer.layerCodex({
          client: {
            restart: Schedule.recurs(1),
            serverRequests: { "item/commandExecution/requestApproval": () => Effect.never }
          }
        })
      )
    ))

  it.effect("closes the connection of a client that sends no JSON", () =>
    Effect.gen(function*() {
      const { connect } = yield* Transport.Transport
      const { receive, send } = yield* connect
      yield* send("hello")
      const error = yield* Effect.flip(receive(() => undefined))
      assert.isTrue(error.reason._tag === "Disconnected" && error.cause instanceof SyntaxError)
    }).pipe(Effect.provide(FakeAppServer.layer())))

  it("has the pinned version", () => {
    assert.strictEqual(Fixture.version, createRequire(import.meta.url)("@openai/codex/package.json").version)
  })

  it.effect("reports the version in its options", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Codex.Codex).metadata.serverVersion, "0.150.0")
    }).pipe(Effect.provide(FakeAppServer.layerCodex({ version: "0.150.0" }))))
})
