import { FakeAppServer, Fixture } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex, CodexError, type Notification, type Turn } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Router from "../../src/wire/Router.ts"
import { internalRouter } from "../internals.ts"
import { alive, collectGarbage, heapUsed } from "./gc.ts"
import { collecting, idle, inBackground, liveScenario, scenario } from "./scenario.ts"

/** Threads that have a turn each, which the test plays by hand. */
const playing = Effect.fnUntraced(function*(count: number) {
  const server = yield* FakeAppServer.FakeAppServer
  const codex = yield* Codex.Codex
  yield* server.on("turn/start", ({ threadId }) => ({ turn: Fixture.turn({ id: `turn-of-${threadId}` }) }))
  const threads = yield* Effect.forEach(Array.from({ length: count }), () => codex.threadStart())
  const turns = yield* Effect.forEach(threads, (thread) => thread.turn("go"))
  return { server, codex, threads, turns }
})

const deltaOf = (turn: Turn.Turn, text: string) => Fixture.delta(turn.threadId, turn.id, text)
const messageOf = (turn: Turn.Turn, text: string, id = "message-1") =>
  Fixture.itemCompleted(turn.threadId, turn.id, Fixture.agentMessage(text, { id }))
const completionOf = (turn: Turn.Turn) => Fixture.turnCompleted(turn.threadId, turn.id)

const textOf = (event: Notification.Notification): string =>
  event.method === "item/agentMessage/delta" ? event.params.delta : event.method

const texts = <E>(events: Effect.Effect<ReadonlyArray<Notification.Notification>, E>) =>
  Effect.map(events, (events) => events.map(textOf))

describe("events of several turns", () => {
  scenario("reach exactly their consumers, in order, however they are mixed and cut", () =>
    Effect.gen(function*() {
      const { server, turns } = yield* playing(8)
      const consumers = yield* Effect.forEach(turns, (turn) => inBackground(Stream.runCollect(turn.text)))
      const numbers = Array.from({ length: 200 }, (_, index) => index)
      const lines = numbers.flatMap((number) => {
        // Not the same order in each round.
        const shifted = turns.map((_, index) => turns[(index * 3 + number) % turns.length]!)
        return shifted.map((turn) => Fixture.line(deltaOf(turn, `${turn.id} ${number}`)))
      }).join("")
      const bytes = new TextEncoder().encode(lines)
      for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 4093) {
        yield* server.write(bytes.subarray(at, at + size))
      }
      yield* server.notifyAll(turns.map(completionOf))
      for (const [index, consumer] of consumers.entries()) {
        const { id } = turns[index]!
        assert.deepStrictEqual(yield* Fiber.join(consumer), numbers.map((number) => `${id} ${number}`))
      }
    }))

  scenario("can be read in turn, one from each", () =>
    Effect.gen(function*() {
      const { server, turns: [one, two] } = yield* playing(2)
      const queues = yield* Effect.forEach([one!, two!], (turn) => Stream.toQueue(turn.text, { capacity: 1 }))
      for (const round of ["a", "b", "c"]) {
        yield* server.notifyAll([deltaOf(two!, `2${round}`), deltaOf(one!, `1${round}`)])
        assert.strictEqual(yield* Queue.take(queues[0]!), `1${round}`)
        assert.strictEqual(yield* Queue.take(queues[1]!), `2${round}`)
      }
      yield* server.notifyAll([completionOf(one!), completionOf(two!)])
      yield* Effect.all([one!.run, two!.run])
    }))

  scenario("have the result of their own items and usage", () =>
    Effect.gen(function*() {
      const { server, turns: [one, two] } = yield* playing(2)
      yield* server.notifyAll([
        messageOf(one!, "one, at first", "a"),
        messageOf(two!, "two", "b"),
        Fixture.tokenUsage(two!.threadId, two!.id, Fixture.tokens({ totalTokens: 2 })),
        Fixture.tokenUsage(one!.threadId, one!.id, Fixture.tokens({ totalTokens: 1 })),
        messageOf(one!, "one, at last", "c"),
        completionOf(two!),
        completionOf(one!)
      ])
      const [first, second] = yield* Effect.all([one!.run, two!.run])
      assert.deepStrictEqual([first.finalResponse, first.usage?.last.totalTokens], ["one, at last", 1])
      assert.deepStrictEqual([second.finalResponse, second.usage?.last.totalTokens], ["two", 2])
    }))

  scenario(
    "that this client did not start are not kept; consumers of notifications receive them",
    () =>
      Effect.gen(function*() {
        const server = yield* FakeAppServer.FakeAppServer
        const codex = yield* Codex.Codex
        const watching = yield* collecting(codex.thread("elsewhere").notifications, 7)
        const events = Fixture.turnEvents({ threadId: "elsewhere", turnId: "turn-9", deltas: ["a", "b"] })
        yield* server.notifyAll(events)
        assert.deepStrictEqual(
          (yield* Fiber.join(watching)).map(({ method }) => method),
          events.map(({ method }) => method)
        )
        yield* idle
        assert.isUndefined((yield* internalRouter).turn("elsewhere", "turn-9"))
      })
  )

  scenario("that come after the completion are dropped, except for the answer", () =>
    Effect.gen(function*() {
      const { server, turns: [turn] } = yield* playing(1)
      yield* server.notifyAll([
        completionOf(turn!),
        messageOf(turn!, "late"),
        messageOf(turn!, "too late"),
        completionOf(turn!)
      ])
      assert.strictEqual((yield* turn!.run).finalResponse, "late")
      assert.deepStrictEqual(yield* texts(Stream.runCollect(turn!.stream)), ["item/completed", "turn/completed"])
    }))
})

