/** Events of hosted threads on the wire: what a client gets, and in how many messages. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Notification } from "effect-codex"
import { TurnFailedError, TurnLimitError } from "effect-codex/CodexError"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Scheduler from "effect/Scheduler"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Following from "../src/internal/client/Following.ts"
import { EventLog } from "../src/internal/host/EventLog.ts"
import { type HostedError, ThreadUnavailableError } from "../src/internal/model/errors.ts"
import type { Followed } from "../src/internal/model/events.ts"
import type { Cursor, RunAnswer } from "../src/internal/model/rpcs.ts"
import * as Wire from "../src/internal/model/wire.ts"

const params = { threadId: "t", turnId: "u", itemId: "i", delta: "text" }
const delta = { method: "item/agentMessage/delta", params, emittedAtMs: 1 }

const messages = {
  "a delta": delta,
  "one that goes on from it": { ...delta, params: { ...params, delta: "" }, emittedAtMs: 2 },
  "of another item": { ...delta, params: { ...params, itemId: "j" } },
  "with another method": { ...delta, method: "item/plan/delta" },
  "with more parameters of a newer server": { ...delta, params: { ...params, more: null } },
  "with an odd text": { ...delta, params: { ...params, delta: "\ud800\u2028\0\"]" } },
  "with odd parameters": {
    ...delta,
    params: Object.defineProperty({ ...params }, "__proto__", { value: "p", enumerable: true })
  },
  "with more fields of a newer server": { ...delta, more: 2 },
  "without a time": { method: delta.method, params },
  "no delta": {
    method: "turn/completed",
    params: { threadId: "t", turn: { id: "u", items: [], status: "completed" } }
  },
  unknown: { ...delta, method: "item/somethingNew" },
  malformed: { ...delta, params: { ...params, delta: 7 } }
}
const events = Object.values(messages).map(Notification.fromMessage)

/** Writes and reads events as they follow each other in a log, from one of them on. */
const sent = (events: ReadonlyArray<Notification.Notification>, from: number) => {
  const entries: Array<Wire.Entry> = []
  for (const event of events) entries.push(Wire.ofServer(event, entries.at(-1)))
  return Wire.read({ epoch: 2, seq: 7, json: Wire.write(entries.slice(from)) })
}

describe("notifications on the wire", () => {
  for (const [name, message] of Object.entries(messages)) {
    it(`arrive as they were: ${name}`, () => {
      const event = Notification.fromMessage(message)
      assert.deepStrictEqual(sent([event], 0), [{ ...event, cursor: { epoch: 2, seq: 7 } }])
    })
  }

  it("arrive as they were, in any order and from anywhere", () => {
    for (const one of events) {
      for (const two of events) {
        for (const three of events) {
          for (const from of [0, 1, 2]) {
            assert.deepStrictEqual(
              sent([one, two, three], from),
              [one, two, three].slice(from).map((event, at) => ({ ...event, cursor: { epoch: 2, seq: 7 + at } }))
            )
          }
        }
      }
    }
  })

  it("deltas that go on from each other are sent as their texts and times", () => {
    const entries = [Wire.ofServer(Notification.fromMessage(delta), undefined)]
    for (const at of [2, 3]) {
      entries.push(Wire.ofServer(Notification.fromMessage({ ...delta, emittedAtMs: at }), entries.at(-1)))
    }
    assert.deepStrictEqual(JSON.parse(Wire.write(entries)), [delta, ["text", 2], ["text", 3]])
  })
})

const at = (seq: number) => ({ cursor: { epoch: 1, seq } })

type Status = "completed" | "interrupted" | "failed"

/** Three events of a turn of a key, from a position on. */
const turnOf = (turnKey: string, status: Status, seq: number, attempt = 1): ReadonlyArray<Followed> => {
  const params = { threadId: "t", turn: { id: "u", items: [], status, error: null } }
  const raw = { method: "turn/completed" as const, params }
  return [
    { method: "$turnStarted", turnKey, attempt, ...at(seq) },
    { ...raw, raw, ...at(seq + 1) },
    { method: "$turnEnded", turnKey, ...at(seq + 2) }
  ]
}

