/** Two runners on PostgreSQL, in one process: threads find their runner, move in order, and keep their answers. */
import * as CodexRunner from "@effect-codex/cluster/CodexRunner"
import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import * as RunnerStatus from "@effect-codex/cluster/RunnerStatus"
import * as ThreadIndex from "@effect-codex/cluster/ThreadIndex"
import { CodexHome, Gate, Reply, ScriptedModel } from "@effect-codex/testing"
import { assert, describe, layer } from "@effect/vitest"
import { Codex } from "effect-codex"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { machine } from "./machine.ts"
import * as Postgres from "./postgres.ts"
import * as Processes from "./processes.ts"
import { sql } from "./sql.ts"
import {
  askedFor,
  asking,
  assertInOrder,
  count,
  everyRequest,
  forgets,
  hostRefusesNames,
  refusesNames
} from "./utils.ts"

/** A runner in a scope of its own, which ends it. */
const startRunner = (options: CodexRunner.ClusterOptions) =>
  Effect.gen(function*() {
    const home = yield* CodexHome.CodexHome
    const { url } = yield* Postgres.Postgres
    const port = yield* Postgres.freePort
    const sqlite = join(home.workspace, `sqlite-${port}`)
    mkdirSync(sqlite)
    const scope = yield* Scope.fork(yield* Effect.scope)
    const codex = Codex.layer({
      cwd: home.workspace,
      env: { ...home.env, CODEX_SQLITE_HOME: sqlite },
      restart: Schedule.spaced("100 millis")
    })
    const context = yield* CodexRunner.layer({ ...asking, ...options, address: { host: "127.0.0.1", port }, codex })
      .pipe(
        Layer.provide(sql(url)),
        Layer.buildWithScope(scope)
      )
    return { address: `127.0.0.1:${port}`, context, stop: Scope.close(scope, Exit.void) }
  })

const client = (options: CodexRunner.ClusterOptions) =>
  Effect.gen(function*() {
    const { url } = yield* Postgres.Postgres
    return Context.get(yield* Processes.client(url, options), HostedThreads.HostedThreads)
  })

