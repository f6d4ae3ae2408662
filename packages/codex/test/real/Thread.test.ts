import { Gate, Reply } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { CodexError, type Thread } from "effect-codex"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { deltas, echoing, fresh, idle, patient, patientLayer, scripted, scriptedLayer, setup, shared } from "./utils.ts"

/** The turns of a thread, as the server has them. */
const turnsOf = (thread: Thread.Thread) => Effect.map(thread.read({ includeTurns: true }), ({ turns }) => turns)

/** The turn was interrupted on the server, which was awaited, and nothing is left of it. */
const wasInterrupted = (thread: Thread.Thread) =>
  Effect.gen(function*() {
    const { model, router } = yield* setup
    assert.deepInclude(router.stats(), idle)
    assert.strictEqual((yield* turnsOf(thread)).at(-1)?.status, "interrupted")
    assert.strictEqual((yield* thread.read()).status.type, "idle")
    assert.strictEqual(yield* (yield* model.requests).at(-1)!.outcome, "aborted")
    assert.strictEqual((yield* thread.run("next", { whenBusy: "fail" })).finalResponse, "next")
  })

shared(scriptedLayer)("turns of one thread", (it) => {
  it.effect("follow each other, and the model sees what was said before", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      const results = [yield* thread.run("one"), yield* thread.run("two"), yield* thread.run("three")]
      assert.deepStrictEqual(results.map((result) => result.finalResponse), ["one", "two", "three"])
      assert.strictEqual(new Set(results.map((result) => result.id)).size, 3)
      const request = yield* model.awaitRequest(2)
      assert.deepStrictEqual(request.texts("assistant"), ["one", "two"])
      assert.deepStrictEqual(request.userTexts.slice(-3), ["one", "two", "three"])
      assert.deepStrictEqual((yield* turnsOf(thread)).map((turn) => turn.id), results.map((result) => result.id))
    }).pipe(echoing))

  it.effect("are found by the id of their message, while they run and later", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      const gate = yield* Gate.make
      const thread = yield* codex.threadStart()
      assert.isUndefined(yield* thread.findTurn("my message"))
      yield* model.enqueue(Reply.message({ deltas: ["before ", gate, "after"] }), Reply.text("another"))
      const turn = yield* thread.turn("go", { clientUserMessageId: "my message" })
      const events = yield* Effect.forkChild(Stream.runCollect(turn.stream), { startImmediately: true })
      yield* gate.arrived
      const same = yield* thread.findTurn("my message")
      assert.strictEqual(same?.id, turn.id)
      yield* gate.open
      assert.deepStrictEqual(yield* same!.run, yield* turn.run)
      // The handle that there was before gets nothing twice.
      const seen = yield* Fiber.join(events)
      assert.deepStrictEqual(deltas(seen), ["before ", "after"])
      assert.lengthOf(seen.filter(({ method }) => method === "item/completed"), 2)

      yield* thread.run("another")
      const ended = yield* thread.findTurn("my message")
      assert.strictEqual((yield* ended!.run).finalResponse, "before after")
      assert.deepStrictEqual(deltas(yield* Stream.runCollect(ended!.stream)).join(""), "before after")
      assert.strictEqual((yield* Effect.flip(thread.findTurn("")))._tag, "InvalidInputError")
      assert.deepInclude(router.stats(), idle)
    }).pipe(fresh))

  it.effect("run one after the other, in the order of the calls, over every handle", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      const thread = yield* codex.threadStart()
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.after(gate, Reply.text("one")))
      const run = (input: string) => Effect.forkChild(codex.thread(thread.id).run(input), { startImmediately: true })
      const fibers = [yield* run("first"), yield* run("second"), yield* run("third")]
      yield* gate.arrived
      assert.strictEqual((yield* model.requests).length, 1)
      assert.strictEqual(router.stats().turns, 1)
      yield* model.enqueue(Reply.text("two"), Reply.text("three"))
      yield* gate.open
      const results = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(results.map((result) => result.finalResponse), ["one", "two", "three"])
      assert.strictEqual(new Set(results.map((result) => result.id)).size, 3)
      assert.deepStrictEqual((yield* model.requests).map((request) => [request.turnId, request.lastUserText]), [
        [results[0]!.id, "first"],
        [results[1]!.id, "second"],
        [results[2]!.id, "third"]
      ])
    }).pipe(fresh))

  it.effect("that wait can be interrupted: they are never sent, and block nothing", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.after(gate, Reply.text("one")), Reply.text("three"))
      const first = yield* Effect.forkChild(thread.run("first"), { startImmediately: true })
      const second = yield* Effect.forkChild(thread.run("second"), { startImmediately: true })
      const third = yield* Effect.forkChild(thread.run("third"), { startImmediately: true })
      yield* gate.arrived
      yield* Fiber.interrupt(second)
      yield* gate.open
      assert.strictEqual((yield* Fiber.join(first)).finalResponse, "one")
      assert.strictEqual((yield* Fiber.join(third)).finalResponse, "three")
      assert.deepStrictEqual((yield* model.requests).map((request) => request.lastUserText), ["first", "third"])
    }).pipe(fresh))

  it.effect("whenBusy \"fail\": refused while one runs, free as soon as its result is there", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.after(gate, Reply.text("one")))
      const turn = yield* thread.turn("first")
      const error = yield* Effect.flip(codex.thread(thread.id).run("second", { whenBusy: "fail" }))
      assert.strictEqual(error._tag, "ThreadBusyError")
      assert.include(error.message, thread.id)
      yield* gate.open
      yield* turn.run
      yield* model.enqueue(Reply.text("three"))
      assert.strictEqual((yield* thread.run("third", { whenBusy: "fail" })).finalResponse, "three")
      assert.deepStrictEqual((yield* model.requests).map((request) => request.lastUserText), ["first", "third"])
    }).pipe(fresh))

  it.effect("whenBusy \"steer\": joins the one that runs, and leaves it running", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.hang, Reply.message({ deltas: ["two", gate] }))
      const turn = yield* thread.turn("first")
      yield* model.awaitRequest(0)
      // A caller that joined a turn and leaves does not stop the turn.
      const joined = codex.thread(thread.id).stream("second", { whenBusy: "steer" })
      const seen = yield* joined.pipe(
        Stream.takeUntil((event) => event.method === "item/agentMessage/delta"),
        Stream.runCollect
      )
      assert.deepStrictEqual(deltas(seen), ["two"])
      yield* gate.open
      const result = yield* turn.run
      assert.strictEqual(result.status, "completed")
      assert.strictEqual(result.finalResponse, "two")
      assert.deepStrictEqual((yield* model.requests).map((request) => [request.turnId, request.lastUserText]), [
        [turn.id, "first"],
        [turn.id, "second"]
      ])
    }).pipe(fresh))

  it.effect("whenBusy \"steer\": all who joined have the same result", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      yield* model.enqueue(Reply.hang, Reply.text("two"))
      const turn = yield* thread.turn("first")
      yield* model.awaitRequest(0)
      const joined = yield* thread.turn("second", { whenBusy: "steer" })
      assert.strictEqual(joined.id, turn.id)
      assert.strictEqual(yield* joined.run, yield* turn.run)
    }).pipe(fresh))

  it.effect("whenBusy \"steer\" on an idle thread starts one", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart()
      assert.strictEqual((yield* thread.run("one", { whenBusy: "steer" })).finalResponse, "one")
      assert.strictEqual((yield* thread.run("two", { whenBusy: "steer" })).finalResponse, "two")
    }).pipe(echoing))
})

