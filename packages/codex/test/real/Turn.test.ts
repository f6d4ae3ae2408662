import { Gate, Item, Reply, Step, TestCodex } from "@effect-codex/testing"
import { assert, describe, it, layer } from "@effect/vitest"
import { CodexError, type Notification } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { agentTexts, deltas, fresh, idle, patient, scripted, scriptedLayer, setup, shared } from "./utils.ts"

const methods = (events: ReadonlyArray<Notification.Notification>) => events.map((event) => event.method)

const said = (text: string, phase?: "commentary" | "final_answer") =>
  Item.message(phase === undefined ? { text } : { text, phase })

/** The headers with which the model's service reports an account's limits. */
const limits = (used: string) => ({
  "x-codex-primary-used-percent": used,
  "x-codex-primary-window-minutes": "300",
  "x-codex-primary-reset-at": "1900000000",
  "x-codex-secondary-used-percent": "20",
  "x-codex-secondary-window-minutes": "10080",
  "x-codex-secondary-reset-at": "1900005000"
})

shared(scriptedLayer)("the result", (it) => {
  it.effect("holds the answer, the items, the usage and the times", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(
        Reply.text("grüß 🦀", {
          usage: { inputTokens: 11, cachedInputTokens: 3, outputTokens: 7, reasoningOutputTokens: 5 }
        })
      )
      const thread = yield* codex.threadStart()
      const result = yield* thread.run("sag hallo", { model: "other-model" })

      assert.strictEqual(result.threadId, thread.id)
      assert.strictEqual(result.status, "completed")
      assert.isNull(result.error)
      assert.strictEqual(result.finalResponse, "grüß 🦀")
      assert.deepStrictEqual(result.items.map((item) => item.type), ["userMessage", "agentMessage"])
      const usage = {
        inputTokens: 11,
        cachedInputTokens: 3,
        outputTokens: 7,
        reasoningOutputTokens: 5,
        totalTokens: 18
      }
      assert.deepInclude(result.usage?.last, usage)
      assert.deepInclude(result.usage?.total, usage)
      assert.isAtLeast(result.completedAt!, result.startedAt!)
      assert.isAtLeast(result.durationMs!, 0)

      const request = yield* model.awaitRequest(0)
      assert.strictEqual(request.model, "other-model")
      assert.strictEqual(request.body.stream, true)
      assert.strictEqual(request.lastUserText, "sag hallo")
      assert.strictEqual(request.turnId, result.id)
    }).pipe(fresh))

  it.effect("takes the usage of the last turn and of the whole thread", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(
        Reply.text("one", { usage: { inputTokens: 1, outputTokens: 2 } }),
        Reply.text("two", { usage: { inputTokens: 10, outputTokens: 20 } })
      )
      const thread = yield* codex.threadStart()
      yield* thread.run("first")
      const { usage } = yield* thread.run("second")
      assert.strictEqual(usage?.last.totalTokens, 30)
      assert.strictEqual(usage?.total.totalTokens, 33)
    }).pipe(fresh))

  it.effect("finds the final answer among the messages", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const cases: ReadonlyArray<readonly [ReadonlyArray<Item.Message>, string | null]> = [
        [[said("A"), said("B")], "B"],
        [[said("A"), said("")], ""],
        [[said("on it", "commentary")], null],
        [[said("on it", "commentary"), said("done", "final_answer")], "done"],
        [[said("done", "final_answer"), said("by the way", "commentary")], "done"],
        [[said("done", "final_answer"), said("no phase")], "done"],
        [[], null]
      ]
      const thread = yield* codex.threadStart()
      for (const [messages, answer] of cases) {
        yield* model.enqueue(Reply.make(messages))
        const result = yield* thread.run("go")
        assert.strictEqual(result.finalResponse, answer)
        assert.deepStrictEqual(
          result.items.flatMap((item) => item.type === "agentMessage" ? [[item.text, item.phase]] : []),
          messages.map((message) => [message.text, message.phase ?? null])
        )
      }
    }).pipe(fresh))

  it.effect("of a failed turn is in the error, as far as it came", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      const thread = yield* codex.threadStart()
      yield* model.enqueue(
        Reply.make([Item.message({ text: "so far so good" })], {
          failed: { code: "server_is_overloaded", message: "boom" }
        })
      )
      const caller = () => Effect.flip(thread.run("go"))
      const error = yield* caller()
      assert.instanceOf(error, CodexError.TurnFailedError)
      assert.match(error.stack ?? "", /^.*TurnFailedError: The turn failed.*\n(.*\n)+ +at caller .*Turn\.test\.ts/)
      assert.strictEqual(error.threadId, thread.id)
      assert.strictEqual(error.turnId, error.result.id)
      assert.strictEqual(error.error?.codexErrorInfo, "serverOverloaded")
      assert.strictEqual(error.result.status, "failed")
      assert.deepStrictEqual(error.result.error, error.error)
      assert.deepStrictEqual(agentTexts(error.result), ["so far so good"])
      assert.strictEqual(error.result.finalResponse, "so far so good")
      assert.isTrue(CodexError.isRetryable(error))
      assert.include(error.message, error.error!.message)

      const starter = (input: string) => thread.turn(input)
      yield* model.enqueue(Reply.failed({ code: "anything", message: "boom" }))
      const { run } = yield* starter("go")
      const ofTurn = yield* Effect.flip(run)
      assert.match(ofTurn.stack ?? "", /^.*TurnFailedError: The turn failed.*\n(.*\n)+ +at starter .*Turn\.test\.ts/)

      yield* model.enqueue(Reply.failed({ code: "anything", message: "boom: the model says no" }))
      const refused = yield* Effect.flip(thread.run("go"))
      assert.instanceOf(refused, CodexError.TurnFailedError)
      assert.include(refused.message, "boom: the model says no")
      assert.isFalse(CodexError.isRetryable(refused))

      yield* model.enqueue(Reply.httpError(401, "who are you?"))
      const stranger = yield* Effect.flip(thread.run("go"))
      assert.include(stranger.message, "`npx codex login`")
      assert.isFalse(CodexError.isRetryable(stranger))

      yield* model.enqueue(Reply.text("fine again"))
      assert.strictEqual((yield* thread.run("go on")).finalResponse, "fine again")
      assert.deepInclude(router.stats(), idle)
    }).pipe(fresh))

  it.effect("of a cut answer is retryable; text of the model is never taken for one", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const cuts = [Reply.cut, Reply.message({ deltas: ["half a sen", Step.cut] })]
      for (const reply of cuts) {
        yield* model.enqueue(reply)
        const error = yield* Effect.flip(Effect.flatMap(codex.threadStart(), (thread) => thread.run("go")))
        assert(error._tag === "TurnFailedError")
        assert.deepStrictEqual(error.reason, { _tag: "StreamDisconnected", httpStatus: null }, error.message)
        assert.isTrue(CodexError.isRetryable(error))
      }
      yield* model.enqueue(Reply.failed({ code: "anything", message: "no" }))
      const refused = yield* Effect.flip(Effect.flatMap(codex.threadStart(), (thread) => thread.run("go")))
      assert(refused._tag === "TurnFailedError")
      assert.deepStrictEqual(refused.reason, { _tag: "Other", kind: "other" }, refused.message)
    }).pipe(fresh))

  it.effect("of an exhausted usage limit contains the time of its reset", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      const body = JSON.stringify({ error: { type: "usage_limit_reached", plan_type: "plus" } })
      for (const [used, resetsAt] of [["100", 1_900_000_000], ["80", null]] as const) {
        yield* model.enqueue(Reply.httpError(429, body, limits(used)))
        const caught = yield* thread.run("go").pipe(
          Effect.catchReason("TurnFailedError", "UsageLimitExceeded", (reason, { message }) =>
            Effect.succeed({ resetsAt: reason.resetsAt, message }))
        )
        assert(!("id" in caught))
        assert.strictEqual(caught.resetsAt, resetsAt)
        assert.include(caught.message, resetsAt === null ? "limit resets, or" : "resets at 2030-03-17T17:46:40.000Z")
      }
    }).pipe(fresh))

  it.effect("fails every view of a failed turn but its events", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      yield* model.enqueue(
        Reply.make([Item.message({ text: "half" })], { failed: { code: "anything", message: "boom" } })
      )
      const turn = yield* thread.turn("go")
      const events = yield* Stream.runCollect(turn.stream)
      const last = events.at(-1)!
      assert.isTrue(last.method === "turn/completed" && last.params.turn.status === "failed")
      for (const view of [turn.run, Stream.runDrain(turn.text), Stream.runDrain(turn.items)]) {
        const error = yield* Effect.flip(view)
        assert.strictEqual(error._tag, "TurnFailedError")
      }
    }).pipe(fresh))

  it.effect("is the same however often it is read, and whoever consumes the events", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      yield* model.enqueue(Reply.text("hello"))
      const turn = yield* thread.turn("go")
      const beside = yield* Effect.forkChild(Stream.runCollect(turn.stream))
      const result = yield* turn.run
      assert.strictEqual(result.id, turn.id)
      assert.strictEqual(result.status, "completed")
      assert.strictEqual(turn.threadId, thread.id)
      assert.deepStrictEqual(agentTexts(result), ["hello"])
      assert.strictEqual((yield* Fiber.join(beside)).at(-1)?.method, "turn/completed")
      assert.strictEqual(yield* turn.run, result)
    }).pipe(fresh))
})