describe("two runners", () => {
  layer(machine(), { excludeTestServices: true })((it) => {
    for (const serialization of ["binary", "ndjson"] as const) {
      it.effect(`answer every request, in ${serialization}`, () =>
        Effect.gen(function*() {
          const options = { prefix: serialization, serialization, drain: "5 seconds" }
          const [one, two] = yield* Effect.all([startRunner(options), startRunner(options)], { concurrency: 2 })
          const threads = yield* client(options)
          const names = Array.from({ length: 6 }, (_, index) => `${serialization} ${index}`)
          const results = yield* Effect.forEach(names, (name) => threads.thread(name).run(`hello ${name}`), {
            concurrency: "unbounded"
          })
          assert.deepStrictEqual(
            results.map(({ finalResponse }) => finalResponse),
            names.map((name) => `hello ${name}`)
          )
          const places = yield* Effect.forEach(names, (name) => threads.thread(name).where)
          for (const { runner } of places) assert.include([one.address, two.address], runner)

          yield* everyRequest(threads.thread(`${serialization} asked everything`))
        }), 30_000)
    }

    it.effect(
      "hand a thread over: the running turn ends, its events go on, the history is there",
      () =>
        Effect.gen(function*() {
          const model = yield* ScriptedModel.ScriptedModel
          const options = { prefix: "move", drain: "10 seconds" }
          const one = yield* startRunner(options)
          const threads = yield* client(options)
          const thread = threads.thread("moving")
          yield* thread.run("move before")
          const two = yield* startRunner(options)

          const gate = yield* Gate.make
          yield* model.enqueue(Reply.message({ deltas: ["one ", gate, "two"] }))
          const turn = yield* thread.turn("move during", { turnKey: "during" })
          yield* gate.arrived
          const first = yield* thread.where
          const [old, other] = first.runner === one.address ? [one, two] : [two, one]
          const following = yield* thread.notifications({ from: { epoch: first.epoch, seq: 0 } }).pipe(
            Stream.takeUntil((event) => event.method === "$turnEnded" && event.turnKey === "after"),
            Stream.runCollect,
            Effect.forkChild
          )
          const stopping = yield* Effect.forkChild(old.stop)
          // Before that it would still take the next run.
          yield* Effect.repeat(Context.get(old.context, RunnerStatus.RunnerStatus).check, {
            until: ({ isDraining }) => isDraining,
            schedule: Schedule.spaced("10 millis")
          })
          const waiting = yield* Effect.forkChild(thread.run("move after", { turnKey: "after" }))
          yield* gate.open
          assert.strictEqual((yield* turn.run).finalResponse, "one two")
          yield* Fiber.join(stopping)
          const after = yield* Fiber.join(waiting)
          assert.strictEqual(after.finalResponse, "move after")
          const second = yield* thread.where
          assert.strictEqual(second.runner, other.address)
          assert.isAbove(second.epoch, first.epoch)
          assert.strictEqual(second.threadId, first.threadId)
          const [request] = yield* askedFor("move after")
          // The input, and the model's echo of it.
          assert.strictEqual(count(request, "move before"), 2)
          assert.strictEqual((yield* askedFor("move during")).length, 1)

          const events = yield* Fiber.join(following)
          assert.strictEqual(events.filter(({ method }) => method === "$moved").length, 1)
          assertInOrder(events)
        }),
      40_000
    )

    it.effect("share one index", () =>
      Effect.gen(function*() {
        const { url } = yield* Postgres.Postgres
        const build = Layer.build(
          ThreadIndex.layerSql({ prefix: "index" }).pipe(Layer.provide(sql(url)))
        )
        const [one, two] = yield* Effect.all([build, build], { concurrency: 2 })
        const index = Context.get(one, ThreadIndex.ThreadIndex)
        const other = Context.get(two, ThreadIndex.ThreadIndex)
        const opened = yield* Effect.all(
          Array.from({ length: 12 }, (_, at) => (at % 2 === 0 ? index : other).open("n", `runner ${at}`)),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          opened.map(({ epoch }) => epoch).sort((one, other) => one - other),
          Array.from({ length: 12 }, (_, at) => at + 1)
        )
        assert.isTrue(yield* index.record("n", 12, { threadId: "t", progress: "begun" }))
        assert.isFalse(yield* other.record("n", 11, { threadId: "u" }))
        yield* index.want("n", "k")
        yield* other.want("n", "k")
        assert.deepStrictEqual(yield* other.wanted("n"), ["k"])
        yield* other.release("n", 11)
        assert.isNotNull((yield* index.get("n"))?.owner)
        yield* other.release("n", 12)
        const released = yield* index.get("n")
        assert.deepStrictEqual(released, { name: "n", threadId: "t", epoch: 12, owner: null, progress: "begun" })
        yield* forgets(index, "n")
      }))

    it.effect("refuse names and keys that the database cannot hold", () =>
      Effect.gen(function*() {
        const options = { prefix: "names", drain: "5 seconds" } as const
        yield* startRunner(options)
        const { url } = yield* Postgres.Postgres
        const context = yield* Layer.build(CodexRunner.layerClient(options).pipe(Layer.provide(sql(url))))
        const threads = Context.get(context, HostedThreads.HostedThreads)
        const names = ["n".repeat(256), "a\0b", ""]
        yield* refusesNames(threads, names)
        yield* Effect.provide(hostRefusesNames(names), context)
        const index = Context.get(context, ThreadIndex.ThreadIndex)
        assert.isUndefined(yield* index.get("n".repeat(255)))
        assert.isUndefined(yield* index.get("keyed"))
        // The longest name.
        assert.strictEqual((yield* threads.thread("n".repeat(255)).run("at most")).finalResponse, "at most")
      }))
  })
})
