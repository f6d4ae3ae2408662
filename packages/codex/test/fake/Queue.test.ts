/** The queue of a thread, where the order of messages matters, and what the server does not report. */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import { FakeAppServer, Fixture } from "@effect-codex/testing"
import { assert, describe } from "@effect/vitest"
import { Codex } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { inBackground, scenario } from "./scenario.ts"

/** A server that stores a queue, and starts none of it. */
const storing = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const server = yield* FakeAppServer.FakeAppServer
  const queue: Array<Protocol.QueuedSubmission> = []
  yield* server.on("thread/queue/add", ({ clientUserMessageId }) =>
    Effect.sync(() => {
      const queuedSubmission = { id: `queued-${queue.length}`, clientUserMessageId, input: [] }
      queue.push(queuedSubmission)
      return { queuedSubmission }
    }))
  yield* server.on("thread/queue/list", () => ({ data: [...queue], nextCursor: null }))
  const thread = yield* codex.threadStart()
  const sent = Effect.map(server.requests, (requests) => requests.map(({ method }) => method))
  return { server, queue, thread, sent }
})

describe("a queue", () => {
  scenario("takes no input while a turn of this client is about to start", () =>
    Effect.gen(function*() {
      const { sent, server, thread } = yield* storing
      const answer = yield* Deferred.make<void>()
      yield* server.on("turn/start", () => Effect.as(Deferred.await(answer), { turn: Fixture.turn({ id: "own" }) }))
      const run = yield* inBackground(thread.run("own"))
      yield* server.awaitRequest("turn/start")
      const adding = yield* inBackground(thread.queue.add("queued"))
      // Behind whatever the addition has sent.
      yield* thread.setName("later")
      assert.notInclude(yield* sent, "thread/queue/add")
      yield* Deferred.succeed(answer, undefined)
      yield* Fiber.join(adding)
      yield* server.notifyAll([Fixture.turnStarted(thread.id, "own"), Fixture.turnCompleted(thread.id, "own")])
      yield* Effect.forkChild(TestClock.adjust("10 seconds"))
      yield* Fiber.join(run)
      yield* server.notifyAll([{ method: "thread/closed", params: { threadId: thread.id } }])
      yield* thread.setName("closed")
    }))

  scenario("that the server does not continue delays a turn by five seconds", () =>
    Effect.gen(function*() {
      const { sent, server, thread } = yield* storing
      const queued = yield* thread.queue.add("queued")
      const run = yield* inBackground(thread.run("own"))
      yield* thread.setName("later")
      assert.notInclude(yield* sent, "turn/start")
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(run)
      // Its thread is closed: its input is gone.
      const removed = yield* inBackground(Effect.flip(queued.turn))
      yield* server.notifyAll([{ method: "thread/closed", params: { threadId: thread.id } }])
      assert.strictEqual((yield* Fiber.join(removed))._tag, "QueuedTurnRemovedError")
    }))

  scenario("from which another client has removed input says so when it is listed twice", () =>
    Effect.gen(function*() {
      const { queue, thread } = yield* storing
      const queued = yield* thread.queue.add("queued")
      queue.length = 0
      yield* thread.queue.current
      yield* thread.queue.current
      assert.strictEqual((yield* Effect.flip(queued.turn))._tag, "QueuedTurnRemovedError")
    }))

  scenario("claims a turn that ends before its message", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* storing
      const queued = yield* thread.queue.add("queued")
      yield* server.notifyAll([
        { method: "thread/queue/changed", params: { threadId: thread.id } },
        Fixture.turnStarted(thread.id, "q"),
        Fixture.turnCompleted(thread.id, "q", { error: { message: "no" } })
      ])
      const turn = yield* queued.turn
      assert.strictEqual(turn.id, "q")
      assert.strictEqual((yield* Effect.flip(turn.run))._tag, "TurnFailedError")
    }))
})
