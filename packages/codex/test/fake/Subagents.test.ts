/** Sub-agents in situations that the real server shows only in a race, or too slowly. */
import { FakeAppServer, Fixture, Gate } from "@effect-codex/testing"
import { assert, describe } from "@effect/vitest"
import { Codex, Router } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { inBackground, scenario } from "./scenario.ts"

/** The start of a turn of a sub-agent that works for another turn. */
const childStarted = (threadId: string, turnId: string, rootTurnId: string): Fixture.Notification => ({
  method: "turn/started",
  params: { threadId, turn: Fixture.turn({ id: turnId, rootTurnId }) }
})

const spawned = (threadId: string, turnId: string, childId: string): Fixture.Notification =>
  Fixture.itemCompleted(threadId, turnId, {
    type: "collabAgentToolCall",
    id: "call",
    tool: "spawnAgent",
    status: "completed",
    senderThreadId: threadId,
    receiverThreadIds: [childId],
    agentsStates: {}
  })

/** The next notification, as a fiber. */
const awaitOne = <E, R>(stream: Stream.Stream<unknown, E, R>) => inBackground(Stream.runDrain(Stream.take(stream, 1)))

/** A turn that waits at a gate, on a thread of its own. */
const waiting = Effect.gen(function*() {
  const server = yield* FakeAppServer.FakeAppServer
  const codex = yield* Codex.Codex
  const router = yield* Router.Router
  const thread = yield* codex.threadStart()
  const gate = yield* Gate.make
  yield* server.enqueue([gate, "done"])
  const turn = yield* thread.turn("go")
  yield* gate.arrived
  return { server, codex, router, thread, turn, gate }
})

/** The turns that the client has asked to interrupt. */
const interrupts = Effect.map(
  Effect.flatMap(FakeAppServer.FakeAppServer, (server) => server.requests),
  (requests) =>
    requests.flatMap(({ method, params }) => method === "turn/interrupt" ? [(params as { turnId: string }).turnId] : [])
)

describe("a sub-agent that starts when its turn was stopped", () => {
  scenario("is interrupted at its own start, also long after the turn has ended", () =>
    Effect.gen(function*() {
      const { router, server, thread, turn } = yield* waiting
      yield* server.on("turn/interrupt", ({ threadId }, { byDefault }) =>
        threadId === thread.id ? byDefault : Effect.succeed({}))
      yield* server.notifyAll([childStarted("early", "early-turn", turn.id)])
      yield* turn.interrupt
      assert.strictEqual((yield* turn.run).subagents.stopped, 1)
      assert.deepStrictEqual(yield* interrupts, [turn.id, "early-turn"])
      yield* server.notifyAll([
        childStarted("late", "late-turn", turn.id),
        spawned(thread.id, turn.id, "late"),
        // A sub-agent of another turn goes on.
        childStarted("other", "other-turn", "another-root")
      ])
      yield* server.awaitRequest("turn/interrupt", 2)
      yield* server.notifyAll(["early", "late", "other"].map((id) =>
        Fixture.turnCompleted(id, `${id}-turn`)
      ))
      assert.strictEqual((yield* thread.run("next")).status, "completed")
      assert.deepStrictEqual(yield* interrupts, [turn.id, "early-turn", "late-turn"])
      assert.deepInclude(router.stats(), { subagents: 0, roots: 0 })
    }))
})

describe("a thread of this client", () => {
  scenario("is the root of its turns, whatever root the server names", () =>
    Effect.gen(function*() {
      const { codex, gate, server, router, turn } = yield* waiting
      const other = yield* codex.threadStart()
      yield* server.notifyAll([childStarted(other.id, "attached", turn.id)])
      yield* gate.open
      assert.deepStrictEqual((yield* turn.run).subagents, { running: 0, stopped: 0 })
      assert.deepInclude(router.stats(), { subagents: 0, roots: 0 })
    }))

  scenario("reviews in a turn of its own, which is no sub-agent", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const codex = yield* Codex.Codex
      const { id } = yield* codex.threadStart()
      const gate = yield* Gate.make
      yield* server.enqueue([gate, "fine"])
      const review = yield* codex.thread(id).review({ type: "uncommittedChanges" })
      yield* gate.arrived
      yield* server.notifyAll([childStarted(id, "inner", review.id)])
      yield* gate.open
      assert.deepStrictEqual((yield* review.run).subagents, { running: 0, stopped: 0 })
    }))
})

