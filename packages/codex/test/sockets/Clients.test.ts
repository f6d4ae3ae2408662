/** Several clients of one server: on the real binary. */
import { Gate, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { Codex, Router, ServerRequests, type Thread } from "effect-codex"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { agentTexts, idle } from "../real/utils.ts"
import * as server from "./server.ts"

/** A client of its own. */
const client = (options: { readonly serverRequests?: ServerRequests.ServerRequestHandlers } = {}) =>
  Effect.gen(function*() {
    const { address } = yield* server.ListeningServer
    const context = yield* Layer.build(Codex.layerWebSocket({ url: address, ...options }))
    return { codex: Context.get(context, Codex.Codex), router: Context.get(context, Router.Router) }
  })

/** The moment at which a client learns that a turn of the thread runs, as a fiber: until then, it takes the thread to be idle. */
const learnsOfTurn = (thread: Thread.Thread) =>
  thread.notifications.pipe(
    Stream.filter((event) => event.method === "thread/status/changed" && event.params.status.type === "active"),
    Stream.runHead,
    Effect.forkChild({ startImmediately: true })
  )

const tool = { type: "function", name: "decide", description: "", inputSchema: { type: "object" } } as const

layer(server.layer("ws", { script: TestCodex.echo }), { excludeTestServices: true })("two clients", (it) => {
  it.effect("run turns of one thread one after the other; each gets its own", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.ScriptedModel
      const [a, b] = [yield* client(), yield* client()]
      const gate = yield* Gate.make
      const thread = yield* a.codex.threadStart()
      yield* thread.run("first")
      const joined = yield* b.codex.threadResume(thread.id)
      yield* model.clear
      yield* model.enqueue(Reply.message({ deltas: ["from ", gate, "a"] }))
      const learned = yield* learnsOfTurn(joined)
      const running = yield* thread.turn("a")
      yield* gate.arrived
      yield* Fiber.join(learned)

      const busy = yield* Effect.flip(joined.run("b", { whenBusy: "fail" }))
      assert.strictEqual(busy._tag, "ThreadBusyError")
      const waiting = yield* Effect.forkChild(joined.run("b"), { startImmediately: true })
      assert.lengthOf(yield* model.requests, 1)
      yield* gate.open
      const result = yield* Fiber.join(waiting)
      assert.notStrictEqual(result.id, running.id)
      assert.deepStrictEqual(agentTexts(result), ["b"])
      assert.deepStrictEqual(agentTexts(yield* running.run), ["from a"])
      assert.deepInclude(b.router.stats(), idle)
    }).pipe(Effect.scoped))

  it.effect("that steers the turn of the other one gets its result, and does not stop it", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.ScriptedModel
      const [a, b] = [yield* client(), yield* client()]
      const gate = yield* Gate.make
      const thread = yield* a.codex.threadStart()
      yield* thread.run("first")
      const joined = yield* b.codex.threadResume(thread.id)
      yield* model.clear
      yield* model.enqueue(Reply.message({ deltas: ["from ", gate, "a"] }), Reply.text("with b"))
      const learned = yield* learnsOfTurn(joined)
      const running = yield* thread.turn("a")
      yield* gate.arrived
      yield* Fiber.join(learned)
      const steered = yield* Effect.forkChild(joined.run("b", { whenBusy: "steer" }), { startImmediately: true })
      yield* model.awaitRequest(1)
      yield* gate.open
      const [ours, theirs] = [yield* running.run, yield* Fiber.join(steered)]
      assert.strictEqual(ours.status, "completed")
      assert.strictEqual(ours.id, theirs.id)
      assert.strictEqual(theirs.finalResponse, "with b")
      assert.deepStrictEqual(theirs.items.map(({ type }) => type), ours.items.map(({ type }) => type))
    }).pipe(Effect.scoped))

  it.effect("that watches the other one sees everything, and answers nothing", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.ScriptedModel
      const gate = yield* Deferred.make<void>()
      const a = yield* client({ serverRequests: ServerRequests.declineAll })
      const b = yield* client({
        serverRequests: ServerRequests.make({ "item/tool/call": () => Effect.die("the watching client was asked") })
      })
      const thread = yield* a.codex.threadStart({
        dynamicTools: [tool],
        serverRequests: {
          "item/tool/call": () =>
            Effect.as(Deferred.await(gate), { success: true, contentItems: [{ type: "inputText", text: "by a" }] })
        }
      })
      yield* thread.run("first")
      yield* model.clear
      yield* model.enqueue(Reply.functionCall({ name: "decide", arguments: {} }), Reply.text("done"))
      const events = yield* Effect.scoped(Effect.gen(function*() {
        const { notifications, thread: before } = yield* b.codex.threadWatch(thread.id)
        assert.lengthOf(before.turns, 1)
        const seen = yield* Effect.forkChild(
          Stream.runCollect(Stream.takeUntil(notifications, ({ method }) => method === "turn/completed")),
          { startImmediately: true }
        )
        const running = yield* Effect.forkChild(thread.run("go"))
        yield* model.awaitRequest(0)
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual((yield* Fiber.join(running)).finalResponse, "done")
        return yield* Fiber.join(seen)
      }))
      assert.include(events.map(({ method }) => method), "item/agentMessage/delta")
      assert.include(JSON.stringify((yield* model.awaitRequest(1)).body.input), "by a")
      assert.deepInclude(b.router.stats(), idle)
    }).pipe(Effect.scoped))

  it.effect("watch a thread before its first turn", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.ScriptedModel
      const [a, b] = [yield* client(), yield* client()]
      yield* model.clear
      const thread = yield* a.codex.threadStart()
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.message({ deltas: [gate, "from a"] }))
      yield* Effect.scoped(Effect.gen(function*() {
        const watched = yield* b.codex.threadWatch(thread.id)
        assert.deepStrictEqual(watched.thread.turns, [])
        const joined = yield* Deferred.make<void>()
        const message = yield* watched.notifications.pipe(
          // The server answers a client that joins a thread with this.
          Stream.tap(({ method }) =>
            method === "thread/goal/cleared" ? Deferred.succeed(joined, undefined) : Effect.void
          ),
          Stream.filter(({ method }) => method === "item/agentMessage/delta"),
          Stream.runHead,
          Effect.forkChild({ startImmediately: true })
        )
        const running = yield* Effect.forkChild(thread.run("go"))
        yield* Deferred.await(joined)
        yield* gate.open
        yield* Fiber.join(message)
        assert.strictEqual((yield* Fiber.join(running)).finalResponse, "from a")
      }))
      assert.deepInclude(b.router.stats(), idle)
    }).pipe(Effect.scoped))

  it.effect("can't watch a thread that is not loaded", () =>
    Effect.gen(function*() {
      const a = yield* client()
      const thread = yield* a.codex.threadStart()
      yield* thread.run("first")
      yield* a.codex.threadArchive(thread.id)
      yield* a.codex.threadUnarchive(thread.id)
      const error = yield* Effect.flip(Effect.scoped(a.codex.threadWatch(thread.id)))
      assert(error._tag === "InvalidInputError")
      assert.include(error.message, "not loaded")
    }).pipe(Effect.scoped))
})
