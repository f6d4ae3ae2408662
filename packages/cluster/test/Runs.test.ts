/** Runs on a server that does what the real one cannot be made to do. */
import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import * as ThreadHost from "@effect-codex/cluster/ThreadHost"
import * as ThreadIndex from "@effect-codex/cluster/ThreadIndex"
import type * as Protocol from "@effect-codex/protocol/Protocol"
import { FakeAppServer, Fixture, Gate } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import * as TestRunner from "effect/cluster/TestRunner"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

const hosted = (index = ThreadIndex.layerMemory) =>
  ThreadHost.layer().pipe(
    Layer.provideMerge(HostedThreads.layer),
    Layer.provideMerge(index),
    Layer.provideMerge(
      FakeAppServer.layerCodex({ threads: ["known"], client: { restart: Schedule.spaced("10 millis") } })
    ),
    Layer.provide(TestRunner.layer)
  )

const setup = Effect.map(
  Effect.all({
    threads: HostedThreads.HostedThreads,
    index: ThreadIndex.ThreadIndex,
    server: FakeAppServer.FakeAppServer
  }),
  (services) => ({ ...services, thread: services.threads.thread("t") })
)

/** Records that the thread `t` has had a turn, on another runner. */
const known = ThreadIndex.ThreadIndex.use((index) =>
  Effect.andThen(
    index.open("t", "another"),
    index.record("t", 1, { threadId: "known", progress: "begun" })
  )
)

const noTurns: Protocol.ThreadTurnsListResponse = { data: [], nextCursor: null, backwardsCursor: null }

const methodsOf = (events: ReadonlyArray<{ readonly method: string }>) => events.map(({ method }) => method)