const result: RunAnswer["result"] = {
  threadId: "t",
  id: "u",
  status: "completed",
  error: null,
  startedAt: null,
  completedAt: null,
  durationMs: null,
  finalResponse: null,
  items: [],
  usage: null,
  subagents: { running: 0, stopped: 0 }
}

const reached = { limit: "steps", allowed: 1, used: 2, threadId: "t", turnId: "u" } as const

/** The begin of a subscription. */
const here = (end = 0): Followed => ({ method: "$here", end: at(end).cursor, ...at(0) })

/** Events of a thread: a turn of another key, and one of the key `k`. */
const turn = (status: Status) => [here(), ...turnOf("other", status, 1), ...turnOf("k", status, 4)]

/** More events of a completed turn than the stream keeps for its consumer. */
const many = (): ReadonlyArray<Followed> => {
  const [started, ...last] = turnOf("k", "completed", 1)
  const deltas = Array.from({ length: 3000 }, (): Followed => ({ ...Notification.fromMessage(delta), ...at(0) }))
  return [here(), ...started === undefined ? [] : [started], ...deltas, ...last].map((event, seq) => ({
    ...event,
    ...at(seq)
  }))
}

/** Lets the other fibers do what they can. */
const idle = Effect.repeat(Effect.yieldNow, { times: 20 })

/** The events of the key `k`, among those of a thread that goes on. Each part arrives after everyone has dealt with the one before. */
const eventsOf = (parts: ReadonlyArray<ReadonlyArray<Followed>>, run: Following.Run) =>
  Following.ofRun(
    Stream.concat(
      Stream.flatMap(Stream.fromIterable(parts), (part) => Stream.unwrap(Effect.as(idle, Stream.fromIterable(part)))),
      Stream.never
    ),
    "k",
    run
  )