describe("consumers of one turn", () => {
  scenario(
    "the first sees all of it, one that joins later the rest, one after the end the completion",
    () =>
      Effect.gen(function*() {
        const { server, turns: [turn] } = yield* playing(1)
        const run = yield* inBackground(turn!.run)
        yield* server.notifyAll([deltaOf(turn!, "a"), messageOf(turn!, "done")])
        const watched = yield* Stream.toQueue(turn!.stream, { capacity: "unbounded" })
        assert.strictEqual(textOf(yield* Queue.take(watched)), "a")
        assert.strictEqual(textOf(yield* Queue.take(watched)), "item/completed")
        const late = yield* inBackground(Stream.runCollect(turn!.stream))
        yield* server.notifyAll([deltaOf(turn!, "b"), completionOf(turn!)])
        assert.strictEqual(textOf(yield* Queue.take(watched)), "b")
        assert.strictEqual(textOf(yield* Queue.take(watched)), "turn/completed")
        assert.deepStrictEqual(yield* texts(Fiber.join(late)), ["b", "turn/completed"])
        assert.deepStrictEqual(yield* texts(Stream.runCollect(turn!.stream)), ["turn/completed"])
        assert.deepStrictEqual(yield* Stream.runCollect(turn!.items), [])
        assert.strictEqual((yield* Fiber.join(run)).finalResponse, "done")
        assert.strictEqual(yield* turn!.run, yield* Fiber.join(run))
      })
  )

  scenario("each reads at its own pace: a slow one misses nothing, and blocks nothing", () =>
    Effect.gen(function*() {
      const { server, turns: [turn] } = yield* playing(1)
      const permits = yield* Queue.unbounded<void>()
      const slow = yield* turn!.stream.pipe(
        Stream.mapEffect((event) => Effect.as(Queue.take(permits), event)),
        Stream.runCollect,
        inBackground
      )
      const fast = yield* inBackground(Stream.runCollect(turn!.stream))
      const numbers = Array.from({ length: 300 }, (_, index) => `${index}`)
      for (const number of numbers) yield* server.notifyAll([deltaOf(turn!, number)])
      yield* server.notifyAll([completionOf(turn!)])
      const all = [...numbers, "turn/completed"]
      assert.deepStrictEqual(yield* texts(Fiber.join(fast)), all)
      assert.strictEqual((yield* turn!.run).status, "completed")
      assert.isUndefined(slow.pollUnsafe())
      yield* Queue.offerAll(permits, all.map(() => undefined))
      assert.deepStrictEqual(yield* texts(Fiber.join(slow)), all)
    }))

  scenario("one that leaves, or is interrupted, leaves the others as they are", () =>
    Effect.gen(function*() {
      const { server, turns: [turn] } = yield* playing(1)
      const one = yield* inBackground(Stream.runCollect(turn!.stream))
      const two = yield* collecting(turn!.stream, 1)
      const three = yield* inBackground(Stream.runCollect(turn!.stream))
      const run = yield* inBackground(turn!.run)
      yield* server.notifyAll([deltaOf(turn!, "a")])
      yield* Fiber.join(two)
      yield* Fiber.interrupt(three)
      yield* Fiber.interrupt(run)
      yield* server.notifyAll([deltaOf(turn!, "b"), completionOf(turn!)])
      assert.deepStrictEqual(yield* texts(Fiber.join(one)), ["a", "b", "turn/completed"])
      assert.strictEqual((yield* turn!.run).status, "completed")
    }))

  scenario("all see the turn fail, or the connection", () =>
    Effect.gen(function*() {
      const { server, turns: [failing, lost] } = yield* playing(2)
      const error = { message: "out of luck", codexErrorInfo: null, additionalDetails: null }
      const ends = yield* Effect.forEach([failing!, failing!, lost!, lost!], (turn) =>
        inBackground(Effect.flip(Stream.runDrain(turn.text))))
      const events = yield* inBackground(Stream.runCollect(failing!.stream))
      yield* server.notifyAll([
        messageOf(failing!, "half"),
        Fixture.turnCompleted(failing!.threadId, failing!.id, { error, status: "failed" })
      ])
      for (const end of ends.slice(0, 2)) {
        const failure = yield* Fiber.join(end)
        assert.isTrue(failure._tag === "TurnFailedError" && failure.error?.message === "out of luck")
        assert.lengthOf(failure._tag === "TurnFailedError" ? failure.result.items : [], 1)
      }
      assert.strictEqual((yield* Fiber.join(events)).at(-1)?.method, "turn/completed")
      assert.strictEqual((yield* Effect.flip(failing!.run))._tag, "TurnFailedError")
      const gone = new CodexError.CodexConnectionError({ reason: { _tag: "Disconnected" } })
      yield* server.crash(gone)
      for (const end of ends.slice(2)) {
        assert.strictEqual(yield* Fiber.join(end), gone)
      }
    }))
})

