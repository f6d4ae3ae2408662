/** Hosted threads in one process: the real binary, a scripted model, a cluster in memory. */
import type * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import * as TestThreads from "@effect-codex/cluster/TestThreads"
import * as ThreadIndex from "@effect-codex/cluster/ThreadIndex"
import { Gate, Reply, TestCodex } from "@effect-codex/testing"
import { assert, describe, layer } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { askedFor, forgets, reasonOf, refusesNames, setup } from "./utils.ts"

/** Returns the methods of the events of a stream, and its end. */
const read = (stream: Stream.Stream<HostedThreads.HostedEvent, unknown>) =>
  Effect.gen(function*() {
    const methods: Array<string> = []
    const exit = yield* Effect.exit(
      Stream.runForEach(stream, ({ method }) => Effect.sync(() => void methods.push(method)))
    )
    return { methods, exit }
  })

describe("hosted threads", () => {
  layer(
    TestThreads.layer().pipe(
      Layer.provideMerge(TestCodex.layer({ script: TestCodex.echo, client: { restart: Schedule.recurs(20) } }))
    ),
    { excludeTestServices: true }
  )((it) => {
    it.effect("run a turn, and answer the same key with the same result", () =>
      Effect.gen(function*() {
        const { threads } = yield* setup
        const thread = threads.thread("same key")
        const results = yield* Effect.all(
          Array.from({ length: 10 }, () => thread.run("hello once", { turnKey: "k" })),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(results[0]?.finalResponse, "hello once")
        for (const result of results) assert.deepStrictEqual(result, results[0])
        assert.strictEqual((yield* askedFor("hello once")).length, 1)
        const read = yield* thread.read({ includeTurns: true })
        assert.strictEqual(read.turns?.length, 1)
        const where = yield* thread.where
        assert.strictEqual(where.state, "idle")
        assert.strictEqual(where.threadId, results[0]?.threadId)
      }))

    it.effect("stream the events of a run, up to its end", () =>
      Effect.gen(function*() {
        const { threads } = yield* setup
        const events = yield* Stream.runCollect(threads.thread("stream").stream("to be streamed"))
        const methods = events.map(({ method }) => method)
        assert.strictEqual(methods[0], "$turnStarted")
        assert.strictEqual(methods.at(-2), "turn/completed")
        assert.strictEqual(methods.at(-1), "$turnEnded")
        assert.include(methods, "item/agentMessage/delta")
      }))

    it.effect("stream the events of a turn that fails or reaches a limit, up to its end", () =>
      Effect.gen(function*() {
        const { model, threads } = yield* setup
        const thread = threads.thread("failing")
        const failed = thread.stream("to fail", { turnKey: "failed" })
        const refusal = Reply.httpError(400, "refused")
        const limited = thread.stream("to be limited", { turnKey: "limited", limits: { steps: 1 } })
        const call = Reply.functionCall({ name: "exec_command", arguments: { cmd: "true" } })
        for (const [stream, reply, hasFailed] of [[failed, refusal, false], [limited, call, true]] as const) {
          yield* model.enqueue(reply)
          const first = yield* read(stream)
          assert.deepStrictEqual(first.methods.slice(-2), ["turn/completed", "$turnEnded"])
          assert.strictEqual(Exit.isFailure(first.exit), hasFailed)
          yield* thread.run("another")
          assert.deepStrictEqual(yield* read(stream), first)
        }
      }))

    it.effect("stream a turn that runs, or that has ended, from its beginning", () =>
      Effect.gen(function*() {
        const { model, threads } = yield* setup
        const gate = yield* Gate.make
        yield* model.enqueue(Reply.message({ deltas: ["one ", gate, "two"] }))
        const thread = threads.thread("attached")
        const stream = thread.stream("to be attached to", { turnKey: "k" })
        const first = yield* Effect.forkChild(Stream.runCollect(stream))
        yield* gate.arrived
        const second = yield* Effect.forkChild(Stream.runCollect(stream))
        const begun = yield* Deferred.make<void>()
        const third = yield* stream.pipe(
          Stream.tap(() => Deferred.succeed(begun, undefined)),
          Stream.runCollect,
          Effect.forkChild
        )
        yield* Deferred.await(begun)
        yield* gate.open
        const events = yield* Fiber.join(first)
        assert.deepStrictEqual(yield* Fiber.join(second), events)
        assert.deepStrictEqual(yield* Fiber.join(third), events)
        assert.deepStrictEqual(yield* Stream.runCollect(stream), events)
        const turn = yield* thread.turn("to be attached to", { turnKey: "k" })
        assert.deepStrictEqual(yield* Stream.runCollect(turn.stream), events)
        assert.strictEqual((yield* askedFor("to be attached to")).length, 1)
      }))

    it.effect("decode a typed answer at the client", () =>
      Effect.gen(function*() {
        const { model, threads } = yield* setup
        yield* model.enqueue(Reply.text(JSON.stringify({ pieces: 3 })))
        const result = yield* threads.thread("typed").run("How many?", {
          output: Schema.Struct({ pieces: Schema.Int })
        })
        assert.deepStrictEqual(result.output, { pieces: 3 })
      }))

    it.effect("refuse names and inputs that could not be found again", () =>
      Effect.gen(function*() {
        const { threads } = yield* setup
        const errors = [
          yield* Effect.flip(threads.thread("").run("no name")),
          yield* Effect.flip(threads.thread("keys").run("no key", { turnKey: "" })),
          // The wire would make a different key of it.
          yield* Effect.flip(threads.thread("keys").run("half a character", { turnKey: "\ud83d" })),
          yield* Effect.flip(threads.thread("keys").run([]))
        ]
        assert.deepStrictEqual(errors.map(({ _tag }) => _tag), Array(4).fill("InvalidInputError"))
        // The first turn of a thread may be refused.
        const refused = yield* Effect.flip(
          threads.thread("refused").run([{ type: "localImage", path: "/no/such/file" }])
        )
        assert.strictEqual(refused._tag, "InvalidInputError")
        const index = yield* ThreadIndex.ThreadIndex
        assert.strictEqual((yield* index.get("refused"))?.progress, "new")
        assert.strictEqual((yield* threads.thread("refused").run("and then")).finalResponse, "and then")
        assert.strictEqual((yield* index.get("refused"))?.progress, "begun")
        // A key that looks like the second attempt of another one is a run of its own.
        yield* threads.thread("keys").run("one", { turnKey: "k" })
        assert.strictEqual((yield* threads.thread("keys").run("two", { turnKey: "k#2" })).finalResponse, "two")
      }))

    it.effect("refuse names and keys that no database could hold", () =>
      Effect.gen(function*() {
        const { threads } = yield* setup
        yield* refusesNames(threads, [""])
        assert.isUndefined(yield* ThreadIndex.ThreadIndex.use((index) => index.get("")))
      }))

    it.effect("refuse options that a hosted thread does not have", () =>
      Effect.gen(function*() {
        const { threads } = yield* setup
        const options = { whenBusy: "steer", model: undefined }
        const error = yield* Effect.flip(threads.thread("options").run("optional", options))
        assert.deepInclude(error, { _tag: "InvalidInputError", field: "whenBusy" })
        // Members of the cluster set what they like.
        const result = yield* threads.thread("options").run("optional", {
          sandbox: "readOnly",
          limits: { tokens: Infinity, duration: "1 minute" }
        })
        assert.strictEqual(result.finalResponse, "optional")
      }))

    it.effect("are forgotten, but for their epochs", () =>
      ThreadIndex.ThreadIndex.use((index) => forgets(index, "forgotten")))

    it.effect("hand out a turn that can be followed, steered and interrupted", () =>
      Effect.gen(function*() {
        const { model, threads } = yield* setup
        const gate = yield* Gate.make
        yield* model.enqueue(Reply.message({ deltas: ["never ", gate, "more"] }))
        const thread = threads.thread("turn")
        const turn = yield* thread.turn("wait", { turnKey: "long" })
        const following = yield* Effect.forkChild(Stream.runCollect(turn.stream))
        assert.strictEqual((yield* thread.where).turnKey, "long")
        yield* turn.interrupt
        const result = yield* turn.run
        assert.strictEqual(result.status, "interrupted")
        const events = yield* Fiber.join(following)
        assert.strictEqual(events.at(-1)?.method, "$turnEnded")
        assert.deepStrictEqual(yield* thread.run("wait", { turnKey: "long" }), result)
        const refused = yield* Effect.flip(thread.interrupt())
        assert.strictEqual(reasonOf(refused), "NotRunning")
      }))
  })
})
