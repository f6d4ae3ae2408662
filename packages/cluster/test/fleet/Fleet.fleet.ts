/**
 * A fleet of processes that loses runners. Counted are the answers, how often each key stands in the rollouts, and how often the model
 * was asked for it.
 */
import * as CodexActivity from "@effect-codex/cluster/CodexActivity"
import * as ThreadIndex from "@effect-codex/cluster/ThreadIndex"
import { CodexHome, Gate, Reply, ScriptedModel, Step } from "@effect-codex/testing"
import { assert, describe, layer } from "@effect/vitest"
import { Codex } from "effect-codex"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Postgres from "../postgres.ts"
import { askedFor } from "../utils.ts"
import * as Fleet from "./fleet.ts"
import { ThreeTurns } from "./workflow.ts"

const slowly = {
  respond: (request: { readonly lastUserText?: string | undefined }) =>
    Reply.message({ deltas: ["answer ", Step.delay("400 millis"), request.lastUserText ?? ""] })
}

const machine = Layer.mergeAll(
  Postgres.layer,
  CodexHome.layer().pipe(Layer.provideMerge(ScriptedModel.layer(slowly)))
)

/** An app-server on the same home, as somebody's command line is. */
const OtherCodex = Layer.unwrap(
  CodexHome.CodexHome.useSync(({ env, workspace }) => Codex.layer({ cwd: workspace, env }))
)

const start = (prefix: string, count: number) =>
  Effect.gen(function*() {
    const runners = yield* Effect.forEach(Array.from({ length: count }), () => Fleet.startRunner(prefix), {
      concurrency: "unbounded"
    })
    const { services, threads } = yield* Fleet.client(prefix, runners)
    return { runners, services, threads }
  })

/** Runs turns on threads, each thread's one after the other, and does something in the middle of it. */
const load = (
  threads: Effect.Success<ReturnType<typeof start>>["threads"],
  prefix: string,
  size: { readonly threads: number; readonly turns: number },
  during: Effect.Effect<void>
) =>
  Effect.gen(function*() {
    const { codexHome } = yield* CodexHome.CodexHome
    const keys: Array<string> = []
    const running = yield* Effect.forkChild(
      Effect.forEach(Array.from({ length: size.threads }, (_, at) => `${prefix} ${at}`), (name) =>
        Effect.forEach(Array.from({ length: size.turns }), (_, turn) => {
          const turnKey = `${name} ${turn}`
          keys.push(turnKey)
          return threads.thread(name).run(`do ${turnKey}`, { turnKey, onCutOff: "continue" })
        }), { concurrency: "unbounded" })
    )
    yield* Effect.sleep("2 seconds")
    yield* during
    const answers = (yield* Fiber.join(running)).flat()
    assert.strictEqual(answers.length, size.threads * size.turns)
    for (const { status } of answers) {
      assert.strictEqual(status, "completed")
    }
    const messages = Fleet.messagesOf(codexHome)
    for (const key of keys) {
      assert.strictEqual(messages.get(key), 1, `${key} in the rollouts`)
      assert.isAtMost((yield* askedFor(`do ${key}`)).length, 1, `${key} at the model`)
    }
    const continued = keys.filter((key) =>
      messages.has(`${key}#2`)
    ).length
    const asked = (yield* Effect.forEach(keys, (key) =>
      askedFor(`do ${key}`))).flat().length
    return { continued, asked, answers: answers.length }
  })