const accept = (router: Router.Router["Service"], text: string) =>
  Effect.suspend(() => router.accept([text]) ?? Effect.void)

describe("a delta that nobody takes", () => {
  const delta = Fixture.line(Fixture.delta("thread-1", "turn-1", "a"))
  // A message with this beginning is bad if it is parsed.
  const bad = delta.slice(0, -2)

  const running = Effect.gen(function*() {
    const router = yield* Router.make
    router.open()
    const { turn } = router.expectTurn("thread-1").claim("turn-1", false)
    return { router, turn, parses: Effect.map(accept(router, bad), () => router.stats().badLines) }
  })

  it.effect("is not parsed", () =>
    Effect.gen(function*() {
      const { parses, router } = yield* running
      assert.strictEqual(yield* parses, 0)
      yield* accept(router, `{"method":"item/completed",`)
      assert.strictEqual(router.stats().badLines, 1)
    }))

  const consumers: Record<string, (router: Router.Router["Service"]) => Effect.Effect<unknown, unknown, Scope.Scope>> =
    {
      "a turn": (router) => Effect.sync(() => router.turn("thread-1", "turn-1")!.keepEvents()),
      "another turn": (router) => Effect.sync(() => router.expectTurn("thread-2").claim("turn-2", true)),
      "a start in flight": (router) => Effect.sync(() => router.expectTurn("thread-2")),
      "a thread": (router) => router.subscribe("thread-2"),
      "all notifications": (router) =>
        Effect.forkScoped(Stream.runDrain(router.notifications), { startImmediately: true }),
      "a limit": (router) => Effect.sync(() => router.family.watchActivity("thread-2", () => {}))
    }
  for (const [name, consume] of Object.entries(consumers)) {
    it.effect(`is parsed as soon as there is a consumer of ${name}`, () =>
      Effect.gen(function*() {
        const { parses, router } = yield* running
        assert.strictEqual(yield* parses, 0)
        yield* consume(router)
        assert.strictEqual(yield* parses, 1)
      }))
  }

  it.effect("is parsed on a connection that turns outlive", () =>
    Effect.gen(function*() {
      const { parses, router } = yield* running
      router.open({ serverContinues: true })
      assert.strictEqual(yield* parses, 1)
    }))

  it.effect("is not parsed once its consumers have gone", () =>
    Effect.gen(function*() {
      const { parses, router, turn } = yield* running
      const other = router.expectTurn("thread-2").claim("turn-2", true)
      turn.keepEvents()
      yield* Effect.asVoid(Effect.scoped(router.subscribe("thread-1")))
      turn.lose("gone")
      assert.strictEqual(yield* parses, 1)
      router.accept([Fixture.line(Fixture.turnCompleted("thread-2", "turn-2"))])
      assert.isTrue(other.turn.ended)
      assert.strictEqual(yield* parses, 1)
    }))

  it.effect("comes to a consumer that joins in the middle of a chunk", () =>
    Effect.gen(function*() {
      const { router } = yield* running
      let events: Router.TurnCursor | undefined
      const settle = () => {
        events = router.turn("thread-1", "turn-1")?.keepEvents().cursor()
      }
      const id = router.expect({ method: "model/list", settle })
      router.accept([
        delta,
        `{"id":${id},"result":{}}`,
        delta,
        Fixture.line(Fixture.turnCompleted("thread-1", "turn-1"))
      ])
      assert.deepStrictEqual(
        yield* texts(Stream.runCollect(events?.stream ?? Stream.empty)),
        ["a", "turn/completed"]
      )
    }))
})

