/** The result of a goal's turns, whatever the order of the server's messages. */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import { FakeAppServer, Fixture } from "@effect-codex/testing"
import { assert, describe } from "@effect/vitest"
import { Codex, type Notification, ServerRequests, type TurnResult } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { idle, inBackground, scenario } from "./scenario.ts"

const threadId = "thread-1"

const goalOf = (status: string): Protocol.ThreadGoal => ({
  threadId,
  objective: "go on",
  status,
  tokensUsed: 0,
  timeUsedSeconds: 0,
  createdAt: Fixture.time,
  updatedAt: Fixture.time
})

const told = (status: string, turnId: string | null = null): Fixture.Notification => ({
  method: "thread/goal/updated",
  params: { threadId, turnId, goal: goalOf(status) }
})

const status = (type: "idle" | "active"): Fixture.Notification => ({
  method: "thread/status/changed",
  params: { threadId, status: type === "active" ? { type, activeFlags: [] } : { type } }
})

const cleared: Fixture.Notification = { method: "thread/goal/cleared", params: { threadId } }

const started = (turnId: string) => Fixture.turnStarted(threadId, turnId)

const said = (turnId: string, text: string) =>
  Fixture.itemCompleted(threadId, turnId, Fixture.agentMessage(text, { id: `message-of-${turnId}` }))

const completed = (turnId: string, fields: Partial<Protocol.Turn> = {}) =>
  Fixture.turnCompleted(threadId, turnId, fields)

const failed = (turnId: string, message: string) => completed(turnId, { error: { message } })

/** A thread with goals: the first turn of one starts at once, and all else is up to the test. */
const setup = Effect.gen(function*() {
  const server = yield* FakeAppServer.FakeAppServer
  const codex = yield* Codex.Codex
  yield* server.on("thread/goal/clear", () => ({ cleared: false }))
  yield* server.on("thread/goal/set", ({ status }) =>
    Effect.as(
      server.notifyAll([told(status!), ...(status === "active" ? [started("turn-1")] : [])]),
      { goal: goalOf(status!) }
    ))
  const thread = yield* codex.threadStart()
  /** Sends events of the thread, and waits until the client has read them. */
  const tell = (...events: ReadonlyArray<Fixture.Notification>) =>
    Effect.gen(function*() {
      const seen = yield* inBackground(Stream.runDrain(Stream.take(thread.notifications, events.length)))
      yield* server.notifyAll(events)
      yield* Fiber.join(seen)
    })
  return { server, codex, thread, tell }
})

const answers = ({ items }: TurnResult.TurnResult) =>
  items.flatMap((item) => item.type === "agentMessage" ? [item.text] : [])

const methods = (events: ReadonlyArray<Notification.Notification>) => events.map(({ method }) => method)

/** The client's requests of this method. */
const sent = (method: string) =>
  Effect.map(
    FakeAppServer.FakeAppServer.use((server) => server.requests),
    (requests) => requests.filter((request) => request.method === method).map(({ params }) => params)
  )

const refused = (message: string) => Effect.fail(new FakeAppServer.RpcError({ code: -32600, message }))

