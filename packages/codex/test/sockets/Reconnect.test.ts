/** Turns that survive a lost connection: on the real binary, behind a proxy that cuts. */
import { Gate, Item, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { Codex, CodexError, type Notification } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { agentTexts } from "../real/utils.ts"
import { behindProxy, connected, until } from "./behindProxy.ts"
import * as Proxy from "./proxy.ts"
import * as server from "./server.ts"

const used = { usage: { inputTokens: 7, outputTokens: 3 } }

const textOf = (events: ReadonlyArray<Notification.Notification>): string =>
  events.flatMap((event) => event.method === "item/agentMessage/delta" ? [event.params.delta] : []).join("")

const namesOf = (events: ReadonlyArray<Notification.Notification>): ReadonlyArray<string> =>
  events.flatMap((event) =>
    event.method === "item/started" || event.method === "item/completed"
      ? [`${event.method.slice(5)} ${event.params.item.type}`]
      : event.method === "turn/started" || event.method === "turn/completed"
      ? [event.method]
      : []
  )

layer(server.layer("ws", { script: TestCodex.echo, home: { config: { features: { goals: true } } } }), {
  excludeTestServices: true
})(
  "a turn whose connection is lost",
  (it) => {
    it.effect("goes on with the queue of its thread, and with a search", () =>
      behindProxy(({ client, codex, model, proxy }) =>
        Effect.gen(function*() {
          const [first, second] = [yield* Gate.make, yield* Gate.make]
          yield* model.enqueue(Reply.after(first, Reply.text("one")), Reply.after(second, Reply.text("two")))
          const session = yield* codex.search.fileSession({ roots: [import.meta.dirname] })
          const thread = yield* codex.threadStart()
          const turn = yield* thread.turn("first")
          yield* first.arrived
          const queued = yield* thread.queue.add("second")
          const waiting = yield* thread.queue.add("third")
          const own = yield* Effect.forkChild(thread.run("own"), { startImmediately: true })
          const emptied = yield* Effect.forkChild(
            Stream.runDrain(Stream.takeUntil(thread.queue.changes, ({ length }) => length === 0)),
            { startImmediately: true }
          )
          proxy.isDown = true
          proxy.cut()
          yield* first.open
          // The queued turn starts while nobody is connected.
          yield* second.arrived
          proxy.isDown = false
          assert.strictEqual(yield* client.connected, 2)
          yield* second.open
          assert.strictEqual((yield* turn.run).finalResponse, "one")
          const started = yield* queued.turn
          assert.strictEqual((yield* started.run).finalResponse, "two")
          assert.strictEqual((yield* Effect.flatMap(waiting.turn, ({ run }) => run)).finalResponse, "third")
          assert.strictEqual((yield* Fiber.join(own)).finalResponse, "own")
          yield* Fiber.join(emptied)
          yield* session.query("Reconnect.test")
          yield* Stream.runDrain(
            Stream.takeUntil(session.changes, ({ files }) => files[0]?.path === "Reconnect.test.ts")
          )
        }).pipe(Effect.scoped)
      ))

    it.effect("leaves streams of changes running, which start again with the current value", () =>
      behindProxy(({ codex, proxy }) =>
        Effect.gen(function*() {
          const values = yield* Queue.unbounded<number>()
          const following = yield* codex.skills.changes().pipe(
            Stream.runForEach((entries) => Queue.offer(values, entries.length)),
            Effect.forkChild({ startImmediately: true })
          )
          assert.strictEqual(yield* Queue.take(values), 1)
          assert.isTrue(proxy.cut())
          assert.strictEqual(yield* Queue.take(values), 1)
          assert.isTrue(proxy.cut())
          assert.strictEqual(yield* Queue.take(values), 1)
          yield* Fiber.interrupt(following)
        })
      ))

    it.effect("in the middle of a message goes on, and its text is exact", () =>
      behindProxy(({ codex, model, proxy }) =>
        Effect.gen(function*() {
          const [first, second] = [yield* Gate.make, yield* Gate.make]
          yield* model.enqueue(Reply.message({ deltas: ["one ", first, "two ", second, "three ", "four"] }, used))
          const thread = yield* codex.threadStart()
          const turn = yield* thread.turn("go")
          const events: Array<Notification.Notification> = []
          const heard = yield* Deferred.make<void>()
          const streaming = yield* Effect.forkChild(
            Stream.runForEach(turn.stream, (event) =>
              Effect.suspend(() => {
                events.push(event)
                return event.method === "item/agentMessage/delta" ? Deferred.succeed(heard, undefined) : Effect.void
              })),
            { startImmediately: true }
          )
          const text = yield* Effect.forkChild(Stream.runCollect(turn.text), { startImmediately: true })
          yield* Deferred.await(heard)
          yield* first.arrived
          proxy.isDown = true
          assert.isTrue(proxy.cut())
          yield* first.open
          yield* second.arrived
          proxy.isDown = false
          yield* connected(codex, 2)
          yield* second.open
          const result = yield* turn.run
          yield* Fiber.join(streaming)
          assert.deepStrictEqual(agentTexts(result), ["one two three four"])
          assert.strictEqual(result.status, "completed")
          assert.isAbove(result.usage?.turn.totalTokens ?? 0, 0)
          assert.strictEqual((yield* Fiber.join(text)).join(""), "one two three four")
          assert.strictEqual(textOf(events), "one two three four")
          assert.deepStrictEqual(namesOf(events), [
            "turn/started",
            "started userMessage",
            "completed userMessage",
            "started agentMessage",
            "completed agentMessage",
            "turn/completed"
          ])
          assert.strictEqual((yield* thread.run("again")).finalResponse, "again")
        })
      ))

    it.effect("and that ends meanwhile is complete", () =>
      behindProxy(({ codex, model, proxy }) =>
        Effect.gen(function*() {
          const gate = yield* Gate.make
          yield* model.enqueue(Reply.message({ deltas: ["one ", gate, "two"] }, used))
          const thread = yield* codex.threadStart()
          const running = yield* Effect.forkChild(thread.run("go"))
          const events = yield* Effect.forkChild(Stream.runCollect(Stream.take(thread.notifications, 1000)), {
            startImmediately: true
          })
          yield* gate.arrived
          proxy.isDown = true
          proxy.cut()
          yield* gate.open
          // A client beside the proxy sees the end.
          const { address } = yield* server.ListeningServer
          yield* Codex.Codex.use((beside) => untilIdle(beside, thread.id)).pipe(
            Effect.provide(Codex.layerWebSocket({ url: address }))
          )
          proxy.isDown = false
          const result = yield* Fiber.join(running)
          assert.deepStrictEqual(agentTexts(result), ["one two"])
          assert.isAbove(result.usage?.turn.totalTokens ?? 0, 0)
          assert.isNotNull(result.completedAt)
          yield* Fiber.interrupt(events)
        })
      ))

    it.effect("while a handler decides gets one answer, from one handler", () =>
      behindProxy(({ codex, model, proxy }) =>
        Effect.gen(function*() {
          const gate = yield* Deferred.make<void>()
          const asked = yield* Deferred.make<void>()
          let runs = 0
          yield* model.enqueue(Reply.functionCall({ name: "wait", arguments: {} }), Reply.text("done"))
          const thread = yield* codex.threadStart({
            dynamicTools: [{ type: "function", name: "wait", description: "", inputSchema: { type: "object" } }],
            serverRequests: {
              "item/tool/call": () =>
                Effect.gen(function*() {
                  runs++
                  yield* Deferred.succeed(asked, undefined)
                  yield* Deferred.await(gate)
                  return { success: true, contentItems: [{ type: "inputText", text: "the answer" }] }
                })
            }
          })
          const running = yield* Effect.forkChild(thread.run("go"))
          yield* Deferred.await(asked)
          proxy.cut()
          yield* connected(codex, 2)
          proxy.cut()
          yield* connected(codex, 3)
          yield* Deferred.succeed(gate, undefined)
          assert.strictEqual((yield* Fiber.join(running)).finalResponse, "done")
          assert.strictEqual(runs, 1)
          const request = yield* model.awaitRequest(1)
          assert.include(JSON.stringify(request.body.input), "the answer")
        })
      ))

    it.effect("is answered once more when the answer of a handler is lost", () =>
      behindProxy(({ codex, model, proxy }) =>
        Effect.gen(function*() {
          let runs = 0
          const answer = "a".repeat(3_000)
          yield* model.enqueue(Reply.functionCall({ name: "wait", arguments: {} }), Reply.text("done"))
          const thread = yield* codex.threadStart({
            dynamicTools: [{ type: "function", name: "wait", description: "", inputSchema: { type: "object" } }],
            serverRequests: {
              "item/tool/call": () =>
                Effect.sync(() => {
                  runs++
                  return { success: true, contentItems: [{ type: "inputText", text: answer }] }
                })
            }
          })
          let isCut = false
          proxy.onData = (direction, data) => {
            if (isCut || direction === "down" || data.length < answer.length) return
            isCut = true
            proxy.cut()
          }
          assert.strictEqual((yield* thread.run("go")).finalResponse, "done")
          assert.isTrue(isCut)
          assert.strictEqual(runs, 1)
          assert.include(JSON.stringify((yield* model.awaitRequest(1)).body.input), answer)
        })
      ))

    it.effect("of a goal goes on too, with the turns that followed meanwhile", () =>
      behindProxy(({ codex, model, proxy }) =>
        Effect.gen(function*() {
          const [first, second] = [yield* Gate.make, yield* Gate.make]
          yield* model.enqueue(
            Reply.message({ deltas: ["one ", first, "and a half"] }),
            Reply.message({ deltas: ["two ", second, "and a half"] }),
            Reply.functionCall({ name: "update_goal", arguments: { status: "complete" } }),
            Reply.text("three")
          )
          const thread = yield* codex.threadStart()
          const goal = yield* thread.startGoal("go on")
          const events = yield* Effect.forkChild(Stream.runCollect(goal.stream), { startImmediately: true })
          yield* first.arrived
          proxy.isDown = true
          proxy.cut()
          yield* first.open
          yield* second.arrived
          proxy.isDown = false
          yield* connected(codex, 2)
          yield* second.open
          const result = yield* goal.run
          const texts = ["one and a half", "two and a half", "three"]
          assert.strictEqual(result.status, "completed")
          assert.deepStrictEqual(agentTexts(result), texts)
          assert.strictEqual(textOf(yield* Fiber.join(events)), texts.join(""))
        })
      ))

    it.effect("can be steered and interrupted afterwards, and interrupted meanwhile", () =>
      behindProxy(({ codex, model, proxy }) =>
        Effect.gen(function*() {
          const thread = yield* codex.threadStart()
          for (const when of ["afterwards", "meanwhile"] as const) {
            yield* model.clear
            const gate = yield* Gate.make
            yield* model.enqueue(Reply.message({ deltas: ["a ", gate, "b"] }))
            if (when === "afterwards") yield* model.enqueue(Reply.hang)
            const turn = yield* thread.turn("go")
            yield* gate.arrived
            if (when === "afterwards") {
              const before = proxy.connections
              proxy.cut()
              yield* until(codex, (state) => state._tag === "Connected" && state.connections > before)
              yield* turn.steer("more")
              yield* model.awaitRequest(1)
              yield* turn.interrupt
            } else {
              proxy.isDown = true
              proxy.cut()
              yield* until(codex, ({ _tag }) => _tag === "Reconnecting")
              const interrupting = yield* Effect.forkChild(turn.interrupt, { startImmediately: true })
              proxy.isDown = false
              yield* Fiber.join(interrupting)
            }
            assert.strictEqual((yield* turn.run).status, "interrupted")
          }
        })
      ))

    it.effect("is interrupted also when the request for that is lost", () =>
      behindProxy(({ codex, model, proxy }) =>
        Effect.gen(function*() {
          const gate = yield* Gate.make
          yield* model.enqueue(Reply.message({ deltas: ["a ", gate, "b"] }))
          const thread = yield* codex.threadStart()
          const turn = yield* thread.turn("go")
          yield* gate.arrived
          let isCut = false
          proxy.onData = (direction) => {
            if (isCut || direction === "down") return
            isCut = true
            proxy.cut()
          }
          yield* turn.interrupt
          assert.isTrue(isCut)
          assert.strictEqual((yield* turn.run).status, "interrupted")
        })
      ))

    it.effect("is stopped with its fiber, also while there is no connection", () =>
      behindProxy(({ codex, model, proxy }) =>
        Effect.gen(function*() {
          const gate = yield* Gate.make
          yield* model.enqueue(Reply.message({ deltas: ["a ", gate, "b"] }))
          const thread = yield* codex.threadStart()
          const running = yield* Effect.forkChild(thread.run("go"))
          yield* gate.arrived
          proxy.isDown = true
          proxy.cut()
          yield* until(codex, ({ _tag }) => _tag === "Reconnecting")
          const interrupting = yield* Effect.forkChild(Fiber.interrupt(running), { startImmediately: true })
          proxy.isDown = false
          yield* Fiber.join(interrupting)
          const { turns } = yield* Effect.repeat(codex.threadRead(thread.id, { includeTurns: true }), {
            until: ({ status }) => status.type !== "active"
          })
          assert.strictEqual(turns.at(-1)?.status, "interrupted")
        })
      ))

    it.effect("on an ephemeral thread fails with an error that says so", () =>
      behindProxy(({ codex, model, proxy }) =>
        Effect.gen(function*() {
          const gate = yield* Gate.make
          yield* model.enqueue(Reply.message({ deltas: ["a ", gate, "b"] }))
          const thread = yield* codex.threadStart({ ephemeral: true })
          const turn = yield* thread.turn("go")
          yield* gate.arrived
          proxy.cut()
          const error = yield* Effect.flip(turn.run)
          assert(error._tag === "CodexConnectionError")
          assert.strictEqual(error.reason._tag, "NotRejoined")
          assert.include(error.message, "ephemeral")
          assert.isFalse(CodexError.isRetryable(error))
          yield* gate.open
        })
      ))

    it.effect(
      "at any step of its start, is started once",
      () =>
        behindProxy(({ codex, model, proxy }) =>
          Effect.gen(function*() {
            const steps = ["written", "read", "answered", "begun"] as const
            for (const [index, step] of steps.entries()) {
              for (const isFirst of [true, false]) {
                const thread = yield* codex.threadStart()
                if (!isFirst) {
                  yield* thread.run("before")
                }
                yield* model.clear
                let isCut = false
                const cut = () => {
                  isCut = true
                  proxy.cut()
                }
                proxy.onData = (direction, data) => {
                  if (isCut) return
                  if (direction === "up") {
                    // What the client sends is masked: a turn/start is longer than what else it sends now.
                    if (step === "written" && data.length > 150) cut()
                    else if (step === "read" && data.length > 150) setTimeout(cut, 1)
                  } else if (step === "answered" && data.includes(`"status":"inProgress"`)) cut()
                  else if (step === "begun" && data.includes("item/started")) cut()
                }
                const input = `${step} ${isFirst}`
                const result = yield* thread.run(input)
                proxy.onData = () => {}
                assert.isTrue(isCut, input)
                assert.deepStrictEqual(agentTexts(result), [input])
                assert.deepStrictEqual(result.items.map(({ type }) => type), ["userMessage", "agentMessage"])
                assert.lengthOf(yield* model.requests, 1)
              }
              assert.isAtLeast(proxy.connections, index)
            }
          })
        ),
      60_000
    )

    it.effect("whose server ends too is interrupted, with what the next server has of it", () =>
      Effect.gen(function*() {
        const model = yield* ScriptedModel.ScriptedModel
        yield* model.clear
        const gate = yield* Gate.make
        yield* model.enqueue(
          Reply.make([Item.message({ text: "said. " }), Item.functionCall({ name: "no_such_tool", arguments: {} })]),
          Reply.message({ deltas: ["half", gate] })
        )
        const first = yield* server.listen("unix")
        const proxy = yield* Proxy.make(first.address)
        yield* Effect.gen(function*() {
          const codex = yield* Codex.Codex
          const thread = yield* codex.threadStart()
          const turn = yield* thread.turn("go")
          yield* gate.arrived
          proxy.isDown = true
          process.kill(first.pid, "SIGKILL")
          yield* until(codex, ({ _tag }) => _tag === "Reconnecting")
          yield* server.listen("unix")
          proxy.isDown = false
          const result = yield* turn.run
          assert.strictEqual(result.status, "interrupted")
          assert.deepStrictEqual(agentTexts(result), ["said. "])
          assert.strictEqual((yield* thread.run("again")).finalResponse, "again")
        }).pipe(Effect.provide(Codex.layerWebSocket({ url: proxy.address, reconnect: Schedule.spaced("20 millis") })))
      }).pipe(Effect.scoped))

    it.effect("for good fails with the loss, and with why there is no other connection", () =>
      behindProxy(({ codex, model, proxy }) =>
        Effect.gen(function*() {
          const gate = yield* Gate.make
          yield* model.enqueue(Reply.message({ deltas: ["a ", gate] }))
          const thread = yield* codex.threadStart()
          const turn = yield* thread.turn("go")
          const states = yield* Effect.forkChild(Stream.runCollect(codex.connection), { startImmediately: true })
          yield* gate.arrived
          proxy.isDown = true
          proxy.cut()
          const error = yield* Effect.flip(turn.run)
          assert(error._tag === "CodexConnectionError")
          assert.strictEqual(error.reason._tag, "Disconnected")
          assert.include(error.message, "Could not connect")
          assert.deepStrictEqual((yield* Fiber.join(states)).map(({ _tag }) => _tag), [
            "Connected",
            "Lost",
            "Reconnecting",
            "Reconnecting",
            "Reconnecting",
            "Lost"
          ])
          assert.strictEqual(yield* Effect.flip(thread.read()), error)
          assert.strictEqual(yield* codex.client.closed, error)
          yield* gate.open
        }), { reconnect: Schedule.spaced("10 millis").pipe(Schedule.upTo({ times: 2 })) }))

    it.effect("is lost when the client does not reconnect", () =>
      behindProxy(({ codex, model, proxy }) =>
        Effect.gen(function*() {
          const gate = yield* Gate.make
          yield* model.enqueue(Reply.message({ deltas: ["a ", gate] }))
          const turn = yield* Effect.flatMap(codex.threadStart(), (thread) => thread.turn("go"))
          yield* gate.arrived
          proxy.cut()
          assert.strictEqual((yield* Effect.flip(turn.run))._tag, "CodexConnectionError")
          yield* gate.open
        }), { reconnect: false }))
  }
)

/** Waits until no turn of a thread runs. */
const untilIdle = (codex: Codex.Codex["Service"], threadId: string) =>
  Effect.repeat(codex.threadRead(threadId), { until: ({ status }) => status.type !== "active" })