describe("the metadata of threads", () => {
  scenario("is forgotten when they are closed: a parent after its last sub-agent", () =>
    Effect.gen(function*() {
      const { gate, router, server, thread, turn } = yield* waiting
      yield* server.notifyAll([spawned(thread.id, turn.id, "child"), spawned("child", "t", "grandchild")])
      yield* gate.open
      yield* turn.run
      const sizes: Array<number> = []
      for (
        const event of [
          { method: "thread/closed", params: { threadId: thread.id } },
          { method: "thread/closed", params: { threadId: "child" } },
          { method: "thread/status/changed", params: { threadId: "grandchild", status: { type: "notLoaded" } } }
        ] as const
      ) {
        const heard = yield* router.thread(event.params.threadId).pipe(awaitOne)
        yield* server.notifyAll([event])
        yield* Fiber.join(heard)
        sizes.push(router.stats().threads)
      }
      assert.deepStrictEqual(sizes, [3, 3, 0])
    }))
})

describe("limits", () => {
  scenario("idle counts from the last message of the turn, or of a sub-agent", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const thread = yield* (yield* Codex.Codex).threadStart()
      const gate = yield* Gate.make
      yield* server.enqueue([gate, "done"])
      const running = yield* inBackground(Effect.flip(thread.run("go", { limits: { idle: "10 seconds" } })))
      yield* gate.arrived
      const heard = yield* (yield* Router.Router).notifications.pipe(awaitOne)
      yield* server.notifyAll([spawned(thread.id, "turn-1", "child")])
      yield* Fiber.join(heard)
      yield* TestClock.adjust("9 seconds")
      const more = yield* (yield* Router.Router).notifications.pipe(awaitOne)
      yield* server.notifyAll([Fixture.delta("child", "child-turn", "still at it")])
      yield* Fiber.join(more)
      yield* TestClock.adjust("9900 millis")
      assert.strictEqual((yield* interrupts).length, 0)
      yield* TestClock.adjust("100 millis")
      const error = yield* Fiber.join(running)
      assert(error._tag === "TurnLimitError")
      assert.deepInclude(error, { limit: "idle", allowed: 10_000, used: 10_000 })
    }))

  scenario("idle does not count the time of a handler", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const codex = yield* Codex.Codex
      const asked = yield* Deferred.make<void>()
      const thread = yield* codex.threadStart({
        limits: { idle: "10 seconds" },
        serverRequests: {
          "item/commandExecution/requestApproval": () =>
            Deferred.succeed(asked, undefined).pipe(
              Effect.andThen(Effect.sleep("1 minute")),
              Effect.as({ decision: "decline" })
            )
        }
      })
      const gate = yield* Gate.make
      yield* server.enqueue([gate, "done"])
      const running = yield* inBackground(Effect.flip(thread.run("go")))
      yield* gate.arrived
      const place = { threadId: thread.id, turnId: "turn-1", itemId: "item-1", startedAtMs: 0 }
      const answer = yield* inBackground(
        server.ask("item/commandExecution/requestApproval", { ...place, command: "true" })
      )
      yield* Deferred.await(asked)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(answer)
      yield* TestClock.adjust("9900 millis")
      assert.strictEqual((yield* interrupts).length, 0)
      yield* TestClock.adjust("100 millis")
      const error = yield* Fiber.join(running)
      assert.isTrue(error._tag === "TurnLimitError" && error.limit === "idle")
    }))

  scenario("a turn that the server does not end fails with the limit all the same", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const thread = yield* (yield* Codex.Codex).threadStart()
      const gate = yield* Gate.make
      yield* server.enqueue({ deltas: ["a", gate], usage: Fixture.tokens() })
      yield* server.on("turn/interrupt", () => ({}))
      const running = yield* inBackground(Effect.flip(thread.run("go", { limits: { duration: "1 minute" } })))
      yield* gate.arrived
      yield* TestClock.adjust("1 minute")
      yield* server.awaitRequest("turn/interrupt")
      yield* TestClock.adjust("10 seconds")
      const error = yield* Fiber.join(running)
      assert(error._tag === "TurnLimitError")
      assert.deepInclude(error, { limit: "duration", allowed: 60_000, used: 60_000, threadId: thread.id })
      assert.strictEqual(error.result.status, "interrupted")
    }))

  scenario("a turn that completes while it is interrupted succeeds", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const thread = yield* (yield* Codex.Codex).threadStart()
      const gate = yield* Gate.make
      yield* server.enqueue([gate, "done"])
      yield* server.on("turn/interrupt", () => Effect.as(gate.open, {}))
      const running = yield* inBackground(thread.run("go", { limits: { duration: "1 minute" } }))
      yield* gate.arrived
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(running)).status, "completed")
    }))
})