describe("32 threads at once", () => {
  it.live("each run has its own answer", () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const names = Array.from({ length: 32 }, (_, index) => `thread ${index}`)
      const answers = yield* Effect.forEach(
        names,
        (name) => Effect.flatMap(codex.threadStart(), (thread) => thread.run(name)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(answers.map((result) => result.finalResponse), names)
      assert.deepInclude(router.stats(), idle)
    }).pipe(echoing))
})

shared(patientLayer)("interruption", (it) => {
  it.effect("of the fiber of a run", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      const fiber = yield* Effect.forkChild(thread.run("wait"))
      yield* model.awaitRequest(0)
      yield* Fiber.interrupt(fiber)
      yield* wasInterrupted(thread)
    }).pipe(fresh))

  it.effect("by Effect.timeout", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      // A clock on which an hour has passed when the model is asked.
      const clock = yield* Clock.Clock
      const sleep = (duration: Duration.Duration) =>
        Duration.toHours(duration) === 1 ? Effect.asVoid(model.awaitRequest(0)) : clock.sleep(duration)
      const hasty: Clock.Clock = Object.assign(Object.create(clock), { sleep })
      const error = yield* thread.run("wait").pipe(
        Effect.timeout("1 hour"),
        Effect.provideService(Clock.Clock, hasty),
        Effect.flip
      )
      assert.strictEqual(error._tag, "TimeoutError")
      yield* wasInterrupted(thread)
    }).pipe(fresh))

  it.effect("by Effect.race, of the one that loses", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const [loser, winner] = [yield* codex.threadStart(), yield* codex.threadStart()]
      const result = yield* Effect.race(
        loser.run("wait"),
        Effect.andThen(model.awaitRequest(0), winner.run("first"))
      )
      assert.strictEqual(result.finalResponse, "first")
      const { router } = yield* setup
      assert.deepInclude(router.stats(), idle)
      assert.strictEqual((yield* turnsOf(loser)).at(-1)?.status, "interrupted")
      assert.strictEqual((yield* loser.run("next")).finalResponse, "next")
    }).pipe(fresh))

  it.effect("by a consumer of thread.stream that stops early", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      const first = yield* thread.stream("wait").pipe(
        Stream.tap(() => Effect.asVoid(model.awaitRequest(0))),
        Stream.take(1),
        Stream.runCollect
      )
      assert.deepStrictEqual(first.map((event) => event.method), ["turn/started"])
      yield* wasInterrupted(thread)
    }).pipe(fresh))

  it.effect("of a consumer of thread.stream", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      const fiber = yield* Effect.forkChild(Stream.runDrain(thread.stream("wait")))
      yield* model.awaitRequest(0)
      yield* Fiber.interrupt(fiber)
      yield* wasInterrupted(thread)
    }).pipe(fresh))

  it.effect("at any moment of the start leaves nothing behind", () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const thread = yield* codex.threadStart()
      for (let steps = 0; steps < 12; steps++) {
        const fiber = yield* Effect.forkChild(thread.run("wait"))
        yield* Effect.repeat(Effect.yieldNow, { times: steps })
        // From here on the steps are those of the process: the answer to turn/start, then its events.
        if (steps >= 8) yield* thread.read()
        yield* Fiber.interrupt(fiber)
        assert.deepInclude(router.stats(), idle)
      }
      assert.strictEqual((yield* thread.run("next", { whenBusy: "fail" })).finalResponse, "next")
      const turns = yield* turnsOf(thread)
      assert.deepStrictEqual(turns.filter((turn) => turn.status === "inProgress"), [])
    }).pipe(fresh))
})

