import { Gate, Item, Reply, TestCodex } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import type { CodexError, Notification, Turn } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { agentTexts, deltas, fresh, idle, serverOf, setup, shared } from "./utils.ts"

const goalsLayer = TestCodex.layer({ home: { config: { features: { goals: true } } } })

const withGoals = Effect.provide(goalsLayer)

const withEcho = Effect.provide(
  TestCodex.layer({ script: TestCodex.echo, home: { config: { features: { goals: true } } } })
)

/** The model says that the goal is reached. */
const complete = (usage?: Reply.Options["usage"]) =>
  Reply.functionCall(
    { name: "update_goal", arguments: { status: "complete" } },
    usage === undefined ? {} : { usage }
  )

const methods = (events: ReadonlyArray<Notification.Notification>, prefix: string) =>
  events.map(({ method }) => method).filter((method) => method.startsWith(prefix))

/** The turn ids that events carry, each once. */
const turnIds = (events: ReadonlyArray<Notification.Notification>) => {
  const ids = new Set<string>()
  for (const event of events) {
    if (event.method === "$unknown" || event.method === "$undecodable") continue
    if ("turnId" in event.params && typeof event.params.turnId === "string") ids.add(event.params.turnId)
    if (event.method === "turn/started" || event.method === "turn/completed") ids.add(event.params.turn.id)
  }
  return [...ids]
}

/** A goal in its second turn, held at a gate. */
const continued = Effect.gen(function*() {
  const { codex, model } = yield* setup
  const gate = yield* Gate.make
  yield* model.enqueue(Reply.text("one"), Reply.after(gate, Reply.text("two")))
  const thread = yield* codex.threadStart()
  const goal = yield* thread.startGoal("go on")
  yield* gate.arrived
  return { thread, goal, gate }
})

