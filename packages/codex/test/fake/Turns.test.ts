import { FakeAppServer, Fixture, Gate } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex, CodexError, Router } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { internalRouter } from "../internals.ts"
import { idle, inBackground, liveScenario, scenario } from "./scenario.ts"

/** A thread whose turns the test plays by hand. */
const setup = Effect.gen(function*() {
  const server = yield* FakeAppServer.FakeAppServer
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  return { server, codex, thread, threadId: thread.id }
})

const codexSteer = (threadId: string, expectedTurnId: string) =>
  Effect.flatMap(Codex.Codex, ({ client }) => client.request("turn/steer", { threadId, expectedTurnId, input: [] }))

const turnAnswer = (id: string) => ({ turn: Fixture.turn({ id }) })

const gone = new CodexError.CodexConnectionError({
  reason: { _tag: "Exited", exitCode: 1, signal: null, stderr: "oops" }
})

/** Sends the whole turn and the response to `turn/start` in one piece, then ends the connection. */
const wholeTurnThenDeath = Effect.gen(function*() {
  const { server, thread, threadId } = yield* setup
  yield* server.on("turn/start", (_, { id }) =>
    Effect.gen(function*() {
      const events = Fixture.turnEvents({ threadId, turnId: "turn-1", deltas: ["do", "ne"] })
      yield* server.write([...events, { id, result: turnAnswer("turn-1") }].map(Fixture.line).join(""))
      yield* server.crash(gone)
      return yield* Effect.never
    }))
  return thread
})

describe("events that come before the answer to turn/start", () => {
  scenario("reach run, with the completion, though the connection dies right after", () =>
    Effect.gen(function*() {
      const thread = yield* wholeTurnThenDeath
      const result = yield* thread.run("go")
      assert.strictEqual(result.status, "completed")
      assert.strictEqual(result.finalResponse, "done")
      assert.strictEqual(result.usage?.last.totalTokens, 15)
      assert.strictEqual(yield* Effect.flip(thread.run("again")), gone)
    }))

  scenario("reach turn.stream and turn.run, though the connection dies right after", () =>
    Effect.gen(function*() {
      const thread = yield* wholeTurnThenDeath
      const turn = yield* thread.turn("go")
      assert.deepStrictEqual((yield* Stream.runCollect(turn.stream)).map(({ method }) => method), [
        "turn/started",
        "item/started",
        "item/agentMessage/delta",
        "item/agentMessage/delta",
        "item/completed",
        "thread/tokenUsage/updated",
        "turn/completed"
      ])
      assert.deepStrictEqual((yield* Stream.runCollect(turn.stream)).map(({ method }) => method), ["turn/completed"])
      assert.strictEqual((yield* turn.run).finalResponse, "done")
    }))

  scenario("reach thread.stream, though the connection dies right after", () =>
    Effect.gen(function*() {
      const thread = yield* wholeTurnThenDeath
      const events = yield* Stream.runCollect(thread.stream("go"))
      assert.strictEqual(events.at(-1)?.method, "turn/completed")
      assert.lengthOf(events, 7)
    }))

  scenario("are freed when the start is refused", () =>
    Effect.gen(function*() {
      const { server, thread, threadId } = yield* setup
      yield* server.on("turn/start", () =>
        Effect.gen(function*() {
          yield* server.notifyAll(Fixture.turnEvents({ threadId, turnId: "turn-1", deltas: ["early"] }))
          return yield* new FakeAppServer.RpcError({ code: -32600, message: "no" })
        }))
      const error = yield* Effect.flip(thread.run("go"))
      assert.isTrue(error._tag === "CodexRpcError" && error.threadId === threadId && error.serverMessage === "no")
      yield* idle
      yield* server.on("turn/start", (_, { byDefault }) => byDefault)
      assert.strictEqual((yield* thread.run("again")).status, "completed")
    }))

  scenario("of other turns of the thread are freed when the start is answered", () =>
    Effect.gen(function*() {
      const { server, thread, threadId } = yield* setup
      yield* server.on("turn/start", () =>
        Effect.as(
          server.notifyAll([
            ...Fixture.turnEvents({ threadId, turnId: "another", deltas: ["not ours"] }),
            ...Fixture.turnEvents({ threadId, turnId: "turn-1", deltas: ["ours"] })
          ]),
          turnAnswer("turn-1")
        ))
      const turn = yield* thread.turn("go")
      assert.deepStrictEqual(yield* Stream.runCollect(turn.text), ["ours"])
      assert.deepStrictEqual((yield* turn.run).items.map(({ type }) => type), ["agentMessage"])
    }))
})