describe("the events of a run", () => {
  const methods = ["$turnStarted", "turn/completed", "$turnEnded"]
  const set = Effect.map(
    Effect.all([Deferred.make<RunAnswer, HostedError>(), Queue.unbounded<"begun" | "stopped">()]),
    ([answered, steps]) => ({
      answered,
      steps,
      run: {
        begin: Effect.asVoid(Queue.offer(steps, "begun")),
        answer: Deferred.await(answered),
        stop: Effect.asVoid(Queue.offer(steps, "stopped"))
      }
    })
  )
  it.effect("end with a completed turn, wherever its answer is", () =>
    Effect.gen(function*() {
      const { run, steps } = yield* set
      const events = yield* Stream.runCollect(eventsOf([turn("completed")], run))
      assert.deepStrictEqual(events.map(({ method }) => method), methods)
      assert.deepStrictEqual(yield* Queue.takeAll(steps), ["begun"])
    }))

  it.effect("of any other turn end with the answer", () =>
    Effect.gen(function*() {
      const { answered, run, steps } = yield* set
      const events = yield* Queue.unbounded<string>()
      const reading = yield* eventsOf([turn("interrupted")], run).pipe(
        Stream.runForEach(({ method }) => Queue.offer(events, method)),
        Effect.forkScoped
      )
      assert.deepStrictEqual(yield* Queue.takeN(events, 3), methods)
      const error = new ThreadUnavailableError({ thread: "t", reason: "Storage" })
      yield* Deferred.fail(answered, error)
      assert.strictEqual(yield* Effect.flip(Fiber.join(reading)), error)
      assert.deepStrictEqual(yield* Queue.takeAll(steps), ["begun"])
    }))

  it.effect("stop the run if nobody reads them to its end", () =>
    Effect.gen(function*() {
      const { run, steps } = yield* set
      yield* Stream.runDrain(Stream.take(eventsOf([turn("interrupted")], run), 1))
      assert.deepStrictEqual(yield* Queue.takeAll(steps), ["begun", "stopped"])
    }))

  it.effect("leave the run alone if they fail, and may be asked for again", () =>
    Effect.gen(function*() {
      for (const reason of ["MailboxFull", "Refused"] as const) {
        const { run, steps } = yield* set
        const error = new ThreadUnavailableError({ thread: "t", reason })
        const failing = Stream.unwrap(Effect.as(idle, Stream.fail(error)))
        assert.strictEqual(yield* Effect.flip(Stream.runDrain(Following.ofRun(failing, "k", run))), error)
        assert.deepStrictEqual(yield* Queue.takeAll(steps), reason === "Refused" ? ["begun", "stopped"] : ["begun"])
      }
    }))

  it.effect("have the end of the last turn of the key", () =>
    Effect.gen(function*() {
      const { run } = yield* set
      const [ended, ...last] = turnOf("k", "completed", 4, 2).toReversed()
      const parts = [
        [here(), ...turnOf("k", "interrupted", 1), ...last.toReversed()],
        ended === undefined ? [] : [ended]
      ]
      const events = yield* Stream.runCollect(eventsOf(parts, run))
      assert.deepStrictEqual(events.map(({ method }) => method), [...methods, ...methods])
    }))

  it.effect("do not end with the completed turn of another key", () =>
    Effect.gen(function*() {
      const { answered, run } = yield* set
      const parts = [[here(6), ...turnOf("k", "interrupted", 1), ...turnOf("other", "completed", 4)]]
      const error = new TurnLimitError({ ...reached, result })
      const reading = yield* Effect.forkChild(Effect.flip(Stream.runDrain(eventsOf(parts, run))))
      yield* Effect.andThen(idle, idle)
      yield* Deferred.fail(answered, error)
      assert.strictEqual(yield* Fiber.join(reading), error)
    }))

  for (
    const [name, error] of Object.entries({
      fails: new TurnFailedError({ reason: { _tag: "BadRequest" }, threadId: "t", turnId: "u", error: null, result }),
      "reaches a limit": new TurnLimitError({ ...reached, result })
    })
  ) {
    it.effect(`arrive before the answer of a turn that ${name}, even if it is faster`, () =>
      Effect.gen(function*() {
        const { answered, run } = yield* set
        yield* Deferred.fail(answered, error)
        const events: Array<string> = []
        const exit = yield* eventsOf([[here(3)], turnOf("k", "interrupted", 1)], run).pipe(
          Stream.runForEach(({ method }) => Effect.sync(() => void events.push(method))),
          Effect.exit
        )
        assert.deepStrictEqual(events, methods)
        assert.deepStrictEqual(exit, error._tag === "TurnFailedError" ? Exit.void : Exit.fail(error))
      }))
  }

  it.effect("are not those of the next turn, if the end of their own is missing", () =>
    Effect.gen(function*() {
      const { answered, run } = yield* set
      yield* Deferred.succeed(answered, { result, end: at(3).cursor })
      const [started] = turnOf("k", "completed", 1)
      const missed = { method: "$missed" as const, count: 5, ...at(6) }
      const parts = [[here()], started === undefined ? [] : [started], [missed, ...turnOf("other", "completed", 7)]]
      const events = yield* Stream.runCollect(eventsOf(parts, run))
      assert.deepStrictEqual(events.map(({ method }) => method), ["$turnStarted"])
    }))

  it.effect("end without any if the thread is not open", () =>
    Effect.gen(function*() {
      const { answered, run } = yield* set
      const closed = { epoch: 0, seq: 0 }
      const reading = yield* Effect.forkChild(
        Stream.runCollect(eventsOf([[{ method: "$here", end: closed, cursor: closed }]], run))
      )
      yield* idle
      yield* Deferred.succeed(answered, { result, end: at(6).cursor })
      yield* idle
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* Fiber.join(reading), [])
    }))

  it.effect("all reach a consumer that is slower than the answer", () =>
    Effect.gen(function*() {
      const { answered, run } = yield* set
      const events = many()
      yield* Deferred.succeed(answered, { result, end: at(events.length - 1).cursor })
      const read: Array<Followed> = []
      yield* eventsOf([events], run).pipe(
        Stream.rechunk(1),
        Stream.runForEach((event) => Effect.andThen(Effect.sync(() => read.push(event)), Effect.yieldNow))
      )
      assert.deepStrictEqual(read, events.slice(1))
    }))

  it.effect("stop nothing if the turn has completed, and its consumer is behind", () =>
    Effect.gen(function*() {
      const { run, steps } = yield* set
      yield* Stream.runDrain(Stream.take(eventsOf([many()], run), 1))
      assert.deepStrictEqual(yield* Queue.takeAll(steps), ["begun"])
    }))
})