shared(goalsLayer)("a goal", (it) => {
  it.effect("over several turns is one result", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      yield* model.enqueue(
        Reply.text("initial", { usage: { inputTokens: 4, cachedInputTokens: 2, outputTokens: 1 } }),
        complete({ inputTokens: 3, outputTokens: 2 }),
        Reply.text("final", { usage: { inputTokens: 5, outputTokens: 3 } })
      )
      const thread = yield* codex.threadStart()
      const result = yield* thread.runGoal("  make it so \n")
      assert.strictEqual(result.threadId, thread.id)
      assert.strictEqual(result.status, "completed")
      assert.isNull(result.error)
      assert.deepStrictEqual(agentTexts(result), ["initial", "final"])
      assert.strictEqual(result.finalResponse, "final")
      assert.deepInclude(result.usage?.last, {
        inputTokens: 5,
        cachedInputTokens: 0,
        outputTokens: 3,
        reasoningOutputTokens: 0,
        totalTokens: 8
      })
      assert.deepInclude(result.usage?.total, {
        inputTokens: 12,
        cachedInputTokens: 2,
        outputTokens: 6,
        reasoningOutputTokens: 0,
        totalTokens: 18
      })
      assert.strictEqual(result.durationMs, (result.completedAt! - result.startedAt!) * 1000)

      const requests = yield* model.requests
      assert.strictEqual(requests.length, 3)
      // The model is given it as the output of a call that it never made.
      assert.strictEqual(requests[0]!.toolOutput(), "make it so")
      assert.deepStrictEqual(requests.map((request) => request.turnId === result.id), [true, false, false])
      assert.deepInclude(yield* thread.goal.read, { objective: "make it so", status: "complete", tokenBudget: null })
      assert.deepInclude(router.stats(), idle)
    }).pipe(fresh))

  it.effect("streams as one turn: one start, one end, one id", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(
        Reply.message({ deltas: ["ini", "tial"] }),
        Reply.text("again"),
        complete(),
        Reply.message({ deltas: ["fi", "nal"] })
      )
      const thread = yield* codex.threadStart()
      const goal = yield* thread.startGoal("make it so")
      const events = yield* Stream.runCollect(goal.stream)
      assert.strictEqual(events[0]!.method, "turn/started")
      assert.strictEqual(events.at(-1)!.method, "turn/completed")
      assert.deepStrictEqual(methods(events, "turn/"), ["turn/started", "turn/completed"])
      assert.deepStrictEqual(methods(events, "thread/goal/"), [])
      assert.deepStrictEqual(methods(events, "$"), [])
      assert.deepStrictEqual(turnIds(events), [goal.id])
      assert.deepStrictEqual(deltas(events), ["ini", "tial", "again", "fi", "nal"])
      const result = yield* goal.run
      assert.strictEqual(result.id, goal.id)
      assert.deepStrictEqual(agentTexts(result), ["initial", "again", "final"])
      // The thread itself shows the turns as they were.
      const { turns } = yield* thread.read({ includeTurns: true })
      assert.strictEqual(turns.length, 3)
      assert.strictEqual(turns[0]!.id, goal.id)
    }).pipe(fresh))

  it.effect("that is reached in its first turn ends with it; then it can't be steered, and there is nothing to stop", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(complete(), Reply.text("done"))
      const thread = yield* codex.threadStart()
      const goal = yield* thread.startGoal("easy")
      assert.strictEqual((yield* goal.run).finalResponse, "done")
      const steering = yield* Effect.flip(goal.steer("faster"))
      assert(steering._tag === "CodexRpcError")
      assert.strictEqual(steering.reason._tag, "NoActiveTurn")
      yield* goal.interrupt
      assert.strictEqual((yield* thread.goal.read)?.status, "complete")
      assert.strictEqual((yield* model.requests).length, 2)
    }).pipe(fresh))

  it.effect("replaces one that was paused, and one that is refused here leaves it as it is", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      yield* codex.client.request("thread/goal/set", {
        threadId: thread.id,
        objective: "the old one",
        status: "paused",
        tokenBudget: 1000
      })
      const before = yield* thread.goal.read
      const tooLong = yield* Effect.flip(thread.runGoal("x".repeat(4001)))
      assert.strictEqual(tooLong._tag, "InvalidInputError")
      assert.deepStrictEqual(yield* thread.goal.read, before)
      assert.deepStrictEqual(yield* model.requests, [])

      yield* model.enqueue(complete(), Reply.text("done"))
      yield* thread.runGoal("the new one")
      assert.notInclude(JSON.stringify((yield* model.requests).map(({ body }) => body)), "the old one")
      assert.deepInclude(yield* thread.goal.read, { objective: "the new one", status: "complete", tokenBudget: null })
    }).pipe(fresh))

  it.effect("may have a budget", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(
        Reply.make([Item.functionCall({ name: "exec_command", arguments: { cmd: "true" } })], {
          usage: { inputTokens: 90, outputTokens: 20 }
        }),
        Reply.text("that was it")
      )
      const thread = yield* codex.threadStart()
      const result = yield* thread.runGoal("spend", { tokenBudget: 100 })
      assert.strictEqual(result.finalResponse, "that was it")
      assert.deepInclude(yield* thread.goal.read, { status: "budgetLimited", tokenBudget: 100 })
    }).pipe(fresh))

  it.effect("is read, paused, resumed and cleared", () =>
    Effect.gen(function*() {
      const { gate, goal, thread } = yield* continued
      const { model } = yield* setup
      assert.deepInclude(yield* thread.goal.read, { objective: "go on", status: "active" })
      assert.strictEqual((yield* thread.goal.pause).status, "paused")
      yield* gate.open
      // It ends with the turn that runs, which is not interrupted.
      const paused = yield* goal.run
      assert.strictEqual(paused.status, "completed")
      assert.deepStrictEqual(agentTexts(paused), ["one", "two"])

      yield* model.enqueue(Reply.text("three"), complete(), Reply.text("four"))
      const resumed = yield* thread.goal.resume()
      assert.notStrictEqual(resumed.id, goal.id)
      assert.deepStrictEqual(agentTexts(yield* resumed.run), ["three", "four"])
      assert.strictEqual((yield* thread.goal.read)?.status, "complete")

      assert.isTrue(yield* thread.goal.clear)
      assert.isNull(yield* thread.goal.read)
      assert.isFalse(yield* thread.goal.clear)
      assert.strictEqual((yield* Effect.flip(thread.goal.resume()))._tag, "CodexRpcError")
    }).pipe(fresh))

  it.effect("that is cleared ends with the running turn", () =>
    Effect.gen(function*() {
      const { gate, goal, thread } = yield* continued
      yield* thread.goal.clear
      yield* gate.open
      assert.deepStrictEqual(agentTexts(yield* goal.run), ["one", "two"])
    }).pipe(fresh))

  it.effect("keeps the thread for itself until it has ended", () =>
    Effect.gen(function*() {
      const { gate, goal, thread } = yield* continued
      const { codex, model } = yield* setup
      const next = yield* Effect.forkChild(codex.thread(thread.id).run("and then?"), { startImmediately: true })
      assert.strictEqual((yield* Effect.flip(thread.run("now!", { whenBusy: "fail" })))._tag, "ThreadBusyError")
      yield* model.enqueue(complete(), Reply.text("done"), Reply.text("then this"))
      yield* gate.open
      assert.strictEqual((yield* goal.run).finalResponse, "done")
      assert.strictEqual((yield* Fiber.join(next)).finalResponse, "then this")
    }).pipe(fresh))
})