describe("a run", () => {
  it.live("whose turn fails has the completion of the turn among its events", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      yield* server.enqueue({ error: { message: "no", codexErrorInfo: null, additionalDetails: null } })
      const events = yield* Stream.runCollect(thread.stream("x", { turnKey: "k" }))
      assert.deepStrictEqual(methodsOf(events).slice(-2), ["turn/completed", "$turnEnded"])
      assert.strictEqual((yield* Effect.flip(thread.run("x", { turnKey: "k" })))._tag, "TurnFailedError")
    }).pipe(Effect.provide(hosted())))

  it.live("whose thread is opened again on the same connection has each event once", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      let starts = 0
      yield* server.on("thread/turns/list", () => noTurns)
      yield* server.on("turn/start", (params) =>
        starts++ === 0
          ? Effect.fail(new FakeAppServer.RpcError({ code: -32600, message: `thread not found: ${params.threadId}` }))
          : { turn: Fixture.turn({ id: `turn ${starts}` }) })
      for (const start of [1, 2]) {
        const running = yield* Effect.forkChild(thread.run("x"))
        const { params: { threadId } } = yield* server.awaitRequest("turn/start", start)
        yield* server.notifyAll(Fixture.turnEvents({ threadId, turnId: `turn ${start + 1}`, deltas: ["answer"] }))
        yield* Fiber.join(running)
      }
      const ends = yield* thread.notifications({ from: { epoch: 1, seq: 0 } }).pipe(
        Stream.filter(({ method }) => method === "turn/completed" || method === "$turnEnded"),
        Stream.take(4),
        Stream.runCollect
      )
      assert.deepStrictEqual(methodsOf(ends), ["turn/completed", "$turnEnded", "turn/completed", "$turnEnded"])
    }).pipe(Effect.provide(hosted())))

  it.live("that is interrupted while the index records its beginning does not begin", () =>
    Effect.gen(function*() {
      const gate = yield* Gate.make
      const slow = Layer.effect(
        ThreadIndex.ThreadIndex,
        Effect.map(ThreadIndex.ThreadIndex, (index) =>
          ({
            ...index,
            record: (name, epoch, changes) =>
              Effect.andThen(
                changes.progress === "beginning" ? gate.pass : Effect.void,
                index.record(name, epoch, changes)
              )
          }) satisfies ThreadIndex.ThreadIndex["Service"])
      ).pipe(Layer.provide(ThreadIndex.layerMemory))
      yield* Effect.gen(function*() {
        const { server, thread } = yield* setup
        const running = yield* Effect.forkChild(thread.run("x", { turnKey: "k" }))
        yield* gate.arrived
        yield* thread.interrupt({ turnKey: "k" })
        yield* gate.open
        assert.strictEqual((yield* Fiber.join(running)).status, "interrupted")
        assert.notInclude(methodsOf(yield* server.requests), "turn/start")
        yield* server.enqueue("answer")
        assert.strictEqual((yield* thread.run("y")).finalResponse, "answer")
      }).pipe(Effect.provide(hosted(slow)))
    }))

  it.live("whose turn still runs is joined, and can be interrupted", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      yield* known
      let status: "inProgress" | "interrupted" = "inProgress"
      const turns = () => ({
        ...noTurns,
        data: [Fixture.turn({
          id: "u",
          status,
          items: [{ type: "userMessage", id: "m", clientId: "k", content: [] }]
        })]
      })
      yield* server.on("thread/turns/list", turns)
      yield* server.on("thread/resume", (_, { byDefault }) =>
        Effect.map(byDefault, (response) => ({
          ...response,
          thread: { ...response.thread, status: { type: "active", activeFlags: [] } },
          initialTurnsPage: turns()
        })))
      yield* server.on("turn/interrupt", () => ({}))
      const begun = yield* Deferred.make<void>()
      const reading = yield* thread.stream("x", { turnKey: "k" }).pipe(
        Stream.tap(() => Deferred.succeed(begun, undefined)),
        Stream.runCollect,
        Effect.forkChild
      )
      yield* Deferred.await(begun)
      assert.deepInclude(yield* thread.where, { state: "running", turnKey: "k" })
      const interrupting = yield* Effect.forkChild(thread.interrupt({ turnKey: "k" }))
      const { params } = yield* server.awaitRequest("turn/interrupt")
      assert.deepStrictEqual(params, { threadId: "known", turnId: "u" })
      status = "interrupted"
      yield* server.notifyAll([
        Fixture.tokenUsage("known", "u"),
        Fixture.turnCompleted("known", "u", { status })
      ])
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual(methodsOf(yield* Fiber.join(reading)).slice(-2), ["turn/completed", "$turnEnded"])
      assert.strictEqual((yield* thread.run("x", { turnKey: "k" })).status, "interrupted")
      assert.notInclude(methodsOf(yield* server.requests), "turn/start")
    }).pipe(Effect.provide(hosted())))

  it.live("whose first turn ends with an event that cannot be read keeps its thread", () =>
    Effect.gen(function*() {
      const { index, server, thread } = yield* setup
      yield* server.on("turn/start", () => ({ turn: Fixture.turn({ id: "u" }) }))
      const running = yield* Effect.forkChild(Effect.flip(thread.run("x")))
      const { params: { threadId } } = yield* server.awaitRequest("turn/start")
      yield* server.notify(
        "turn/completed",
        FakeAppServer.verbatim({ threadId, turn: { id: "u", status: 7 } })
      )
      assert.strictEqual((yield* Fiber.join(running))._tag, "CodexDecodeError")
      assert.deepInclude(yield* index.get("t"), { threadId, progress: "begun" })
    }).pipe(Effect.provide(hosted())))

  it.live("whose server is lost while the thread is opened is not interrupted by its stream", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      yield* known
      let reads = 0
      yield* server.on(
        "thread/turns/list",
        () => reads++ === 0 ? Effect.andThen(server.crash(), Effect.never) : noTurns
      )
      yield* server.enqueue("answer")
      const events = yield* Stream.runCollect(thread.stream("x", { turnKey: "k" }))
      assert.strictEqual(methodsOf(events).at(-1), "$turnEnded")
      assert.strictEqual((yield* thread.run("x", { turnKey: "k" })).finalResponse, "answer")
    }).pipe(Effect.provide(hosted())))
})