describe("a router whose connection is lost", () => {
  const lost = new CodexError.CodexConnectionError({ reason: { _tag: "Disconnected" } })

  it.effect("fails later callers at once, until there is another connection", () =>
    Effect.gen(function*() {
      const router = yield* Router.make
      const start = router.expectTurn("thread-1")
      router.fail(lost)
      const answers: Array<Router.Answer> = []
      const pending = { method: "model/list", settle: (answer: Router.Answer) => void answers.push(answer) }
      router.expect(pending)
      assert.deepStrictEqual(answers, [Exit.fail(lost)])
      assert.strictEqual(yield* Effect.flip(Deferred.await(start.claim("turn-1", true).turn.result)), lost)
      for (const events of [router.notifications, router.globals, router.thread("thread-1")]) {
        assert.strictEqual(yield* Effect.flip(Stream.runDrain(events)), lost)
      }
      router.open()
      const id = router.expect(pending)
      const event = yield* collecting(router.notifications, 1)
      router.accept([
        `{"id":${id},"result":"new"}`,
        Fixture.line({ method: "warning", params: { threadId: null, message: "new" } })
      ])
      assert.deepStrictEqual(answers[1], Exit.succeed("new"))
      assert.strictEqual((yield* Fiber.join(event))[0]?.method, "warning")
      assert.deepStrictEqual(router.stats(), {
        badLines: 0,
        strayAnswers: 0,
        pending: 0,
        late: 0,
        turns: 0,
        followers: 0,
        subscribers: 0,
        threads: 0,
        subagents: 0,
        roots: 0
      })
    }))
})