describe.concurrent("thread.stream", () => {
  it.live("starts a turn each time it is run, and ends with it", () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const thread = yield* codex.threadStart()
      const stream = thread.stream("again")
      const [first, second] = [yield* Stream.runCollect(stream), yield* Stream.runCollect(stream)]
      for (const events of [first, second]) {
        assert.strictEqual(events[0]?.method, "turn/started")
        assert.deepStrictEqual(deltas(events), ["again"])
        assert.strictEqual(events.at(-1)?.method, "turn/completed")
      }
      assert.deepInclude(router.stats(), idle)
      assert.strictEqual((yield* turnsOf(thread)).length, 2)
    }).pipe(echoing))
})

describe.concurrent("thread.notifications", () => {
  it.live("are those of this thread, of all its turns, and of no other thread", () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const [thread, other] = [yield* codex.threadStart(), yield* codex.threadStart()]
      const watching = yield* thread.notifications.pipe(
        Stream.takeUntil((event) => event.method === "thread/name/updated"),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      assert.strictEqual(router.stats().subscribers, 1)
      yield* Effect.all([thread.run("one"), other.run("other")], { concurrency: 2 })
      yield* thread.run("two")
      yield* thread.setName("the end")
      const events = yield* Fiber.join(watching)
      assert.deepStrictEqual(deltas(events), ["one", "two"])
      assert.strictEqual(events.filter((event) => event.method === "turn/completed").length, 2)
      for (const event of events) {
        assert.strictEqual((event.raw["params"] as { readonly threadId: string }).threadId, thread.id)
      }
      assert.strictEqual(router.stats().subscribers, 0)
    }).pipe(echoing))
})