describe("the connection dies", () => {
  for (const answered of [true, false]) {
    scenario(
      `before the completion, ${answered ? "after" : "before"} the answer: everything fails with the error`,
      () =>
        Effect.gen(function*() {
          const { server, thread, threadId } = yield* setup
          yield* server.on("turn/start", (_, { id }) =>
            Effect.gen(function*() {
              const events = Fixture.turnEvents({ threadId, turnId: "turn-1", deltas: ["half"] }).slice(0, -1)
              yield* server.write(
                [...events, ...(answered ? [{ id, result: turnAnswer("turn-1") }] : [])].map(Fixture.line).join("")
              )
              yield* server.crash(gone)
              return yield* Effect.never
            }))
          assert.strictEqual(yield* Effect.flip(thread.run("go")), gone)
          assert.strictEqual(yield* Effect.flip(Stream.runDrain(thread.stream("go"))), gone)
        })
    )
  }

  scenario(
    "in a turn: each consumer receives the events that had arrived, then the error",
    () =>
      Effect.gen(function*() {
        const { server, thread, threadId } = yield* setup
        yield* server.on("turn/start", () => turnAnswer("turn-1"))
        const turn = yield* thread.turn("go")
        const seen: Array<string> = []
        const consumer = yield* turn.stream.pipe(
          Stream.runForEach((event) => Effect.sync(() => void seen.push(event.method))),
          Effect.flip,
          inBackground
        )
        const result = yield* inBackground(Effect.flip(turn.run))
        const text = yield* inBackground(Effect.flip(Stream.runDrain(turn.text)))
        const items = yield* inBackground(Effect.flip(Stream.runDrain(turn.items)))
        yield* server.notifyAll([Fixture.turnStarted(threadId, "turn-1"), Fixture.delta(threadId, "turn-1", "half")])
        yield* server.crash(gone)
        const fibers: ReadonlyArray<Fiber.Fiber<unknown, unknown>> = [consumer, text, items]
        for (const fiber of [...fibers, result]) assert.strictEqual(yield* Fiber.join(fiber), gone)
        assert.deepStrictEqual(seen, ["turn/started", "item/agentMessage/delta"])
        assert.strictEqual(yield* Effect.flip(Stream.runDrain(turn.stream)), gone)
        assert.strictEqual(yield* Effect.flip(turn.interrupt.pipe(Effect.andThen(turn.steer("more")))), gone)
      })
  )
})

describe("a start that is not answered", () => {
  scenario("times out, frees what was kept, and frees the thread", () =>
    Effect.gen(function*() {
      const { server, thread, threadId } = yield* setup
      yield* server.on("turn/start", () => Effect.never)
      const run = yield* inBackground(Effect.flip(thread.run("go")))
      const queued = yield* inBackground(thread.run("next"))
      yield* server.awaitRequest("turn/start")
      yield* server.on("turn/start", (_, { byDefault }) => byDefault)
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(run.pollUnsafe())
      yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(run)
      assert.isTrue(error._tag === "CodexTimeoutError" && error.timeoutMs === 60_000 && error.threadId === threadId)
      assert.strictEqual((yield* Fiber.join(queued)).status, "completed")
    }))

  scenario("has a limit of its own", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      yield* server.on("turn/start", () => Effect.never)
      const run = yield* inBackground(Effect.flip(thread.run("go", { startTimeout: "2 seconds" })))
      yield* server.awaitRequest("turn/start")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(run))._tag, "CodexTimeoutError")
    }))
})