describe("memory", () => {
  liveScenario("events that all consumers have seen are freed while the turn runs", () =>
    Effect.gen(function*() {
      const { server, turns: [turn] } = yield* playing(1)
      const refs: Array<WeakRef<object>> = []
      const consume = (seen: Queue.Queue<number>) =>
        turn!.stream.pipe(
          Stream.runForEach((event) => {
            refs.push(new WeakRef(event))
            return Queue.offer(seen, 1)
          }),
          inBackground
        )
      const [one, two] = [yield* Queue.unbounded<number>(), yield* Queue.unbounded<number>()]
      const consumers = [yield* consume(one), yield* consume(two)]
      for (let batch = 0; batch < 20; batch++) {
        yield* server.notifyAll(Array.from({ length: 50 }, () => deltaOf(turn!, "x")))
        yield* Queue.takeN(one, 50)
        yield* Queue.takeN(two, 50)
      }
      assert.lengthOf(refs, 2000)
      yield* collectGarbage
      // The last batches may still be in somebody's hands.
      assert.isBelow(alive(refs), 500)
      yield* server.notifyAll([completionOf(turn!)])
      for (const consumer of consumers) yield* Fiber.join(consumer)
    }))

  liveScenario("run keeps no events: the memory does not grow with the turn", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const thread = yield* (yield* Codex.Codex).threadStart()
      yield* server.on("turn/start", () => ({ turn: Fixture.turn({ id: "turn-1" }) }))
      const run = yield* inBackground(thread.run("go"))
      yield* server.awaitRequest("turn/start")
      const send = Effect.forEach(Array.from({ length: 20 }), () =>
        Effect.andThen(
          server.notifyAll(
            Array.from({ length: 500 }, () => Fixture.delta(thread.id, "turn-1", "x".repeat(1000)))
          ),
          // An answer comes after all that was written before.
          thread.read()
        ), { discard: true })
      yield* send
      const before = yield* heapUsed
      yield* send
      const after = yield* heapUsed
      // The events of one round are 10 MB.
      assert.isBelow(after - before, 2_000_000)
      yield* server.notifyAll([Fixture.turnCompleted(thread.id, "turn-1")])
      yield* Fiber.join(run)
    }))

  liveScenario("a turn whose handle is dropped continues, and is freed at its end", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const thread = yield* (yield* Codex.Codex).threadStart()
      yield* server.on("turn/start", () => ({ turn: Fixture.turn({ id: "turn-1" }) }))
      const before = yield* heapUsed
      yield* thread.turn("go")
      yield* server.notifyAll(
        Array.from({ length: 500 }, () => Fixture.delta(thread.id, "turn-1", "x".repeat(10_000)))
      )
      yield* server.notifyAll([Fixture.turnCompleted(thread.id, "turn-1")])
      yield* thread.read()
      yield* idle
      assert.isBelow((yield* heapUsed) - before, 2_000_000)
    }))

  liveScenario("the unread events of a watcher are freed when it leaves", () =>
    Effect.gen(function*() {
      const { codex, server, threads: [thread], turns: [turn] } = yield* playing(1)
      const leave = (stream: Stream.Stream<Notification.Notification, unknown>) =>
        Effect.gen(function*() {
          const seen: Array<WeakRef<object>> = []
          const watching = yield* stream.pipe(
            Stream.mapEffect((event) => {
              seen.push(new WeakRef(event.raw))
              return Effect.never
            }),
            Stream.runDrain,
            inBackground
          )
          yield* server.notify("warning", { threadId: thread!.id, message: "first" })
          yield* thread!.read()
          yield* server.notifyAll(
            Array.from({ length: 500 }, () => Fixture.delta(thread!.id, turn!.id, "x".repeat(10_000)))
          )
          yield* thread!.read()
          assert.lengthOf(seen, 1)
          yield* Fiber.interrupt(watching)
        })
      // The events that the turn keeps for its first consumer.
      const first = yield* collecting(turn!.stream, 1)
      yield* server.notifyAll([deltaOf(turn!, "first")])
      yield* Fiber.join(first)
      const before = yield* heapUsed
      yield* leave(codex.client.notifications)
      yield* leave(thread!.notifications)
      const after = yield* heapUsed
      // 5 MB went by each of them.
      assert.isBelow(after - before, 2_000_000)
      yield* server.notifyAll([completionOf(turn!)])
      yield* turn!.run
    }))
})