describe("a goal ends", () => {
  const orders: ReadonlyArray<readonly [string, ReadonlyArray<Fixture.Notification>]> = [
    ["told before the end of the turn", [told("complete", "turn-1"), completed("turn-1")]],
    ["told after the end of the turn", [completed("turn-1"), told("complete", "turn-1")]],
    ["cleared", [cleared, completed("turn-1")]],
    ["cleared after the end of the turn", [completed("turn-1"), cleared]],
    ["paused", [told("paused"), completed("turn-1")]],
    ["blocked", [told("blocked"), completed("turn-1")]],
    ["over in a way that is not known yet", [told("somethingNew"), completed("turn-1")]],
    ["told twice", [told("active", "turn-1"), told("complete", "turn-1"), completed("turn-1")]]
  ]
  for (const [name, events] of orders) {
    scenario(name, () =>
      Effect.gen(function*() {
        const { server, thread } = yield* setup
        const goal = yield* thread.startGoal("go on")
        const stream = yield* inBackground(Stream.runCollect(goal.stream))
        yield* server.notifyAll([said("turn-1", "done"), ...events])
        const result = yield* goal.run
        assert.deepStrictEqual([result.id, result.status, result.finalResponse], ["turn-1", "completed", "done"])
        assert.deepStrictEqual(methods(yield* Fiber.join(stream)), ["turn/started", "item/completed", "turn/completed"])
      }))
  }

  scenario("with the turn that is over, not between two", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const goal = yield* thread.startGoal("go on")
      const stream = yield* inBackground(Stream.runCollect(goal.stream))
      yield* server.notifyAll([
        said("turn-1", "one"),
        completed("turn-1", { startedAt: Fixture.time, completedAt: Fixture.time + 1 }),
        started("turn-2"),
        told("complete", "turn-2"),
        said("turn-2", "two"),
        completed("turn-2", { startedAt: Fixture.time + 5, completedAt: Fixture.time + 9, durationMs: 4000 })
      ])
      const result = yield* goal.run
      assert.deepStrictEqual(answers(result), ["one", "two"])
      assert.deepStrictEqual(
        [result.startedAt, result.completedAt, result.durationMs],
        [Fixture.time, Fixture.time + 9, 9000]
      )
      const events = yield* Fiber.join(stream)
      assert.deepStrictEqual(methods(events), ["turn/started", "item/completed", "item/completed", "turn/completed"])
      const last = events.at(-1)!
      assert(last.method === "turn/completed")
      assert.deepInclude(last.params.turn, { id: "turn-1", startedAt: Fixture.time, durationMs: 9000 })
      const item = events[2]!
      assert(item.method === "item/completed")
      assert.strictEqual(item.params.turnId, "turn-1")
    }))

  scenario("when its turn is interrupted, although it is still active", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const goal = yield* thread.startGoal("go on")
      yield* server.notifyAll([said("turn-1", "one"), completed("turn-1", { status: "interrupted" })])
      assert.strictEqual((yield* goal.run).status, "interrupted")
    }))

  scenario(
    "when its thread stays idle between two turns, and the server reports that it has ended",
    () =>
      Effect.gen(function*() {
        const { server, tell, thread } = yield* setup
        const goal = yield* thread.startGoal("go on")
        yield* server.on("thread/goal/get", () => ({ goal: goalOf("complete") }))
        yield* tell(said("turn-1", "done"), status("idle"), completed("turn-1"))
        yield* TestClock.adjust("5 seconds")
        assert.deepInclude(yield* goal.run, { status: "completed", finalResponse: "done" })
      })
  )

  scenario(
    "as failed, when its thread stays idle between two turns although it is active",
    () =>
      Effect.gen(function*() {
        const { server, tell, thread } = yield* setup
        const goal = yield* thread.startGoal("go on")
        yield* server.on("thread/goal/get", () => ({ goal: goalOf("active") }))
        yield* tell(said("turn-1", "half"), status("idle"), completed("turn-1"))
        // The wait begins anew with each turn.
        yield* TestClock.adjust("4 seconds")
        yield* tell(status("active"), started("turn-2"), status("idle"), completed("turn-2"))
        yield* TestClock.adjust("4 seconds")
        assert.deepStrictEqual(yield* sent("thread/goal/get"), [])
        yield* TestClock.adjust("1 second")
        const error = yield* Effect.flip(goal.run)
        assert(error._tag === "TurnFailedError")
        assert.include(error.message, "the goal has not ended")
        assert.deepStrictEqual(answers(error.result), ["half"])
      })
  )

  scenario("not while a turn of another client runs on its thread", () =>
    Effect.gen(function*() {
      const { server, tell, thread } = yield* setup
      const goal = yield* thread.startGoal("go on")
      yield* server.on("thread/goal/get", () => ({ goal: goalOf("active") }))
      yield* server.on("thread/read", () => ({
        thread: Fixture.thread({ id: threadId, status: { type: "active", activeFlags: [] } })
      }))
      yield* tell(status("idle"), completed("turn-1"))
      yield* TestClock.adjust("5 seconds")
      yield* server.awaitRequest("thread/read", 1)
      yield* tell(started("turn-2"), said("turn-2", "done"), told("complete"), completed("turn-2"))
      assert.strictEqual((yield* goal.run).finalResponse, "done")
    }))

  scenario("for all callers: one that stops waiting does not affect the others", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const goal = yield* thread.startGoal("go on")
      const first = yield* inBackground(goal.run)
      const second = yield* inBackground(Stream.runDrain(goal.stream))
      const third = yield* inBackground(goal.run)
      yield* Fiber.interruptAll([first, second])
      yield* server.notifyAll([said("turn-1", "done"), told("complete"), completed("turn-1")])
      assert.strictEqual((yield* Fiber.join(third)).finalResponse, "done")
    }))
})

