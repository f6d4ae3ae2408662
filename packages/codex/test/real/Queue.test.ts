import { Gate, Reply, TestCodex } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { CodexError } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { agentTexts, idle, setup, withCodex } from "./utils.ts"

const script = {
  respond: ({ lastUserText }: { readonly lastUserText: string | undefined }) =>
    lastUserText === "wait"
      ? Reply.hang
      : lastUserText === "fail"
      ? Reply.httpError(400, "no")
      : Reply.text(lastUserText ?? "")
}

const textOf = ({ input }: { readonly input: ReadonlyArray<{ readonly type: string }> }) =>
  input.map((item) => "text" in item ? item.text : item.type).join()

layer(TestCodex.layer({ script }), { excludeTestServices: true })("a queue", (it) => {
  /** A thread whose turn is held at a gate. */
  const held = Effect.gen(function*() {
    const { codex, model } = yield* setup
    const gate = yield* Gate.make
    yield* model.enqueue(Reply.after(gate, Reply.text("held")))
    const thread = yield* codex.threadStart()
    const turn = yield* thread.turn("first")
    yield* gate.arrived
    return { thread, turn, gate }
  })

  it.effect("starts its turns one after another, and their results are reached", () =>
    Effect.gen(function*() {
      const { router } = yield* setup
      const { gate, thread, turn } = yield* held
      const one = yield* thread.queue.add("one")
      const failing = yield* thread.queue.add("fail")
      const two = yield* thread.queue.add(["two", "lines"])
      assert.deepStrictEqual((yield* thread.queue.current).map(textOf), ["one", "fail", "two,lines"])
      yield* gate.open
      assert.strictEqual((yield* turn.run).finalResponse, "held")
      const started = yield* one.turn
      const events = yield* Stream.runCollect(started.stream)
      assert.strictEqual(events[0]?.method, "turn/started")
      assert.strictEqual((yield* started.run).finalResponse, "one")
      assert.strictEqual(yield* one.turn, started)
      const failed = yield* Effect.flip(Effect.flatMap(failing.turn, ({ run }) => run))
      assert.strictEqual(failed._tag, "TurnFailedError")
      assert.strictEqual((yield* Effect.flatMap(two.turn, ({ run }) => run)).finalResponse, "lines")
      assert.deepStrictEqual(yield* thread.queue.current, [])
      assert.deepInclude(router.stats(), idle)
    }))

  it.effect("starts at once on an idle thread, and other turns wait for it", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      for (let round = 0; round < 3; round++) {
        const thread = yield* codex.threadStart()
        const before = (yield* model.requests).length
        const [queued, run] = yield* Effect.all([
          Effect.flatMap(Effect.flatMap(thread.queue.add("queued"), ({ turn }) => turn), ({ run }) => run),
          thread.run("own")
        ], { concurrency: 2 })
        assert.strictEqual(queued.finalResponse, "queued")
        assert.strictEqual(run.finalResponse, "own")
        assert.notStrictEqual(queued.id, run.id)
        // Two turns with one request each: none was added to the other.
        assert.strictEqual((yield* model.requests).length, before + 2)
      }
    }))

  it.effect("comes before a run that waits, and can be steered", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      const { gate, thread, turn } = yield* held
      const second = yield* Gate.make
      yield* model.enqueue(Reply.after(second, Reply.text("queued answer")))
      const queued = yield* thread.queue.add("queued")
      const run = yield* Effect.forkChild(thread.run("own"), { startImmediately: true })
      yield* gate.open
      yield* turn.run
      const started = yield* queued.turn
      yield* second.arrived
      const busy = yield* Effect.flip(thread.run("no", { whenBusy: "fail" }))
      assert.instanceOf(busy, CodexError.ThreadBusyError)
      const joined = yield* thread.turn("more", { whenBusy: "steer" })
      yield* second.open
      assert.strictEqual((yield* joined.run).id, started.id)
      const own = yield* Fiber.join(run)
      assert.notStrictEqual(own.id, started.id)
      assert.deepStrictEqual(agentTexts(own), ["own"])
    }))

  it.effect("is changed, reordered and emptied, and emits each change", () =>
    Effect.gen(function*() {
      const { thread, turn } = yield* held
      const seen: Array<string> = []
      const started = yield* Deferred.make<void>()
      const watching = yield* thread.queue.changes.pipe(
        Stream.map((queue) => queue.map(textOf).join(" ")),
        Stream.tap((queue) => {
          seen.push(queue)
          return Deferred.succeed(started, undefined)
        }),
        Stream.takeUntil((queue) => queue === "b2"),
        Stream.runDrain,
        Effect.forkChild({ startImmediately: true })
      )
      yield* Deferred.await(started)
      const a = yield* thread.queue.add("a")
      const b = yield* thread.queue.add("b")
      yield* thread.queue.reorder([b.id, a.id])
      assert.deepStrictEqual((yield* thread.queue.current).map(textOf), ["b", "a"])
      const changed = yield* thread.queue.update(b.id, "b2")
      assert.strictEqual(textOf(changed), "b2")
      assert.strictEqual(yield* thread.queue.remove(a.id), true)
      assert.strictEqual(yield* thread.queue.remove(a.id), false)
      const removed = yield* Effect.flip(a.turn)
      assert.instanceOf(removed, CodexError.QueuedTurnRemovedError)
      assert.include(removed.message, a.id)
      yield* Fiber.join(watching)
      assert.strictEqual(seen[0], "")
      assert.strictEqual(seen.at(-1), "b2")
      yield* turn.interrupt
      yield* turn.run
      yield* thread.queue.remove(b.id)
    }))

  it.effect("is paused by an interruption, until it is started or another turn completes", () =>
    Effect.gen(function*() {
      const { thread, turn } = yield* held
      yield* turn.interrupt
      yield* turn.run
      const one = yield* thread.queue.add("one")
      assert.strictEqual((yield* thread.queue.current).length, 1)
      yield* thread.queue.start
      assert.strictEqual((yield* Effect.flatMap(one.turn, ({ run }) => run)).finalResponse, "one")
      const empty = yield* Effect.flip(thread.queue.start)
      assert.strictEqual(empty._tag, "CodexRpcError")

      const waiting = yield* thread.turn("wait")
      yield* waiting.interrupt
      yield* waiting.run
      const two = yield* thread.queue.add("two")
      assert.strictEqual((yield* thread.run("own")).finalResponse, "own")
      assert.strictEqual((yield* Effect.flatMap(two.turn, ({ run }) => run)).finalResponse, "two")
    }))

  it.effect("is under the limits of its thread", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart({ limits: { duration: "200 millis" } })
      const queued = yield* thread.queue.add("wait")
      const error = yield* Effect.flip(Effect.flatMap(queued.turn, ({ run }) => run))
      assert.strictEqual(error._tag === "TurnLimitError" && error.limit, "duration")
    }))

  it.effect("refuses what it cannot hold", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart({ ephemeral: true })
      assert.strictEqual((yield* Effect.flip(thread.queue.add("x")))._tag, "CodexRpcError")
      assert.strictEqual((yield* Effect.flip(thread.queue.add([])))._tag, "InvalidInputError")
      // Nothing is left of it that another turn would wait for.
      assert.strictEqual((yield* thread.run("own", { whenBusy: "fail" })).finalResponse, "own")
    }))

  it.effect("outlives the server", () =>
    Effect.gen(function*() {
      const before = yield* withCodex((codex) =>
        Effect.gen(function*() {
          const thread = yield* codex.threadStart()
          yield* thread.run("stored")
          yield* thread.turn("wait")
          const queued = yield* thread.queue.add("later")
          // Consumers end with the connection.
          const watching = yield* Effect.forkDetach(Effect.flip(Stream.runDrain(thread.queue.changes)))
          return { id: thread.id, queued, watching }
        })
      )
      const lost = yield* Effect.flip(before.queued.turn)
      assert.strictEqual(lost._tag, "CodexConnectionError")
      assert.strictEqual((yield* Fiber.join(before.watching))._tag, "CodexConnectionError")
      yield* withCodex((codex) =>
        Effect.gen(function*() {
          const thread = yield* codex.threadResume(before.id)
          const [queued] = yield* thread.queue.current
          assert.strictEqual(queued?.id, before.queued.id)
          yield* thread.queue.start
          assert.strictEqual((yield* Effect.flatMap(queued!.turn, ({ run }) => run)).finalResponse, "later")
        })
      )
    }))
})