shared(scriptedLayer)("compact", (it) => {
  it.effect("succeeds when compaction has ended", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      const thread = yield* codex.threadStart()
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.text("hello"), Reply.after(gate, Reply.text("a summary")), Reply.text("bye"))
      yield* thread.run("say hello")
      const compacting = yield* Effect.forkChild(thread.compact, { startImmediately: true })
      yield* gate.arrived
      // A turn waits for it, too.
      const next = yield* Effect.forkChild(thread.run("say bye"), { startImmediately: true })
      assert.isUndefined(compacting.pollUnsafe())
      yield* gate.open
      yield* Fiber.join(compacting)
      assert.strictEqual((yield* Fiber.join(next)).finalResponse, "bye")
      const requests = yield* model.requests
      assert.deepStrictEqual(requests.map((request) => request.kind), ["turn", "compaction", "turn"])
      assert.include(requests[2]!.userTexts.join("\n"), "a summary")
      assert.deepInclude(router.stats(), idle)
    }).pipe(fresh))

  it.effect("waits for the turn that runs", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.after(gate, Reply.text("hello")), Reply.text("a summary"))
      const turn = yield* thread.turn("say hello")
      const compacting = yield* Effect.forkChild(thread.compact, { startImmediately: true })
      yield* gate.arrived
      yield* gate.open
      assert.strictEqual((yield* turn.run).status, "completed")
      yield* Fiber.join(compacting)
      assert.deepStrictEqual((yield* model.requests).map((request) => request.kind), ["turn", "compaction"])
    }).pipe(fresh))

  it.effect("fails as its turn does, and is stopped with its fiber", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      const thread = yield* codex.threadStart()
      yield* model.enqueue(Reply.text("hello"), Reply.httpError(400, "no summary today"))
      yield* thread.run("say hello")
      const error = yield* Effect.flip(thread.compact)
      assert.instanceOf(error, CodexError.TurnFailedError)
      assert.include(error.message, "no summary today")

      yield* model.enqueue(Reply.hang)
      const fiber = yield* Effect.forkChild(thread.compact)
      const request = yield* model.awaitRequest(2)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* request.outcome, "aborted")
      assert.deepInclude(router.stats(), idle)
      yield* model.enqueue(Reply.text("fine"))
      assert.strictEqual((yield* thread.run("still there?", { whenBusy: "fail" })).finalResponse, "fine")
    }).pipe(fresh))
})

describe.concurrent("review", () => {
  it.live("is a turn like any other", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      yield* model.enqueue(Reply.text("looks good"))
      const review = yield* thread.review({ type: "custom", instructions: "look at everything" })
      const items = yield* Stream.runCollect(review.items)
      assert.includeMembers(items.map((item) => item.type), ["enteredReviewMode", "exitedReviewMode", "agentMessage"])
      const result = yield* review.run
      assert.strictEqual(result.id, review.id)
      assert.strictEqual(result.status, "completed")
      assert.strictEqual(result.finalResponse, "looks good")
      assert.strictEqual((yield* model.awaitRequest(0)).lastUserText, "look at everything")
    }).pipe(scripted))

  it.live("waits its turn, and can be interrupted: at once, and while the model is asked", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      const thread = yield* codex.threadStart()
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.after(gate, Reply.text("one")))
      const turn = yield* thread.turn("first")
      const look = thread.review({ type: "custom", instructions: "wait" })
      const starting = yield* Effect.forkChild(look, { startImmediately: true })
      yield* gate.arrived
      yield* gate.open
      assert.strictEqual((yield* turn.run).finalResponse, "one")
      const review = yield* Fiber.join(starting)
      yield* model.awaitRequest(1)
      yield* review.interrupt
      assert.strictEqual((yield* review.run).status, "interrupted")

      for (let round = 0; round < 5; round++) {
        const review = yield* look
        yield* review.interrupt
        assert.strictEqual((yield* review.run).status, "interrupted")
      }
      assert.deepInclude(router.stats(), idle)
      assert.strictEqual((yield* thread.run("next", { whenBusy: "fail" })).finalResponse, "next")
    }).pipe(patient))
})