describe("interruption", () => {
  for (
    const [name, use] of [
      ["run", (thread: Effect.Success<typeof setup>["thread"]) => thread.run("go")],
      ["stream", (thread: Effect.Success<typeof setup>["thread"]) => Stream.runDrain(thread.stream("go"))],
      ["turn", (thread: Effect.Success<typeof setup>["thread"]) => thread.turn("go")]
    ] as const
  ) {
    scenario(
      `of ${name} while its start is in flight: the start is awaited, then its turn is interrupted`,
      () =>
        Effect.gen(function*() {
          const { server, thread } = yield* setup
          const gate = yield* Gate.make
          yield* server.enqueue(["going on", yield* Gate.make, "for ever"])
          yield* server.on("turn/start", (_, { byDefault }) => Effect.andThen(gate.pass, byDefault))
          const fiber = yield* inBackground(use(thread))
          yield* gate.arrived
          const interrupting = yield* inBackground(Fiber.interrupt(fiber))
          assert.isUndefined(fiber.pollUnsafe())
          yield* gate.open
          const { params } = yield* server.awaitRequest("turn/interrupt")
          assert.deepStrictEqual(params, { threadId: thread.id, turnId: "turn-1" })
          yield* Fiber.join(interrupting)
          assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
          yield* idle
          yield* server.on("turn/start", (_, { byDefault }) => byDefault)
          assert.strictEqual((yield* thread.run("after")).status, "completed")
        })
    )
  }

  scenario(
    "of a turn that has just ended is nothing, though its completion is still on its way",
    () =>
      Effect.gen(function*() {
        const { server, thread, threadId } = yield* setup
        yield* server.on("turn/start", () => turnAnswer("turn-1"))
        const refusal = new FakeAppServer.RpcError({ code: -32600, message: "no active turn to interrupt" })
        yield* server.on("turn/interrupt", () => Effect.fail(refusal))
        const turn = yield* thread.turn("go")
        yield* server.notifyAll([Fixture.turnStarted(threadId, "turn-1")])
        yield* turn.interrupt
        yield* server.notifyAll([Fixture.turnCompleted(threadId, "turn-1")])
        assert.strictEqual((yield* turn.run).status, "completed")
      })
  )

  scenario("while the start is in flight, and it is refused: nothing is interrupted", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const gate = yield* Gate.make
      yield* server.on("turn/start", () =>
        Effect.andThen(gate.pass, Effect.fail(new FakeAppServer.RpcError({ code: -32600, message: "no" }))))
      const fiber = yield* inBackground(thread.run("go"))
      yield* gate.arrived
      const interrupting = yield* inBackground(Fiber.interrupt(fiber))
      yield* gate.open
      yield* Fiber.join(interrupting)
      assert.isFalse((yield* server.requests).some(({ method }) =>
        method === "turn/interrupt"
      ))
    }))

  scenario(
    "while the start is in flight, and it is never answered: the fiber comes back after a second, and the thread is free when the request has timed out",
    () =>
      Effect.gen(function*() {
        const { server, thread } = yield* setup
        yield* server.on("turn/start", () => Effect.never)
        const fiber = yield* inBackground(thread.run("go"))
        yield* server.awaitRequest("turn/start")
        const interrupting = yield* inBackground(Fiber.interrupt(fiber))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(interrupting)
        yield* server.on("turn/start", (_, { byDefault }) => byDefault)
        const after = yield* inBackground(thread.run("after"))
        yield* TestClock.adjust("58 seconds")
        assert.isUndefined(after.pollUnsafe())
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(after)).status, "completed")
      })
  )

  liveScenario("at any moment: no turn is left running, and the thread is free", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const uses = [
        () => thread.run("go"),
        () => Stream.runDrain(thread.stream("go")),
        () => Stream.runDrain(Stream.take(thread.stream("go"), 2)),
        () => thread.compact
      ]
      for (let moment = 0; moment < 50; moment++) {
        for (const use of uses) {
          yield* server.enqueue({ deltas: ["a", yield* Gate.make], usage: null })
          const [one, two] = [yield* Effect.forkChild(use()), yield* Effect.forkChild(use())]
          for (let steps = 0; steps < moment; steps++) yield* Effect.yieldNow
          yield* Effect.all([Fiber.interrupt(one), Fiber.interrupt(two)], { concurrency: 2 })
          yield* idle
          // A turn that had begun has ended: the next one is a turn of its own.
          yield* server.on("turn/start", ({ threadId }, { id }) =>
            Effect.gen(function*() {
              yield* server.respond(id, turnAnswer(`after-${moment}`))
              yield* server.notifyAll([Fixture.turnCompleted(threadId, `after-${moment}`)])
              return yield* Effect.never
            }))
          assert.strictEqual((yield* thread.run("after")).id, `after-${moment}`)
          yield* server.on("turn/start", (_, { byDefault }) => byDefault)
        }
      }
      const of = (method: string) => Effect.map(server.requests, (all) => all.filter((one) => one.method === method))
      // Each that was started is gone: steering finds none.
      const last = yield* Effect.flip(codexSteer(thread.id, "turn-1"))
      assert.isTrue(last._tag === "CodexRpcError" && last.reason._tag === "NoActiveTurn")
      assert.isAbove((yield* of("turn/interrupt")).length, 0)
    }))

  scenario("while the start waits for the thread: it is never written", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const gate = yield* Gate.make
      yield* server.enqueue([gate, "one"])
      const first = yield* inBackground(thread.run("first"))
      yield* gate.arrived
      const second = yield* inBackground(thread.run("second"))
      const third = yield* inBackground(thread.run("third"))
      yield* Fiber.interrupt(second)
      yield* gate.open
      yield* Fiber.join(first)
      yield* Fiber.join(third)
      const inputs = (yield* server.requests).filter(({ method }) => method === "turn/start")
        .map(({ message }) => JSON.stringify(message).match(/first|second|third/)?.[0])
      assert.deepStrictEqual(inputs, ["first", "third"])
    }))

  scenario("of a running turn: interrupted on the server, and its end awaited", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const gate = yield* Gate.make
      const ending = yield* Gate.make
      yield* server.enqueue(["a", gate, "b"])
      yield* server.on("turn/interrupt", (_, { byDefault }) => Effect.andThen(ending.pass, byDefault))
      const fiber = yield* inBackground(thread.run("go"))
      yield* gate.arrived
      const interrupting = yield* inBackground(Fiber.interrupt(fiber))
      yield* ending.arrived
      assert.isUndefined(fiber.pollUnsafe())
      yield* ending.open
      yield* Fiber.join(interrupting)
    }))

  scenario(
    "of a running turn that the server does not end: the fiber comes back after 3 seconds, and the thread is free after 10",
    () =>
      Effect.gen(function*() {
        const { server, thread } = yield* setup
        const gate = yield* Gate.make
        yield* server.enqueue(["a", gate, "b"])
        yield* server.on("turn/interrupt", () => Effect.never)
        const fiber = yield* inBackground(thread.run("go"))
        yield* gate.arrived
        yield* thread.read()
        const interrupting = yield* inBackground(Fiber.interrupt(fiber))
        yield* server.awaitRequest("turn/interrupt")
        yield* TestClock.adjust("2999 millis")
        assert.isUndefined(interrupting.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(interrupting)
        const next = yield* inBackground(thread.turn("next"))
        yield* TestClock.adjust("6999 millis")
        assert.lengthOf((yield* server.requests).filter(({ method }) => method === "turn/start"), 1)
        yield* TestClock.adjust("1 millis")
        yield* server.awaitRequest("turn/start", 1)
        yield* gate.open
        const turn = yield* Fiber.join(next)
        assert.strictEqual((yield* turn.run).status, "completed")
      })
  )

  scenario(
    "of a consumer of thread.stream interrupts the turn, of a consumer of turn.stream does not",
    () =>
      Effect.gen(function*() {
        const { server, thread } = yield* setup
        yield* server.enqueue(["a", yield* Gate.make, "b"])
        const some = yield* Stream.runCollect(Stream.take(thread.stream("go"), 2))
        assert.lengthOf(some, 2)
        yield* server.awaitRequest("turn/interrupt")
        yield* idle

        const gate = yield* Gate.make
        yield* server.enqueue(["a", gate, "b"])
        const turn = yield* thread.turn("go")
        yield* Stream.runDrain(Stream.take(turn.stream, 1))
        yield* gate.open
        assert.strictEqual((yield* turn.run).finalResponse, "ab")
        assert.lengthOf((yield* server.requests).filter(({ method }) => method === "turn/interrupt"), 1)
      })
  )
})