describe("a goal takes", () => {
  scenario("the events of its thread only", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const goal = yield* thread.startGoal("go on")
      const stream = yield* inBackground(Stream.runCollect(goal.stream))
      yield* server.notifyAll([
        Fixture.turnStarted("another", "turn-7"),
        Fixture.delta("another", "turn-7", "no"),
        Fixture.turnCompleted("another", "turn-7"),
        { method: "thread/goal/cleared", params: { threadId: "another" } },
        completed("turn-1"),
        started("turn-2"),
        Fixture.delta(threadId, "turn-2", "yes"),
        Fixture.tokenUsage(threadId, "turn-2", Fixture.tokens({ totalTokens: 7 })),
        { method: "future/event", params: { threadId, turnId: "turn-2", what: "?" } } as never,
        told("complete"),
        completed("turn-2")
      ])
      const events = yield* Fiber.join(stream)
      assert.deepStrictEqual(methods(events), [
        "turn/started",
        "item/agentMessage/delta",
        "thread/tokenUsage/updated",
        "$unknown",
        "turn/completed"
      ])
      const unknown = events[3]!
      assert(unknown.method === "$unknown")
      assert.deepStrictEqual(unknown.raw["params"], { threadId, turnId: "turn-1", what: "?" })
      assert.strictEqual((yield* goal.run).usage?.last.totalTokens, 7)
    }))

  scenario(
    "the questions of its turns: one needs no answer any more when the turn that asked has ended",
    () =>
      Effect.gen(function*() {
        const { codex, server, tell } = yield* setup
        const inbox = yield* ServerRequests.inbox()
        const thread = yield* codex.threadResume(threadId, { serverRequests: inbox.handlers })
        const goal = yield* thread.startGoal("go on")
        yield* tell(completed("turn-1"), started("turn-2"))
        const place = { threadId, turnId: "turn-2", itemId: "item", startedAtMs: 0, questions: [] }
        yield* inBackground(server.ask("item/tool/requestUserInput", place))
        const [request] = yield* inbox.requests.pipe(Stream.take(1), Stream.runCollect)
        assert.strictEqual(request!.context.turnId, "turn-2")
        yield* tell(completed("turn-2"))
        yield* request!.closed
        yield* tell(cleared)
        yield* goal.run
      })
  )
})