shared(scriptedLayer)("the streams", (it) => {
  it.effect("events, text and items", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      const reply = Reply.make([
        Item.reasoning({ text: "hm" }),
        Item.message({ deltas: ["he", "llo"], phase: "final_answer" })
      ])
      yield* model.enqueue(reply, reply, reply)

      const events = yield* Stream.runCollect((yield* thread.turn("first")).stream)
      assert.strictEqual(events[0]?.method, "turn/started")
      assert.deepStrictEqual(deltas(events), ["he", "llo"])
      assert.deepStrictEqual(
        events.flatMap((event) =>
          event.method === "item/completed" && event.params.item.type === "agentMessage" ? [event.params.item.text] : []
        ),
        ["hello"]
      )
      assert.deepStrictEqual(
        events.flatMap((event) => event.method === "turn/completed" ? [event.params.turn.status] : []),
        ["completed"]
      )
      assert.strictEqual(events.at(-1)?.method, "turn/completed")
      assert.deepStrictEqual(events.filter((event) => event.method.startsWith("$")), [])
      assert.strictEqual((yield* model.awaitRequest(0)).lastUserText, "first")

      const text = yield* Stream.runCollect((yield* thread.turn("second")).text)
      assert.deepStrictEqual(text, ["he", "llo"])

      const items = yield* Stream.runCollect((yield* thread.turn("third")).items)
      assert.deepStrictEqual(items.map((item) => item.type), ["userMessage", "reasoning", "agentMessage"])
    }).pipe(fresh))

  it.effect("give the first consumer everything, a late one the rest, and one after the end the completion", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.message({ deltas: ["one ", gate, "two ", "three"] }))
      const turn = yield* thread.turn("count")
      const heard = yield* Deferred.make<void>()
      const first = yield* turn.stream.pipe(
        Stream.tap((event) => deltas([event])[0] === "one " ? Deferred.succeed(heard, void 0) : Effect.void),
        Stream.runCollect,
        Effect.forkChild
      )
      yield* Deferred.await(heard)
      const joined = yield* Deferred.make<void>()
      const late = yield* turn.stream.pipe(
        Stream.onStart(Deferred.succeed(joined, void 0)),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* Deferred.await(joined)
      yield* gate.open

      const whole = yield* Fiber.join(first)
      const rest = yield* Fiber.join(late)
      assert.deepStrictEqual(deltas(whole), ["one ", "two ", "three"])
      assert.strictEqual(whole[0]?.method, "turn/started")
      assert.deepStrictEqual(deltas(rest), ["two ", "three"])
      assert.deepStrictEqual(methods(whole).slice(-rest.length), methods(rest))

      assert.deepStrictEqual(methods(yield* Stream.runCollect(turn.stream)), ["turn/completed"])
      assert.deepStrictEqual(yield* Stream.runCollect(turn.text), [])
      assert.strictEqual((yield* turn.run).finalResponse, "one two three")
    }).pipe(fresh))

  it.effect("keep all events for a first consumer after the end", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      yield* model.enqueue(Reply.message({ deltas: ["he", "llo"] }))
      const turn = yield* thread.turn("go")
      yield* turn.run
      const events = yield* Stream.runCollect(turn.stream)
      assert.strictEqual(events[0]?.method, "turn/started")
      assert.deepStrictEqual(deltas(events), ["he", "llo"])
      assert.strictEqual(events.at(-1)?.method, "turn/completed")
    }).pipe(fresh))

  it.effect("let each consumer go at its own pace", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.message({ deltas: [gate, "one ", "two"] }))
      const turn = yield* thread.turn("count")
      const fastIsDone = yield* Deferred.make<void>()
      const slow = yield* turn.stream.pipe(
        Stream.tap(() => Deferred.await(fastIsDone)),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      const fast = yield* Effect.forkChild(Stream.runCollect(turn.stream), { startImmediately: true })
      yield* gate.open
      assert.deepStrictEqual(deltas(yield* Fiber.join(fast)), ["one ", "two"])
      yield* Deferred.succeed(fastIsDone, void 0)
      assert.deepStrictEqual(deltas(yield* Fiber.join(slow)), ["one ", "two"])
    }).pipe(fresh))

  it.effect("may be left: the turn continues", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      const thread = yield* codex.threadStart()
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.message({ deltas: ["one ", gate, "two"] }))
      const turn = yield* thread.turn("count")
      assert.deepStrictEqual(yield* turn.text.pipe(Stream.take(1), Stream.runCollect), ["one "])
      const interrupted = yield* Effect.forkChild(Stream.runDrain(turn.stream), { startImmediately: true })
      yield* Fiber.interrupt(interrupted)
      yield* gate.open
      const result = yield* turn.run
      assert.strictEqual(result.status, "completed")
      assert.strictEqual(result.finalResponse, "one two")
      assert.deepInclude(router.stats(), idle)
    }).pipe(fresh))

  it.effect("leave the connection free for other requests", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.message({ deltas: ["one ", gate, "two ", "three"] }))
      const turn = yield* thread.turn("count")
      const heard: Array<string> = []
      yield* Stream.runForEach(turn.text, (delta) => {
        heard.push(delta)
        return delta === "one "
          ? Stream.runCollect(codex.models()).pipe(
            Effect.tap((models) => Effect.sync(() => assert.isNotEmpty(models))),
            Effect.andThen(gate.open)
          )
          : Effect.void
      })
      assert.deepStrictEqual(heard, ["one ", "two ", "three"])
    }).pipe(fresh))

  it.effect("of two turns can be read in turns", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const [a, b] = [yield* codex.threadStart(), yield* codex.threadStart()]
      const [gateA, gateB] = [yield* Gate.make, yield* Gate.make]
      yield* model.enqueue(Reply.message({ deltas: ["a1", gateA, "a2"] }))
      const turnA = yield* a.turn("A")
      yield* gateA.arrived
      yield* model.enqueue(Reply.message({ deltas: ["b1", gateB, "b2"] }))
      const turnB = yield* b.turn("B")
      const pullA = yield* Stream.toPull(turnA.text)
      const pullB = yield* Stream.toPull(turnB.text)
      assert.deepStrictEqual([yield* pullA, yield* pullB], [["a1"], ["b1"]])
      yield* gateB.open
      assert.deepStrictEqual(yield* pullB, ["b2"])
      yield* gateA.open
      assert.deepStrictEqual(yield* pullA, ["a2"])
      assert.strictEqual((yield* turnA.run).finalResponse, "a1a2")
      assert.strictEqual((yield* turnB.run).finalResponse, "b1b2")
    }).pipe(Effect.scoped, scripted))
})