describe("compaction", () => {
  scenario("succeeds when its turn has ended, after the turns that wait before it", () =>
    Effect.gen(function*() {
      const { server, thread, threadId } = yield* setup
      const gate = yield* Gate.make
      yield* server.enqueue([gate, "one"])
      const run = yield* inBackground(thread.run("one"))
      yield* gate.arrived
      yield* server.on("thread/compact/start", () => ({}))
      const compacting = yield* inBackground(thread.compact)
      assert.isFalse((yield* server.requests).some(({ method }) => method === "thread/compact/start"))
      yield* gate.open
      yield* Fiber.join(run)
      yield* server.awaitRequest("thread/compact/start")
      yield* server.notifyAll([Fixture.turnStarted(threadId, "compaction")])
      const next = yield* inBackground(thread.run("next"))
      assert.isUndefined(compacting.pollUnsafe())
      yield* server.notifyAll([Fixture.turnCompleted(threadId, "compaction")])
      yield* Fiber.join(compacting)
      assert.strictEqual((yield* Fiber.join(next)).status, "completed")
    }))

  scenario("fails as its turn does, as its request does, and as the connection does", () =>
    Effect.gen(function*() {
      const { server, thread, threadId } = yield* setup
      const error = { message: "no room", codexErrorInfo: null, additionalDetails: null }
      yield* server.on("thread/compact/start", () =>
        Effect.as(
          server.notifyAll([
            Fixture.turnStarted(threadId, "compaction"),
            Fixture.turnCompleted(threadId, "compaction", { error })
          ]),
          {}
        ))
      const failed = yield* Effect.flip(thread.compact)
      assert.isTrue(failed._tag === "TurnFailedError" && failed.turnId === "compaction")
      yield* server.on("thread/compact/start", () =>
        Effect.fail(new FakeAppServer.RpcError({ code: -32600, message: "no" })))
      assert.strictEqual((yield* Effect.flip(thread.compact))._tag, "CodexRpcError")
      yield* idle
      yield* server.on("thread/compact/start", () => ({}))
      const compacting = yield* inBackground(Effect.flip(thread.compact))
      yield* server.awaitRequest("thread/compact/start", 2)
      yield* server.crash(gone)
      assert.strictEqual(yield* Fiber.join(compacting), gone)
    }))

  scenario("that is interrupted interrupts its turn", () =>
    Effect.gen(function*() {
      const { server, thread, threadId } = yield* setup
      yield* server.on("thread/compact/start", () =>
        Effect.as(server.notifyAll([Fixture.turnStarted(threadId, "compaction")]), {}))
      yield* server.on("turn/interrupt", ({ turnId }) =>
        Effect.as(server.notifyAll([Fixture.turnCompleted(threadId, turnId, { status: "interrupted" })]), {}))
      const compacting = yield* inBackground(thread.compact)
      yield* server.awaitRequest("thread/compact/start")
      yield* thread.read()
      yield* Fiber.interrupt(compacting)
      assert.strictEqual((yield* server.awaitRequest("turn/interrupt")).params.turnId, "compaction")
      yield* idle
      assert.strictEqual((yield* thread.run("after")).status, "completed")
    }))

  scenario(
    "that is interrupted before its turn has begun awaits and interrupts it; the thread is busy until then",
    () =>
      Effect.gen(function*() {
        const { server, thread, threadId } = yield* setup
        yield* server.on("thread/compact/start", () => ({}))
        const compacting = yield* inBackground(thread.compact)
        yield* server.awaitRequest("thread/compact/start")
        yield* thread.read()
        const interrupting = yield* inBackground(Fiber.interrupt(compacting))
        const next = yield* inBackground(thread.run("next"))
        yield* thread.read()
        assert.isUndefined(interrupting.pollUnsafe())
        assert.isFalse((yield* server.requests).some(({ method }) => method === "turn/start"))
        yield* server.on(
          "turn/interrupt",
          ({ turnId }) =>
            Effect.as(server.notifyAll([Fixture.turnCompleted(threadId, turnId, { status: "interrupted" })]), {})
        )
        yield* server.notifyAll([Fixture.turnStarted(threadId, "compaction")])
        assert.strictEqual((yield* server.awaitRequest("turn/interrupt")).params.turnId, "compaction")
        yield* Fiber.join(interrupting)
        assert.strictEqual((yield* Fiber.join(next)).status, "completed")
      })
  )

  scenario("that never begins fails, and frees the thread", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      yield* server.on("thread/compact/start", () => ({}))
      const compacting = yield* inBackground(Effect.flip(thread.compact))
      yield* server.awaitRequest("thread/compact/start")
      yield* thread.read()
      yield* TestClock.adjust("30 seconds")
      const error = yield* Fiber.join(compacting)
      assert.isTrue(error._tag === "CodexTimeoutError" && error.method === "thread/compact/start")
      yield* idle
      assert.strictEqual((yield* thread.run("after")).status, "completed")
    }))
})