describe.concurrent("steering a goal", () => {
  it.live("reaches the turn that runs, after the first too", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const gate = yield* Gate.make
      yield* model.enqueue(
        Reply.text("initial"),
        Reply.make([Item.message({ text: "one" }), gate]),
        Reply.make([Item.message({ text: "two" }), gate]),
        complete(),
        Reply.text("final")
      )
      const thread = yield* codex.threadStart()
      const goal = yield* thread.startGoal("go on")
      const joined = yield* Deferred.make<Turn.Turn>()
      yield* Stream.runForEach(goal.items, (item) => {
        if (item.type !== "agentMessage") return Effect.void
        if (item.text === "one") return goal.steer("faster")
        if (item.text !== "two") return Effect.void
        const joining = codex.thread(thread.id).turn("and louder", { whenBusy: "steer" })
        return Effect.flatMap(joining, (turn) => Deferred.succeed(joined, turn))
      })
      const result = yield* goal.run
      const { id, run } = yield* Deferred.await(joined)
      assert.strictEqual(id, goal.id)
      assert.strictEqual(yield* run, result)
      assert.strictEqual(result.id, goal.id)
      assert.deepStrictEqual(agentTexts(result), ["initial", "one", "two", "final"])
      assert.strictEqual((yield* model.awaitRequest(2)).lastUserText, "faster")
      assert.strictEqual((yield* model.awaitRequest(3)).lastUserText, "and louder")
      assert.strictEqual((yield* model.requests).length, 5)
    }).pipe(withGoals))

  it.live("reaches it whenever it comes: between two turns too", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      const goal = yield* thread.startGoal("go on")
      // The agent goes on turn after turn, until it is told something.
      yield* Stream.runDrain(Stream.takeUntil(goal.stream, ({ method }) => method === "item/completed"))
      yield* goal.steer("enough")
      const result = yield* goal.run
      assert.strictEqual(result.finalResponse, "as you like")
      assert.include((yield* model.requests).at(-1)!.userTexts, "enough")
    }).pipe(Effect.provide(TestCodex.layer({
      home: { config: { features: { goals: true } } },
      script: {
        respond: (request) => {
          if (request.toolOutput("done") !== undefined) return Reply.text("as you like")
          return request.userTexts.includes("enough")
            ? Reply.functionCall({ name: "update_goal", arguments: { status: "complete" }, callId: "done" })
            : Reply.text("step")
        }
      }
    }))))
})

