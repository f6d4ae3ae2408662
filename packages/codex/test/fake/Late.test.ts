/** Responses and events that arrive too late, or never. */
import { FakeAppServer, Fixture, Gate } from "@effect-codex/testing"
import { assert } from "@effect/vitest"
import { Codex, CodexError } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { internalClient } from "../internals.ts"
import { inBackground, scenario } from "./scenario.ts"

/** A turn whose start is answered when nobody waits any more. */
const startedLate = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const server = yield* FakeAppServer.FakeAppServer
  const answer = yield* Deferred.make<void>()
  yield* server.on("turn/start", () => Effect.as(Deferred.await(answer), { turn: Fixture.turn({ id: "late" }) }))
  yield* server.on("turn/interrupt", () => ({}))
  const thread = yield* codex.threadStart()
  const running = yield* inBackground(Effect.flip(thread.run("go")))
  yield* server.awaitRequest("turn/start")
  yield* TestClock.adjust("60 seconds")
  assert.strictEqual((yield* Fiber.join(running))._tag, "CodexTimeoutError")
  yield* Deferred.succeed(answer, undefined)
  const end = Effect.gen(function*() {
    const ended = yield* inBackground(Stream.runHead(thread.notifications))
    yield* server.notifyAll([Fixture.turnCompleted(thread.id, "late", { status: "interrupted" })])
    yield* Fiber.join(ended)
  })
  return { end, server, thread }
})

scenario("a turn whose start was answered too late is interrupted", () =>
  Effect.gen(function*() {
    const { end, server, thread } = yield* startedLate
    yield* server.notifyAll([Fixture.turnStarted(thread.id, "late")])
    const { params } = yield* server.awaitRequest("turn/interrupt")
    assert.deepInclude(params, { turnId: "late" })
    yield* end
  }))

scenario(
  "it is asked to end even if it seems never to begin, by the program's own clock",
  () =>
    Effect.gen(function*() {
      const { end, server, thread } = yield* startedLate
      // Behind the answer on the wire: when it is here, the answer was.
      yield* thread.setName("late")
      yield* TestClock.adjust("10 seconds")
      // Behind the interruption.
      yield* thread.setName("later")
      assert.include((yield* server.requests).map(({ method }) => method), "turn/interrupt")
      yield* end
    })
)

scenario(
  "a turn that waits for a restart is not started if it is interrupted, which ends at once",
  () =>
    Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const server = yield* FakeAppServer.FakeAppServer
      const thread = yield* codex.threadStart()
      yield* thread.run("one")
      yield* server.on("initialize", () => Effect.fail(FakeAppServer.overloaded))
      yield* server.crash()
      yield* codex.client.closed
      const uses = [
        thread.run("two"),
        thread.turn("two"),
        Stream.runDrain(thread.stream("two")),
        thread.compact,
        thread.runGoal("two")
      ]
      for (const use of uses) yield* Fiber.interrupt(yield* inBackground(use))
      yield* server.on("initialize", (_, { byDefault }) => byDefault)
      const after = yield* inBackground(thread.run("after"))
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual((yield* Fiber.join(after)).status, "completed")
      const methods = (yield* server.requests).map(({ method }) => method)
      assert.deepStrictEqual(methods.slice(methods.lastIndexOf("initialize")), [
        "initialize",
        "thread/resume",
        "turn/start"
      ])
    }),
  { client: { restart: Schedule.spaced("10 minutes"), requestTimeout: "1 hour" } }
)

scenario(
  "a request that waits for a restart waits no longer than requestTimeout, or its own",
  () =>
    Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const server = yield* FakeAppServer.FakeAppServer
      yield* server.on("initialize", () => Effect.fail(FakeAppServer.overloaded))
      yield* server.crash()
      yield* codex.client.closed
      const later = yield* inBackground(Effect.flip(codex.threadStart()))
      const sooner = yield* inBackground(Effect.flip(codex.client.request("model/list", {}, { timeout: "1 second" })))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(sooner))._tag, "CodexConnectionError")
      assert.isUndefined(later.pollUnsafe())
      yield* TestClock.adjust("4 seconds")
      const lost = yield* Fiber.join(later)
      assert.strictEqual(lost._tag, "CodexConnectionError")
      assert.isTrue(CodexError.isRetryable(lost))
    }),
  { client: { restart: Schedule.spaced("1 hour"), requestTimeout: "5 seconds" } }
)

scenario("callers that retry at once after a lost connection wait for the next one", () =>
  Effect.gen(function*() {
    const codex = yield* Codex.Codex
    const server = yield* FakeAppServer.FakeAppServer
    const thread = yield* codex.threadStart()
    yield* thread.run("one")
    yield* server.on("model/list", () => Effect.never)
    yield* server.enqueue([yield* Gate.make])
    const client = yield* internalClient
    const models = client.request("model/list", {})
    const { run } = yield* thread.turn("two")
    const fibers: ReadonlyArray<Fiber.Fiber<unknown, unknown>> = [
      yield* inBackground(Effect.catch(models, () => client.connected)),
      yield* inBackground(Effect.catch(models, () => thread.read())),
      yield* inBackground(Effect.catch(run, () => thread.run("three"))),
      yield* inBackground(Effect.catch(run, () => thread.run("four"))),
      yield* inBackground(Effect.catch(run, () => thread.compact))
    ]
    yield* server.awaitRequest("model/list", 1)
    yield* server.crash()
    const [connection] = yield* Effect.forEach(fibers, Fiber.join)
    assert.strictEqual(connection, 2)
  }), { client: { restart: Schedule.spaced("1 second") } })