describe("a goal fails", () => {
  scenario("when its first turn does", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const running = yield* inBackground(thread.runGoal("go on"))
      yield* server.awaitRequest("thread/goal/set")
      yield* server.notifyAll([told("blocked", "turn-1"), failed("turn-1", "boom")])
      const error = yield* Effect.flip(Fiber.join(running))
      assert(error._tag === "TurnFailedError")
      assert.strictEqual(error.error?.message, "boom")
      assert.strictEqual(error.turnId, "turn-1")
    }))

  scenario("when it is over, if a turn of it failed on the way", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const goal = yield* thread.startGoal("go on")
      const stream = yield* inBackground(Stream.runCollect(goal.stream))
      yield* server.notifyAll([
        failed("turn-1", "boom"),
        started("turn-2"),
        said("turn-2", "two"),
        told("complete"),
        completed("turn-2")
      ])
      const error = yield* Effect.flip(goal.run)
      assert(error._tag === "TurnFailedError")
      assert.strictEqual(error.error?.message, "boom")
      assert.deepStrictEqual(answers(error.result), ["two"])
      assert.deepStrictEqual(methods(yield* Fiber.join(stream)), ["turn/started", "item/completed", "turn/completed"])
    }))

  for (
    const unloaded of [
      { method: "thread/closed", params: { threadId } },
      { method: "thread/status/changed", params: { threadId, status: { type: "notLoaded" } } }
    ] as const
  ) {
    scenario(
      `between two turns, when its thread is not loaded any more: ${unloaded.method}`,
      () =>
        Effect.gen(function*() {
          const { tell, thread } = yield* setup
          const goal = yield* thread.startGoal("go on")
          yield* tell(said("turn-1", "half"), completed("turn-1"), unloaded)
          const error = yield* Effect.flip(goal.run)
          assert(error._tag === "TurnFailedError")
          assert.strictEqual(error.result.finalResponse, "half")
        })
    )
  }

  scenario("when the connection is lost", () =>
    Effect.gen(function*() {
      const { server, tell, thread } = yield* setup
      const goal = yield* thread.startGoal("go on")
      const running = yield* inBackground(goal.run)
      yield* tell(said("turn-1", "one"), completed("turn-1"))
      yield* server.crash()
      assert.strictEqual((yield* Effect.flip(Fiber.join(running)))._tag, "CodexConnectionError")
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(goal.stream)))._tag, "CodexConnectionError")
      assert.strictEqual((yield* Effect.flip(goal.steer("faster")))._tag, "CodexConnectionError")
      yield* goal.interrupt
    }))

  scenario("if the server never reports it", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      yield* server.on(
        "thread/goal/set",
        ({ status }) => Effect.as(server.notifyAll([started("turn-1")]), { goal: goalOf(status!) })
      )
      const running = yield* thread.startGoal("go on")
      yield* server.notifyAll([completed("turn-1")])
      const error = yield* Effect.flip(running.run)
      assert(error._tag === "CodexDecodeError")
      assert.include(error.message, "thread/goal/updated")
    }))

  scenario("if the server's report of it can't be read", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const running = yield* thread.startGoal("go on")
      yield* server.notify("thread/goal/updated", FakeAppServer.verbatim({ threadId, goal: "perhaps" }))
      const error = yield* Effect.flip(running.run)
      assert(error._tag === "CodexDecodeError")
      assert.strictEqual(error.method, "thread/goal/updated")
    }))
})

describe("a goal that can't be started", () => {
  /** The thread can be used, and nothing is left of the goal. */
  const free = Effect.gen(function*() {
    const codex = yield* Codex.Codex
    yield* idle
    const result = yield* codex.thread(threadId).run("hello", { whenBusy: "fail" })
    assert.strictEqual(result.status, "completed")
  })

  scenario("because the server refuses it", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      yield* server.on("thread/goal/set", () => refused("goals feature is disabled"))
      const error = yield* Effect.flip(thread.startGoal("go on"))
      assert(error._tag === "CodexRpcError")
      assert.include(error.message, "goals feature is disabled")
      yield* free
    }))

  scenario("because its first turn does not start in time: it is paused", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      yield* server.on(
        "thread/goal/set",
        ({ status }) => Effect.as(server.notifyAll([told(status!)]), { goal: goalOf(status!) })
      )
      const starting = yield* inBackground(thread.startGoal("go on"))
      yield* server.awaitRequest("thread/goal/set")
      yield* TestClock.adjust("30 seconds")
      yield* server.awaitRequest("thread/goal/set", 1)
      // Now a turn may start that was decided on before.
      yield* TestClock.adjust("500 millis")
      const error = yield* Effect.flip(Fiber.join(starting))
      assert(error._tag === "CodexTimeoutError")
      assert.deepInclude(error, { method: "thread/goal/set", timeoutMs: 30_000, threadId })
      assert.deepStrictEqual(yield* sent("thread/goal/set"), [
        { threadId, objective: "go on", status: "active" },
        { threadId, status: "paused" }
      ])
      yield* free
    }))

  scenario("because the connection is lost", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      yield* server.on("thread/goal/set", () => Effect.never)
      const starting = yield* inBackground(thread.runGoal("go on"))
      yield* server.awaitRequest("thread/goal/set")
      yield* server.crash()
      assert.strictEqual((yield* Effect.flip(Fiber.join(starting)))._tag, "CodexConnectionError")
    }))

  scenario("because the thread runs a turn of another client", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      yield* server.on("thread/read", ({ threadId }) => ({
        thread: Fixture.thread({ id: threadId, status: { type: "active", activeFlags: [] } })
      }))
      assert.strictEqual((yield* Effect.flip(thread.startGoal("go on")))._tag, "ThreadBusyError")
      assert.deepStrictEqual(yield* sent("thread/goal/clear"), [])
      yield* free
    }))
})