/** A scheduler with which a fiber yields at one of its steps. Others go on before it does. */
class Yielding extends Scheduler.MixedScheduler {
  private left = 0
  private onYield = () => {}

  /** Yields after a number of steps. Waits until the fiber has yielded, and `meanwhile` was called. */
  yieldAt(step: number, meanwhile: () => void): Effect.Effect<void> {
    const yielded = Deferred.makeUnsafe<void>()
    this.left = step
    this.onYield = () => {
      meanwhile()
      Deferred.doneUnsafe(yielded, Effect.void)
    }
    return Deferred.await(yielded)
  }

  override shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    if (--this.left !== 0) return super.shouldYield(fiber)
    queueMicrotask(this.onYield)
    return true
  }
}

/** Returns the next events of a consumer that comes back with a cursor. */
const next = (log: EventLog, from: Cursor, count: number) =>
  log.follow(from).pipe(
    Stream.map(Wire.read),
    Stream.flattenIterable,
    Stream.filter((event) => event.method !== "$here"),
    Stream.take(count),
    Stream.runCollect
  )

describe("the log of a thread", () => {
  it.effect("sends quick events together, and those of the host at once", () =>
    Effect.gen(function*() {
      yield* Effect.acquireRelease(
        Effect.sync(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })),
        () => Effect.sync(() => vi.useRealTimers())
      )
      const settled = Effect.promise(() => new Promise((resolve) => setImmediate(resolve))).pipe(
        Effect.repeat({ times: 5 })
      )
      const log = new EventLog(100)
      log.begin(1)
      const batches: Array<ReadonlyArray<string>> = []
      yield* log.follow(null).pipe(
        Stream.runForEach((events) =>
          Effect.sync(() =>
            void batches.push(
              Wire.read(events).map((event) => event.method === "$unknown" ? String(event.raw["method"]) : event.method)
            )
          )
        ),
        Effect.forkScoped
      )
      const append = (...methods: ReadonlyArray<string>) => {
        for (const method of methods) log.append({ method: "$unknown", raw: { method } })
        log.wake()
        return settled
      }

      yield* settled
      assert.deepStrictEqual(batches.splice(0), [["$here"]])
      yield* append("a", "b", "c", "d", "e")
      assert.deepStrictEqual(batches.splice(0), [["a", "b", "c", "d", "e"]])
      // Five events, five milliseconds.
      yield* append("f")
      yield* append("g")
      assert.deepStrictEqual(batches.splice(0), [])
      vi.advanceTimersByTime(5)
      yield* settled
      assert.deepStrictEqual(batches.splice(0), [["f", "g"]])
      yield* append("h")
      vi.advanceTimersByTime(3)
      yield* settled
      assert.deepStrictEqual(batches.splice(0), [])
      log.add({ method: "$turnEnded", turnKey: "k" })
      yield* settled
      assert.deepStrictEqual(batches.splice(0), [["h", "$turnEnded"]])
      const last = yield* log.follow(null, "k").pipe(Stream.take(1), Stream.runCollect)
      assert.deepStrictEqual(last.map(({ seq }) => seq), [9])
      log.add({ method: "$turnStarted", turnKey: "k", attempt: 1 })
      log.add({ method: "$turnStarted", turnKey: "k", attempt: 2 })
      yield* settled
      assert.deepStrictEqual(batches.splice(0).flat(), ["$turnStarted", "$turnStarted"])
      const both = yield* log.follow(null, "k").pipe(Stream.take(2), Stream.runCollect)
      assert.deepStrictEqual(both.flatMap(Wire.read), [
        { method: "$here", end: { epoch: 1, seq: 11 }, cursor: { epoch: 1, seq: 9 } },
        { method: "$turnStarted", turnKey: "k", attempt: 1, cursor: { epoch: 1, seq: 10 } },
        { method: "$turnStarted", turnKey: "k", attempt: 2, cursor: { epoch: 1, seq: 11 } }
      ])
      log.begin(2)
      yield* append("i")
      vi.advanceTimersByTime(4)
      yield* settled
      assert.deepStrictEqual(batches.splice(0), [["$moved"], ["i"]])
    }))

  it.live("wakes a consumer whose fiber yields anywhere", () =>
    Effect.gen(function*() {
      for (let step = 1; step <= 30; step++) {
        const log = new EventLog(100)
        log.begin(1)
        const reads = yield* Queue.unbounded<ReadonlyArray<Followed>>()
        const read = Effect.map(Queue.take(reads), (events) => events.map(({ method }) => method))
        const scheduler = new Yielding()
        const reading = yield* log.follow(null).pipe(
          Stream.runForEach((events) => Queue.offer(reads, Wire.read(events))),
          Effect.provideService(Scheduler.Scheduler, scheduler),
          Effect.forkChild
        )
        assert.deepStrictEqual(yield* read, ["$here"])
        const yielded = scheduler.yieldAt(step, () => log.add({ method: "$settled", requestId: "1" }))
        log.add({ method: "$moved", epoch: 1 })
        const first = yield* read
        // Before it waits, the fiber has fewer steps than this.
        if (Option.isNone(yield* Effect.timeoutOption(yielded, "100 millis"))) return
        const events = first.length === 2 ? first : [...first, ...yield* read]
        assert.deepStrictEqual(events, ["$moved", "$settled"])
        yield* Fiber.interrupt(reading)
      }
      assert.fail("the fiber waits for nothing")
    }))

  it.effect("that keeps little keeps a turn until its consumers have read it", () =>
    Effect.gen(function*() {
      for (const keep of [0, 300]) {
        const log = new EventLog(keep)
        log.begin(1)
        const reads = yield* Queue.unbounded<Followed>()
        const reading = yield* log.follow(null).pipe(
          Stream.runForEach((events) => Queue.offerAll(reads, Wire.read(events))),
          Effect.forkChild
        )
        assert.strictEqual((yield* Queue.take(reads)).method, "$here")
        log.add({ method: "$turnStarted", turnKey: "k", attempt: 1 })
        yield* Queue.take(reads)
        for (let count = 0; count < 1_000; count++) log.append({ method: "$unknown", raw: {} })
        log.wake()
        log.add({ method: "$turnEnded", turnKey: "k" })
        const events = yield* Queue.takeN(reads, 1_001)
        assert.deepStrictEqual(new Set(events.map(({ method }) => method)), new Set(["$unknown", "$turnEnded"]))
        yield* Fiber.interrupt(reading)
      }
    }))

  it.effect("keeps few events if it is to keep none, but all of a running turn", () =>
    Effect.gen(function*() {
      const log = new EventLog(0)
      log.begin(1)
      const append = (count: number) => {
        for (let at = 0; at < count; at++) log.append({ method: "$unknown", raw: { method: "more" } })
      }
      append(600)
      const few = yield* next(log, { epoch: 1, seq: 0 }, 2)
      // 512 events become 256, and 88 more follow.
      assert.deepInclude(few[0], { method: "$missed", count: 256 })
      log.add({ method: "$turnStarted", turnKey: "k", attempt: 1 })
      append(1_000)
      const running = yield* next(log, { epoch: 1, seq: 600 }, 1_001)
      assert.deepStrictEqual(
        running.map(({ cursor }) => cursor.seq),
        Array.from({ length: 1_001 }, (_, at) => 601 + at)
      )
      log.add({ method: "$turnEnded", turnKey: "k" })
      append(1)
      const ended = yield* next(log, { epoch: 1, seq: 600 }, 257)
      assert.deepStrictEqual(ended[0], { method: "$missed", count: 747, cursor: { epoch: 1, seq: 1_347 } })
      assert.strictEqual(ended.at(-2)?.method, "$turnEnded")
    }))

  it.effect("reports the move of a thread that it has not opened yet", () =>
    Effect.gen(function*() {
      const log = new EventLog(100)
      const reading = yield* Effect.forkChild(next(log, { epoch: 2, seq: 7 }, 2), { startImmediately: true })
      log.begin(3)
      log.add({ method: "$settled", requestId: "3.1" })
      assert.deepStrictEqual(yield* Fiber.join(reading), [
        { method: "$moved", epoch: 3, cursor: { epoch: 3, seq: 0 } },
        { method: "$settled", requestId: "3.1", cursor: { epoch: 3, seq: 1 } }
      ])
    }))
})