shared(scriptedLayer)("steer", (it) => {
  it.effect("adds input to the running turn, and cuts off the agent's message", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      yield* model.enqueue(
        Reply.make([Item.message({ text: "one" }), Item.message({ deltas: ["tw", Step.hang] })]),
        Reply.text("as you like")
      )
      const turn = yield* thread.turn("count")
      yield* turn.text.pipe(Stream.takeUntil((delta) => delta === "tw"), Stream.runDrain)
      yield* turn.steer("faster")
      const result = yield* turn.run
      assert.deepStrictEqual(agentTexts(result), ["one", "as you like"])
      assert.strictEqual(result.finalResponse, "as you like")
      const requests = yield* model.requests
      assert.deepStrictEqual(requests.map((request) => [request.turnId, request.lastUserText]), [
        [turn.id, "count"],
        [turn.id, "faster"]
      ])
      assert.strictEqual(yield* requests[0]!.outcome, "aborted")
    }).pipe(fresh))

  it.effect("works right after the start, and is refused after the end", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart()
      for (let round = 0; round < 5; round++) {
        const turn = yield* thread.turn("wait")
        yield* turn.steer(`round ${round}`)
        assert.strictEqual((yield* turn.run).finalResponse, `round ${round}`)

        const error = yield* Effect.flip(turn.steer("too late"))
        assert.isTrue(
          error._tag === "CodexRpcError" && error.reason._tag === "NoActiveTurn" && error.method === "turn/steer"
        )
      }
    }).pipe(patient))

  it.effect("of a turn that has ended is refused while the next one runs", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.text("one"), Reply.after(gate, Reply.text("two")))
      const first = yield* thread.turn("first")
      yield* first.run
      const second = yield* thread.turn("second")
      yield* gate.arrived
      const error = yield* Effect.flip(first.steer("too late"))
      assert.isTrue(error._tag === "CodexRpcError" && error.reason._tag === "TurnMismatch")
      yield* gate.open
      assert.strictEqual((yield* second.run).finalResponse, "two")
    }).pipe(fresh))
})