shared(goalsLayer)("stopping a goal", (it) => {
  it.effect("interrupting it pauses it, and interrupts the turn that runs", () =>
    Effect.gen(function*() {
      const { goal, thread } = yield* continued
      const { model, router } = yield* setup
      yield* goal.interrupt
      const result = yield* goal.run
      assert.strictEqual(result.status, "interrupted")
      assert.strictEqual(result.id, goal.id)
      assert.deepStrictEqual(agentTexts(result), ["one"])
      assert.strictEqual((yield* thread.goal.read)?.status, "paused")
      yield* model.enqueue(Reply.text("an ordinary turn"))
      assert.strictEqual((yield* thread.run("hello?")).finalResponse, "an ordinary turn")
      assert.strictEqual((yield* model.requests).length, 3)
      assert.deepInclude(router.stats(), idle)
    }).pipe(fresh))

  it.effect("interrupting it between two turns leaves none behind", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      // Another thread each time, and a little later each time after the end of the first turn.
      yield* Effect.forEach([0, 4, 8], (wait) =>
        Effect.gen(function*() {
          const thread = yield* codex.threadStart()
          const goal = yield* thread.startGoal("go on")
          yield* Stream.runDrain(Stream.takeUntil(goal.stream, ({ method }) => method === "item/completed"))
          yield* Effect.sleep(`${wait} millis`)
          yield* goal.interrupt
          assert.strictEqual((yield* goal.run).status, "interrupted")
          const turns = Effect.map(thread.read({ includeTurns: true }), ({ status, turns }) => ({
            status: status.type,
            turns: turns.map(({ id, status }) => [id, status])
          }))
          const ended = yield* turns
          assert.strictEqual(ended.status, "idle")
          // An ordinary turn is the next one, and no other has come between.
          const next = yield* thread.run("hello?")
          assert.deepStrictEqual((yield* turns).turns, [...ended.turns, [next.id, "completed"]])
          assert.strictEqual((yield* thread.goal.read)?.status, "paused")
        }))
    }).pipe(withEcho))

  it.effect("interrupting the fiber of runGoal does, and waits until it has ended", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.text("one"), Reply.after(gate, Reply.text("two")))
      const thread = yield* codex.threadStart()
      const running = yield* Effect.forkChild(thread.runGoal("go on"), { startImmediately: true })
      yield* gate.arrived
      yield* Fiber.interrupt(running)
      assert.strictEqual((yield* thread.read()).status.type, "idle")
      assert.strictEqual((yield* thread.goal.read)?.status, "paused")
      assert.strictEqual(yield* (yield* model.awaitRequest(1)).outcome, "aborted")
      assert.deepInclude(router.stats(), idle)
      yield* model.enqueue(Reply.text("fine"))
      assert.strictEqual((yield* thread.run("go on")).finalResponse, "fine")
    }).pipe(fresh))

  it.effect("also while it starts", () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const thread = yield* codex.threadStart()
      const starting = yield* Effect.forkChild(thread.startGoal("go on"), { startImmediately: true })
      yield* Fiber.interrupt(starting)
      assert.strictEqual((yield* thread.read()).status.type, "idle")
      assert.strictEqual((yield* thread.goal.read)?.status, "paused")
      assert.deepInclude(router.stats(), idle)
      assert.strictEqual((yield* thread.run("hello")).finalResponse, "hello")
    }).pipe(withEcho))

  it.effect("dropping the stream does not: the goal continues", () =>
    Effect.gen(function*() {
      const { gate, goal, thread } = yield* continued
      const { model, router } = yield* setup
      yield* Stream.runDrain(Stream.take(goal.stream, 1))
      assert.strictEqual((yield* thread.goal.read)?.status, "active")
      yield* model.enqueue(complete(), Reply.text("done"))
      yield* gate.open
      assert.deepStrictEqual(agentTexts(yield* goal.run), ["one", "two", "done"])
      assert.deepInclude(router.stats(), idle)
    }).pipe(fresh))
})