describe("turns of one thread", () => {
  scenario(
    "run one after the other, over every handle; those of two threads at the same time",
    () =>
      Effect.gen(function*() {
        const { codex, server, thread } = yield* setup
        const other = yield* codex.threadStart()
        const gates = [yield* Gate.make, yield* Gate.make] as const
        yield* server.enqueue([gates[0], "one"], [gates[1], "other"])
        const one = yield* inBackground(thread.run("one"))
        yield* gates[0].arrived
        const two = yield* inBackground(codex.thread(thread.id).run("two"))
        const elsewhere = yield* inBackground(other.run("other"))
        yield* gates[1].arrived
        assert.lengthOf((yield* server.requests).filter(({ method }) => method === "turn/start"), 2)
        assert.strictEqual((yield* Effect.flip(thread.run("busy", { whenBusy: "fail" })))._tag, "ThreadBusyError")
        yield* gates[0].open
        assert.strictEqual((yield* Fiber.join(one)).finalResponse, "one")
        assert.strictEqual((yield* Fiber.join(two)).finalResponse, "Hello from the fake app-server.")
        yield* gates[1].open
        assert.strictEqual((yield* Fiber.join(elsewhere)).finalResponse, "other")
      })
  )

  scenario("steer the one that runs, if they are told to", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const gate = yield* Gate.make
      yield* server.enqueue(["a", gate, "b"])
      const one = yield* inBackground(thread.run("one"))
      yield* gate.arrived
      const two = yield* inBackground(thread.run("two", { whenBusy: "steer" }))
      const { params } = yield* server.awaitRequest("turn/steer")
      assert.deepStrictEqual(params.input, [{ type: "text", text: "two", text_elements: [] }])
      yield* gate.open
      assert.deepStrictEqual(yield* Fiber.join(one), yield* Fiber.join(two))
    }))

  scenario("steer the one that is being started", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const gate = yield* Gate.make
      yield* server.enqueue(["a", gate])
      const both = yield* inBackground(
        Effect.all([thread.run("one"), thread.run("two", { whenBusy: "steer" })], { concurrency: 2 })
      )
      yield* server.awaitRequest("turn/steer")
      yield* gate.open
      const [one, two] = yield* Fiber.join(both)
      assert.deepStrictEqual(one, two)
    }))

  scenario(
    "are turns of their own if the one that they would have steered could not be started",
    () =>
      Effect.gen(function*() {
        const { server, thread } = yield* setup
        const gate = yield* Gate.make
        const refusal = new FakeAppServer.RpcError({ code: -32602, message: "no such model" })
        yield* server.on("turn/start", () => Effect.andThen(gate.pass, Effect.fail(refusal)))
        const one = yield* inBackground(Effect.flip(thread.run("one")))
        yield* gate.arrived
        const two = yield* inBackground(thread.run("two", { whenBusy: "steer" }))
        yield* server.on("turn/start", (_, { byDefault }) => byDefault)
        yield* gate.open
        assert.strictEqual((yield* Fiber.join(one))._tag, "CodexRpcError")
        assert.strictEqual((yield* Fiber.join(two)).status, "completed")
      })
  )

  scenario("wait for a review, and for a compaction, which can't be steered", () =>
    Effect.gen(function*() {
      const { server, thread, threadId } = yield* setup
      const gate = yield* Gate.make
      yield* server.enqueue(["fine", gate])
      const review = yield* thread.review({ type: "uncommittedChanges" })
      const one = yield* inBackground(thread.run("one", { whenBusy: "steer" }))
      yield* gate.open
      yield* review.run
      assert.notStrictEqual((yield* Fiber.join(one)).id, review.id)
      yield* server.on("thread/compact/start", () =>
        Effect.as(server.notifyAll([Fixture.turnStarted(threadId, "compaction")]), {}))
      const compacting = yield* inBackground(thread.compact)
      yield* server.awaitRequest("thread/compact/start")
      yield* thread.read()
      const two = yield* inBackground(thread.run("two", { whenBusy: "steer" }))
      yield* server.notifyAll([Fixture.turnCompleted(threadId, "compaction")])
      yield* Fiber.join(compacting)
      assert.notStrictEqual((yield* Fiber.join(two)).id, "compaction")
      assert.isFalse((yield* server.requests).some(({ method }) =>
        method === "turn/steer"
      ))
    }))

  scenario("keep no events of the one that they could not steer", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const router = yield* internalRouter
      const gates = [yield* Gate.make, yield* Gate.make] as const
      yield* server.enqueue(["a", gates[0]])
      const one = yield* inBackground(thread.run("one"))
      yield* gates[0].arrived
      const refusal = new FakeAppServer.RpcError({ code: -32600, message: "no" })
      yield* server.on("turn/steer", () => Effect.andThen(gates[1].pass, Effect.fail(refusal)))
      const two = yield* inBackground(Effect.flip(thread.turn("two", { whenBusy: "steer" })))
      yield* gates[1].arrived
      const running = router.turn(thread.id, "turn-1")
      assert.isTrue(running?.events?.isFollowed)
      yield* gates[1].open
      assert.strictEqual((yield* Fiber.join(two))._tag, "CodexRpcError")
      assert.isFalse(running?.events?.isFollowed)
      yield* gates[0].open
      yield* Fiber.join(one)
    }))

  scenario("of two threads are told apart, though they have one id", () =>
    Effect.gen(function*() {
      const { codex, server, thread } = yield* setup
      const other = yield* codex.threadStart()
      yield* server.on("turn/start", () => turnAnswer("same"))
      const turns = yield* Effect.forEach([thread, other], (thread) => thread.turn("go"))
      const texts = yield* Effect.forEach(turns, ({ text }) => inBackground(Stream.runCollect(text)))
      for (const [index, { id, threadId }] of turns.entries()) {
        yield* server.notifyAll(Fixture.turnEvents({ threadId, turnId: id, deltas: [`of ${index}`] }))
      }
      for (const [index, turn] of turns.entries()) {
        assert.deepStrictEqual(yield* Fiber.join(texts[index]!), [`of ${index}`])
        assert.strictEqual((yield* turn.run).finalResponse, `of ${index}`)
      }
    }))

  it.effect("answered with a turn that is not named fail with CodexDecodeError, and free the thread", () =>
    Effect.gen(function*() {
      const { server, thread, threadId } = yield* setup
      for (const answer of [{}, { turn: null }, { turn: { id: 7 } }, null, "turn"]) {
        yield* server.on("turn/start", () => FakeAppServer.verbatim(answer))
        const error = yield* Effect.flip(thread.run("go"))
        assert.isTrue(error._tag === "CodexDecodeError" && error.threadId === threadId && error.method === "turn/start")
      }
      yield* idle
      const router = yield* Router.Router
      assert.strictEqual(router.stats().strayAnswers, 0)
    }).pipe(Effect.provide(FakeAppServer.layerCodex())))
})