describe.concurrent("interrupt", () => {
  it.live("ends the turn, with its partial result", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      const thread = yield* codex.threadStart()
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.make([Item.message({ text: "one" }), gate, Item.message({ text: "two" })]))
      const turn = yield* thread.turn("count")
      yield* turn.items.pipe(
        Stream.takeUntil((item) => item.type === "agentMessage"),
        Stream.runDrain
      )
      yield* turn.interrupt
      const result = yield* turn.run
      assert.strictEqual(result.status, "interrupted")
      assert.deepStrictEqual(agentTexts(result), ["one"])
      assert.strictEqual(yield* (yield* model.awaitRequest(0)).outcome, "aborted")
      // A turn that has ended is no error.
      yield* turn.interrupt
      assert.deepInclude(router.stats(), idle)
    }).pipe(scripted))

  it.live("works right after the start, whether or not the model was asked yet", () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const thread = yield* codex.threadStart()
      for (let round = 0; round < 5; round++) {
        const turn = yield* thread.turn("wait")
        yield* turn.interrupt
        assert.strictEqual((yield* turn.run).status, "interrupted")
      }
      assert.strictEqual((yield* thread.run("and now?")).finalResponse, "and now?")
      assert.deepInclude(router.stats(), idle)
    }).pipe(patient))
})