describe("a fleet", () => {
  layer(machine, { excludeTestServices: true, timeout: 60_000 })((it) => {
    it.effect("whose runner is killed under load answers every run once", () =>
      Effect.gen(function*() {
        const { runners, threads } = yield* start("kill", 3)
        const counted = yield* load(
          threads,
          "kill",
          { threads: 9, turns: 6 },
          runners[0]?.signal("SIGKILL") ?? Effect.void
        )
        // A turn can be cut off before its first request: then only its continuation asked the model.
        assert.isAtLeast(counted.asked + counted.continued, counted.answers)
      }))

    it.effect("whose runner ends in order cuts no turn off", () =>
      Effect.gen(function*() {
        const { runners, threads } = yield* start("term", 3)
        const counted = yield* load(
          threads,
          "term",
          { threads: 9, turns: 6 },
          runners[0]?.signal("SIGTERM") ?? Effect.void
        )
        assert.deepStrictEqual(counted, { continued: 0, asked: 54, answers: 54 })
      }))

    it.effect("runs one turn for ten callers with one key", () =>
      Effect.gen(function*() {
        const { runners, threads } = yield* start("callers", 2)
        const { threads: others } = yield* Fleet.client("callers", runners)
        const results = yield* Effect.forEach(
          Array.from({ length: 10 }, (_, at) => at % 2 === 0 ? threads : others),
          (threads) => threads.thread("callers").run("do it once", { turnKey: "once" }),
          { concurrency: "unbounded" }
        )
        for (const result of results) assert.deepStrictEqual(result, results[0])
        assert.strictEqual((yield* askedFor("do it once")).length, 1)
      }))

    it.effect("does not continue a turn that was interrupted, though its runner dies during the interrupt", () =>
      Effect.gen(function*() {
        const model = yield* ScriptedModel.ScriptedModel
        const { runners, threads } = yield* start("interrupt", 2)
        const gate = yield* Gate.make
        yield* model.enqueue(Reply.message({ deltas: ["never ", gate, "more"] }))
        const thread = threads.thread("interrupt")
        const turn = yield* thread.turn("to be interrupted", { turnKey: "i", onCutOff: "continue" })
        yield* gate.arrived
        const { runner } = yield* thread.where
        const interrupting = yield* Effect.forkChild(Effect.ignore(turn.interrupt))
        yield* Effect.sleep("20 millis")
        yield* runners.find(({ address }) => address === runner)?.signal("SIGKILL") ?? Effect.void
        assert.strictEqual((yield* turn.run).status, "interrupted")
        yield* Fiber.join(interrupting)
        assert.strictEqual((yield* thread.run("and on")).status, "completed")
        assert.strictEqual((yield* askedFor("to be interrupted")).length, 1)
      }))

    it.effect("moves the events of a thread: no gap and no duplicate in an epoch, one $moved", () =>
      Effect.gen(function*() {
        const { runners, threads } = yield* start("events", 2)
        const thread = threads.thread("events")
        yield* thread.run("before", { turnKey: "before" })
        const { epoch, runner } = yield* thread.where
        const following = yield* thread.notifications({ from: { epoch, seq: 0 } }).pipe(
          Stream.takeUntil((event) => event.method === "$turnEnded" && event.turnKey === "after"),
          Stream.runCollect,
          Effect.forkChild
        )
        const turn = yield* thread.turn("during", { turnKey: "during", onCutOff: "continue" })
        yield* runners.find(({ address }) => address === runner)?.signal("SIGKILL") ?? Effect.void
        assert.strictEqual((yield* turn.run).status, "completed")
        yield* thread.run("after", { turnKey: "after" })
        const events = yield* Fiber.join(following)
        assert.strictEqual(events.filter(({ method }) => method === "$moved").length, 1)
        for (const at of new Set(events.map(({ cursor }) => cursor.epoch))) {
          const seqs = events.filter(({ cursor }) => cursor.epoch === at).map(({ cursor }) => cursor.seq)
          assert.deepStrictEqual(seqs, seqs.map((_, index) => (seqs[0] ?? 0) + index))
        }
      }))

    it.effect("finishes a workflow whose runner is killed in it, with each turn asked once", () =>
      Effect.gen(function*() {
        const { runners, services } = yield* start("workflow", 2)
        const running = yield* Effect.forkChild(
          Effect.provide(ThreeTurns.execute({ id: "w", tokenFile: null }), services)
        )
        yield* Effect.repeat(askedFor("do w"), {
          until: (asked) => asked.length > 0,
          schedule: Schedule.spaced("20 millis")
        })
        yield* runners[0]?.signal("SIGKILL") ?? Effect.void
        yield* Fiber.join(running)
        for (const name of ["plan w", "do w", "check w"]) {
          assert.strictEqual((yield* askedFor(name)).length, 1, name)
        }
      }))

    it.effect("keeps an approval over a restart of everything", () =>
      Effect.gen(function*() {
        const home = yield* CodexHome.CodexHome
        const tokenFile = join(home.workspace, "token")
        const { runners, services } = yield* start("approval", 2)
        yield* Effect.provide(ThreeTurns.execute({ id: "a", tokenFile }, { discard: true }), services)
        yield* Effect.repeat(Effect.sync(() => existsSync(tokenFile)), {
          until: (isThere) => isThere,
          schedule: Schedule.spaced("50 millis")
        })
        yield* Effect.forEach(runners, (runner) => runner.signal("SIGKILL"))
        const again = yield* start("approval", 2)
        yield* Effect.provide(
          CodexActivity.approve("go", readFileSync(tokenFile, "utf8"), { approved: true }),
          again.services
        )
        const result = yield* Effect.provide(ThreeTurns.execute({ id: "a", tokenFile }), again.services)
        assert.include(result ?? "", "check a")
        for (const name of ["plan a", "do a", "check a"]) {
          assert.strictEqual((yield* askedFor(name)).length, 1, name)
        }
      }))

    it.effect("releases an idle thread, and opens it again with its history", () =>
      Effect.gen(function*() {
        const { threads } = yield* start("idle", 1)
        const thread = threads.thread("idle")
        const { threadId } = yield* thread.run("idle one")
        yield* Effect.sleep("14 seconds")
        const idle = yield* thread.where
        assert.strictEqual(idle.state, "closed")
        assert.strictEqual((yield* thread.run("idle two")).threadId, threadId)
        assert.strictEqual((yield* thread.where).epoch, idle.epoch + 1)
      }))

    it.effect("whose runner is frozen under load, and goes on later, answers every run once", () =>
      Effect.gen(function*() {
        const { runners, threads } = yield* start("frozen", 3)
        const freeze = Effect.gen(function*() {
          yield* runners[0]?.signal("SIGSTOP") ?? Effect.void
          yield* Effect.sleep("10 seconds")
          yield* runners[0]?.signal("SIGCONT") ?? Effect.void
        })
        const counted = yield* load(threads, "frozen", { threads: 9, turns: 6 }, freeze)
        assert.isAtLeast(counted.asked + counted.continued, counted.answers)
      }))

    it.effect("says that a thread is open in another program", () =>
      Effect.gen(function*() {
        const elsewhere = yield* Codex.Codex
        const { services, threads } = yield* start("elsewhere", 1)
        const open = yield* elsewhere.threadStart()
        const { id } = open
        yield* open.run("in the command line")
        const index = Context.get(services, ThreadIndex.ThreadIndex)
        const { epoch } = yield* index.open("elsewhere", "a runner that has released it")
        yield* index.record("elsewhere", epoch, { threadId: id, progress: "begun" })
        yield* index.release("elsewhere", epoch)
        const error = yield* Effect.flip(threads.thread("elsewhere").run("here"))
        assert.strictEqual(error._tag === "ThreadUnavailableError" ? error.reason : error._tag, "LockedElsewhere")
        yield* elsewhere.threadArchive(id)
        yield* elsewhere.threadUnarchive(id)
        assert.strictEqual((yield* threads.thread("elsewhere").run("here again")).threadId, id)
      }).pipe(Effect.provide(OtherCodex)))

    it.effect("answers the runs that were accepted before its database went away", () =>
      Effect.gen(function*() {
        const model = yield* ScriptedModel.ScriptedModel
        const { away } = yield* Postgres.Postgres
        const { threads } = yield* start("database", 2)
        const gate = yield* Gate.make
        yield* model.enqueue(Reply.message({ deltas: ["during ", gate, "the outage"] }))
        const thread = threads.thread("database")
        const turn = yield* thread.turn("before the outage", { turnKey: "outage", onCutOff: "continue" })
        yield* gate.arrived
        const outage = yield* Effect.forkChild(away("3 seconds"))
        yield* Effect.sleep("500 millis")
        yield* gate.open
        yield* Fiber.join(outage)
        assert.strictEqual((yield* turn.run).status, "completed")
        assert.strictEqual((yield* askedFor("before the outage")).length, 1)
        assert.strictEqual((yield* thread.run("after the outage")).status, "completed")
        // A database of its own: the other tests need theirs.
      }).pipe(Effect.scoped, Effect.provide(Layer.fresh(Postgres.layer))))
  })
})