describe("steering", () => {
  scenario("goes to the turn that runs", () =>
    Effect.gen(function*() {
      const { server, tell, thread } = yield* setup
      yield* server.on("turn/steer", ({ expectedTurnId }) => ({ turnId: expectedTurnId }))
      const goal = yield* thread.startGoal("go on")
      yield* tell(completed("turn-1"), started("turn-2"))
      yield* goal.steer("faster")
      // Between two turns it waits for the next.
      yield* tell(completed("turn-2"))
      const steering = yield* inBackground(goal.steer("louder"))
      yield* tell(started("turn-3"))
      yield* Fiber.join(steering)
      assert.deepStrictEqual(
        (yield* sent("turn/steer")).map((params) => (params as Protocol.TurnSteerParams).expectedTurnId),
        ["turn-2", "turn-3"]
      )
      yield* tell(told("complete"), completed("turn-3"))
      yield* goal.run
    }))

  scenario("is sent again, once, to the turn that the server reports as running", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      yield* server.on("turn/steer", ({ expectedTurnId }) =>
        expectedTurnId === "turn-2"
          ? { turnId: "turn-2" }
          : refused(`expected active turn id \`${expectedTurnId}\` but found \`turn-2\``))
      const goal = yield* thread.startGoal("go on")
      yield* goal.steer("faster")
      assert.deepStrictEqual(
        (yield* sent("turn/steer")).map((params) => (params as Protocol.TurnSteerParams).expectedTurnId),
        ["turn-1", "turn-2"]
      )
      yield* server.on(
        "turn/steer",
        ({ expectedTurnId }) => refused(`expected active turn id ${expectedTurnId} but found turn-9`)
      )
      const error = yield* Effect.flip(goal.steer("louder"))
      assert(error._tag === "CodexRpcError")
      assert.strictEqual(error.reason._tag, "TurnMismatch")
      assert.strictEqual((yield* sent("turn/steer")).length, 4)
      yield* server.notifyAll([told("complete"), completed("turn-1")])
      yield* goal.run
    }))

  scenario("is sent again to the next turn, when the server is between two", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      yield* server.on("turn/steer", ({ expectedTurnId }) =>
        expectedTurnId === "turn-2"
          ? { turnId: "turn-2" }
          : Effect.andThen(
            server.notifyAll([completed("turn-1"), started("turn-2")]),
            refused("no active turn to steer")
          ))
      const goal = yield* thread.startGoal("go on")
      yield* goal.steer("faster")
      assert.strictEqual((yield* sent("turn/steer")).length, 2)
      yield* server.notifyAll([told("complete"), completed("turn-2")])
      assert.strictEqual((yield* goal.run).id, "turn-1")
    }))

  scenario(
    "fails without a request when the goal has ended, also while it waited for a turn",
    () =>
      Effect.gen(function*() {
        const { server, tell, thread } = yield* setup
        const goal = yield* thread.startGoal("go on")
        const stream = yield* inBackground(Stream.runDrain(goal.stream))
        yield* tell(completed("turn-1"))
        const steering = yield* inBackground(goal.steer("faster"))
        yield* server.notifyAll([told("complete")])
        yield* Fiber.join(stream)
        for (const error of [yield* Effect.flip(Fiber.join(steering)), yield* Effect.flip(goal.steer("faster"))]) {
          assert(error._tag === "CodexRpcError")
          assert.strictEqual(error.reason._tag, "NoActiveTurn")
        }
        assert.deepStrictEqual(yield* sent("turn/steer"), [])
      })
  )
})