layer(TestCodex.layer({ script: TestCodex.echo }), { excludeTestServices: true })("many at once", (it) => {
  it.effect("32 threads, each stream with its own events alone", () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const names = Array.from({ length: 32 }, (_, index) => `thread ${index}`)
      const seen = yield* Effect.forEach(names, (name) =>
        Effect.gen(function*() {
          const thread = yield* codex.threadStart()
          const turn = yield* thread.turn(name)
          const events = yield* Stream.runCollect(turn.stream)
          return { name, threadId: thread.id, turnId: turn.id, events, result: yield* turn.run }
        }), { concurrency: "unbounded" })

      for (const { events, name, result, threadId, turnId } of seen) {
        assert.strictEqual(events[0]?.method, "turn/started")
        assert.deepStrictEqual(deltas(events), [name])
        assert.strictEqual(result.finalResponse, name)
        for (const event of events) {
          const params = event.raw["params"] as {
            readonly threadId?: string
            readonly turnId?: string
            readonly turn?: { readonly id: string }
          }
          assert.deepStrictEqual([params.threadId, params.turnId ?? params.turn?.id], [threadId, turnId])
        }
      }
      assert.deepInclude(router.stats(), idle)
      assert.strictEqual(router.stats().badLines, 0)
    }))

  it.effect("the first event is never missed, however early it comes", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart()
      for (let round = 0; round < 10; round++) {
        const events = yield* Stream.runCollect(thread.stream(`round ${round}`))
        assert.strictEqual(events[0]?.method, "turn/started")
        assert.deepStrictEqual(deltas(events), [`round ${round}`])
      }
    }))
})