describe.concurrent("a goal fails", () => {
  it.live("when a turn fails finally; the thread continues", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      yield* model.enqueue(Reply.text("one"), Reply.failed({ code: "insufficient_quota", message: "pay first" }))
      const thread = yield* codex.threadStart()
      const error = yield* Effect.flip(thread.runGoal("go on"))
      assert(error._tag === "TurnFailedError")
      assert.strictEqual(error.error?.message, "Quota exceeded. Check your plan and billing details.")
      assert.strictEqual(error.error?.codexErrorInfo, "usageLimitExceeded")
      assert.deepStrictEqual(agentTexts(error.result), ["one"])
      assert.strictEqual((yield* thread.goal.read)?.status, "usageLimited")
      yield* model.enqueue(Reply.text("fine"))
      assert.strictEqual((yield* thread.run("again")).finalResponse, "fine")
      // After a failure the thread takes a goal again.
      yield* model.enqueue(Reply.failed({ code: "boom", message: "boom" }), complete(), Reply.text("done"))
      assert.strictEqual((yield* Effect.flip(thread.runGoal("again")))._tag, "TurnFailedError")
      assert.strictEqual((yield* thread.goal.read)?.status, "blocked")
      assert.strictEqual((yield* thread.runGoal("once more")).finalResponse, "done")
      assert.deepInclude(router.stats(), idle)
    }).pipe(withGoals))

  it.live("when the process is gone", () =>
    Effect.gen(function*() {
      const { goal, thread } = yield* continued
      const { home, router } = yield* setup
      const running = yield* Effect.forkChild(goal.run, { startImmediately: true })
      process.kill(yield* serverOf(home.codexHome), "SIGKILL")
      assert.strictEqual((yield* Effect.flip(Fiber.join(running)))._tag, "CodexConnectionError")
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(goal.stream)))._tag, "CodexConnectionError")
      assert.strictEqual((yield* Effect.flip(goal.steer("faster")))._tag, "CodexConnectionError")
      assert.strictEqual((yield* Effect.flip(thread.runGoal("again")))._tag, "CodexConnectionError")
      assert.deepInclude(router.stats(), idle)
    }).pipe(withGoals))

  it.live("before anything is sent, when its objective is invalid", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      for (
        const [objective, says] of [
          ["", "empty"],
          [" \n\t ", "empty"],
          ["x".repeat(4001), "4001 characters"],
          [123 as unknown as string, "not a string"]
        ] as const
      ) {
        for (
          const error of [
            yield* Effect.flip(thread.startGoal(objective)),
            yield* Effect.flip(thread.runGoal(objective))
          ]
        ) {
          assert(error._tag === "InvalidInputError")
          assert.strictEqual(error.field, "objective")
          assert.include(error.message, says)
        }
      }
      yield* model.enqueue(complete(), Reply.text("done"))
      // 4000 characters are fine, whatever their number of code units.
      assert.strictEqual((yield* thread.runGoal("🦀".repeat(4000))).finalResponse, "done")
    }).pipe(withGoals))

  it.live("when the thread is ephemeral", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      const thread = yield* codex.threadStart({ ephemeral: true })
      const error = yield* Effect.flip(thread.startGoal("go on"))
      assert(error._tag === "CodexRpcError")
      assert.include(error.message, "ephemeral thread does not support goals")
      assert.deepInclude(router.stats(), idle)
      yield* model.enqueue(Reply.text("fine"))
      assert.strictEqual((yield* thread.run("hello")).finalResponse, "fine")
      assert.strictEqual((yield* model.requests).length, 1)
    }).pipe(withGoals))

  it.live("when goals are disabled", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      const thread = yield* codex.threadStart()
      const { clear, pause, read } = thread.goal
      for (
        const goal of [thread.runGoal("go on"), read, pause, clear].map(
          Effect.asVoid<unknown, CodexError.CodexError, never>
        )
      ) {
        const error = yield* Effect.flip(goal)
        assert(error._tag === "CodexRpcError")
        assert.include(error.message, "goals feature is disabled")
      }
      assert.deepInclude(router.stats(), idle)
      assert.deepStrictEqual(yield* model.requests, [])
    }).pipe(Effect.provide(TestCodex.layer({ home: { config: { features: { goals: false } } } }))))

  it.live("when the thread is busy and it shall not wait; else it waits", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.message({ deltas: ["one ", gate, "two"] }))
      const thread = yield* codex.threadStart()
      const turn = yield* thread.turn("hello")
      yield* gate.arrived
      assert.strictEqual((yield* Effect.flip(thread.startGoal("go on", { whenBusy: "fail" })))._tag, "ThreadBusyError")
      yield* turn.interrupt
      assert.strictEqual((yield* turn.run).status, "interrupted")

      const again = yield* Gate.make
      yield* model.enqueue(Reply.after(again, Reply.text("three")), complete(), Reply.text("done"))
      yield* thread.turn("hello")
      yield* again.arrived
      const waiting = yield* Effect.forkChild(thread.runGoal("go on"), { startImmediately: true })
      yield* again.open
      assert.strictEqual((yield* Fiber.join(waiting)).finalResponse, "done")
    }).pipe(withGoals))

  it.live("when a turn runs that was not started here", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.after(gate, Reply.text("one")))
      const thread = yield* codex.threadStart()
      const { turn } = yield* codex.client.request("turn/start", {
        threadId: thread.id,
        input: [{ type: "text", text: "hello" }]
      })
      yield* gate.arrived
      assert.strictEqual((yield* Effect.flip(thread.startGoal("go on")))._tag, "ThreadBusyError")
      assert.isNull(yield* thread.goal.read)
      yield* codex.client.request("turn/interrupt", { threadId: thread.id, turnId: turn.id })
    }).pipe(withGoals))
})