describe("interrupting", () => {
  scenario("pauses first, then interrupts the turn that runs", () =>
    Effect.gen(function*() {
      const { server, tell, thread } = yield* setup
      yield* server.on(
        "turn/interrupt",
        ({ turnId }) => Effect.as(server.notifyAll([completed(turnId, { status: "interrupted" })]), {})
      )
      const goal = yield* thread.startGoal("go on")
      yield* tell(completed("turn-1"), started("turn-2"))
      yield* goal.interrupt
      const result = yield* goal.run
      assert.deepStrictEqual([result.id, result.status], ["turn-1", "interrupted"])
      const order = (yield* server.requests).map(({ method }) => method).slice(-2)
      assert.deepStrictEqual(order, ["thread/goal/set", "turn/interrupt"])
      assert.deepStrictEqual(yield* sent("turn/interrupt"), [{ threadId, turnId: "turn-2" }])
      // It has ended: there is nothing to do.
      yield* goal.interrupt
      assert.strictEqual((yield* sent("turn/interrupt")).length, 1)
    }))

  scenario(
    "interrupts the turn that the server reports as running, and succeeds if there is none",
    () =>
      Effect.gen(function*() {
        const { server, thread } = yield* setup
        yield* server.on("turn/interrupt", ({ turnId }) =>
          turnId === "turn-2"
            ? Effect.as(
              server.notifyAll([
                completed("turn-1"),
                started("turn-2"),
                completed("turn-2", { status: "interrupted" })
              ]),
              {}
            )
            : refused("expected active turn id turn-1 but found turn-2"))
        const goal = yield* thread.startGoal("go on")
        yield* goal.interrupt
        assert.strictEqual((yield* goal.run).status, "interrupted")
      })
  )

  scenario("between two turns, interrupts one that starts late", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      yield* server.on(
        "turn/interrupt",
        ({ turnId }) => Effect.as(server.notifyAll([completed(turnId, { status: "interrupted" })]), {})
      )
      // The server had decided on the next turn already.
      yield* server.on("thread/goal/set", ({ status }) =>
        Effect.as(
          server.notifyAll(
            status === "active"
              ? [told("active"), started("turn-1"), said("turn-1", "one"), completed("turn-1")]
              : [told("paused")]
          ),
          { goal: goalOf(status!) }
        ))
      const running = yield* thread.startGoal("go on")
      const interrupting = yield* inBackground(running.interrupt)
      yield* server.awaitRequest("thread/goal/set", 1)
      yield* TestClock.adjust("100 millis")
      yield* server.notifyAll([started("turn-2")])
      yield* Fiber.join(interrupting)
      const result = yield* running.run
      assert.strictEqual(result.status, "interrupted")
      assert.deepStrictEqual(answers(result), ["one"])
      assert.deepStrictEqual(yield* sent("turn/interrupt"), [{ threadId, turnId: "turn-2" }])
    }))

  scenario("between two turns, ends when none starts", () =>
    Effect.gen(function*() {
      const { server, tell, thread } = yield* setup
      const goal = yield* thread.startGoal("go on")
      yield* tell(completed("turn-1"))
      const interrupting = yield* inBackground(goal.interrupt)
      yield* server.awaitRequest("thread/goal/set", 1)
      yield* TestClock.adjust("500 millis")
      yield* Fiber.join(interrupting)
      assert.strictEqual((yield* goal.run).status, "interrupted")
      assert.deepStrictEqual(yield* sent("turn/interrupt"), [])
    }))

  scenario("that fails leaves the goal as it is", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const goal = yield* thread.startGoal("go on")
      yield* server.on("thread/goal/set", () => refused("not now"))
      const error = yield* Effect.flip(goal.interrupt)
      assert(error._tag === "CodexRpcError")
      assert.include(error.message, "not now")
      yield* server.notifyAll([told("complete"), completed("turn-1")])
      assert.strictEqual((yield* goal.run).status, "completed")
    }))

  scenario("a goal that is over interrupts its last turn, and does not touch the goal", () =>
    Effect.gen(function*() {
      const { server, tell, thread } = yield* setup
      yield* server.on(
        "turn/interrupt",
        ({ turnId }) => Effect.as(server.notifyAll([completed(turnId, { status: "interrupted" })]), {})
      )
      const goal = yield* thread.startGoal("go on")
      yield* tell(told("complete"))
      yield* goal.interrupt
      assert.strictEqual((yield* goal.run).status, "interrupted")
      assert.strictEqual((yield* sent("thread/goal/set")).length, 1)
    }))

  scenario("the fiber of runGoal gives up on a server that does not end the turn", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      yield* server.on("turn/interrupt", () => ({}))
      const running = yield* inBackground(thread.runGoal("go on"))
      yield* server.awaitRequest("thread/goal/set")
      const interrupting = yield* inBackground(Fiber.interrupt(running))
      yield* server.awaitRequest("turn/interrupt")
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(interrupting)
      yield* idle
    }))
})
