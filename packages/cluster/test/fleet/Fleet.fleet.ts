/**
 * A fleet of processes that loses runners. Counted are the answers, how often each key stands in the rollouts, and how often the model
 * was asked for it.
 */
import * as CodexActivity from "@effect-codex/cluster/CodexActivity"
import * as ThreadIndex from "@effect-codex/cluster/ThreadIndex"
import { CodexHome, Gate, Reply, ScriptedModel } from "@effect-codex/testing"
import { assert, describe, layer } from "@effect/vitest"
import { Codex } from "effect-codex"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Places from "../places.ts"
import * as Postgres from "../postgres.ts"
import { askedFor, reasonOf } from "../utils.ts"
import * as Fleet from "./fleet.ts"
import { heldBy, load, machine, namesOf, start } from "./load.ts"
import { ThreeTurns } from "./workflow.ts"

/** An app-server on the same home, as somebody's command line is. */
const OtherCodex = Layer.unwrap(
  CodexHome.CodexHome.useSync(({ env, workspace }) => Codex.layer({ cwd: workspace, env }))
)

/** Returns the deltas of a part of an answer. */
const words = (part: string) => Array.from({ length: 50 }, (_, at) => `${part}${at} `)

describe("a fleet", () => {
  layer(machine, { excludeTestServices: true, timeout: 60_000 })((it) => {
    it.effect("whose runner ends in order cuts no turn off", () =>
      Effect.gen(function*() {
        const { runners, threads } = yield* start("term", 3)
        const counted = yield* load(
          threads,
          "term",
          { threads: 9, turns: 6 },
          runners[0]?.signal("SIGTERM") ?? Effect.void
        )
        assert.strictEqual(counted.continued, 0)
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
        const { runners, services, threads } = yield* start("interrupt", 2)
        const gate = yield* Gate.make
        yield* model.enqueue(Reply.message({ deltas: ["never ", gate, "more"] }))
        const thread = threads.thread("interrupt")
        const turn = yield* thread.turn("to be interrupted", { turnKey: "i", onCutOff: "continue" })
        yield* gate.arrived
        const { runner } = yield* thread.where
        const interrupting = yield* Effect.forkChild(Effect.ignore(turn.interrupt))
        // The wish is durable: whatever of the interrupt is left dies with the runner.
        const index = Context.get(services, ThreadIndex.ThreadIndex)
        yield* Effect.repeat(index.wanted("interrupt"), {
          until: (keys) => keys.includes("i"),
          schedule: Schedule.spaced("5 millis")
        })
        yield* runners.find(({ address }) => address === runner)?.signal("SIGKILL") ?? Effect.void
        assert.strictEqual((yield* turn.run).status, "interrupted")
        yield* Fiber.join(interrupting)
        assert.strictEqual((yield* thread.run("and on")).status, "completed")
        assert.strictEqual((yield* askedFor("to be interrupted")).length, 1)
      }))

    it.effect("follows a thread over two lost connections and a move", () =>
      Effect.gen(function*() {
        const model = yield* ScriptedModel.ScriptedModel
        const victim = yield* Fleet.startProxied("events")
        const runners = [victim, yield* Fleet.startRunner("events")]
        const { threads } = yield* Fleet.client("events", runners)
        const [name = ""] = (yield* heldBy(threads, victim, namesOf("events", { threads: 20 }))).keys()
        const thread = threads.thread(name)
        yield* thread.run("before", { turnKey: "before" })
        const { epoch } = yield* thread.where

        const gates = yield* Effect.all([Gate.make, Gate.make, Gate.make])
        yield* model.enqueue(Reply.message({
          deltas: [...words("a"), gates[0], ...words("b"), gates[1], ...words("c"), gates[2], "never"]
        }))
        const seen = new Map(["a49 ", "b49 ", "c49 "].map((word) => [word, Deferred.makeUnsafe<void>()]))
        const following = yield* thread.notifications({ from: { epoch, seq: 0 } }).pipe(
          Stream.tap((event) => {
            const awaited = event.method === "item/agentMessage/delta" ? seen.get(event.params.delta) : undefined
            return awaited === undefined ? Effect.void : Deferred.succeed(awaited, undefined)
          }),
          Stream.takeUntil((event) => event.method === "$turnEnded" && event.turnKey === "after"),
          Stream.runCollect,
          Effect.forkChild
        )
        const turn = yield* thread.turn("during", { turnKey: "during", onCutOff: "continue" })
        for (const [at, awaited] of [...seen.values()].entries()) {
          yield* Deferred.await(awaited)
          if (at === 2) yield* victim.signal("SIGKILL")
          else yield* Effect.andThen(victim.peers.cut, gates[at]?.open ?? Effect.void)
        }
        assert.strictEqual((yield* turn.run).status, "completed")
        yield* thread.run("after", { turnKey: "after" })

        const events = yield* Fiber.join(following)
        assert.strictEqual(victim.peers.cuts(), 2)
        assert.strictEqual(events.filter(({ method }) => method === "$moved").length, 1)
        assert.deepStrictEqual([...new Set(events.map(({ cursor }) => cursor.epoch))], [epoch, epoch + 1])
        for (const at of [epoch, epoch + 1]) {
          const seqs = events.filter(({ cursor }) => cursor.epoch === at).map(({ cursor }) => cursor.seq)
          assert.deepStrictEqual(seqs, seqs.map((_, index) => (seqs[0] ?? 0) + index))
        }
        // Every delta that was sent before the move, once.
        const begin = events.findIndex((event) => event.method === "$turnStarted" && event.turnKey === "during")
        const deltas = events.slice(begin).flatMap((event) =>
          event.method === "item/agentMessage/delta" && event.cursor.epoch === epoch ? [event.params.delta] : []
        )
        assert.deepStrictEqual(deltas, [...words("a"), ...words("b"), ...words("c")])
        assert.strictEqual((yield* askedFor("during")).length, 1)
      }))

    it.effect("finishes a workflow whose runner is killed in its second turn, and the next one after that turn", () =>
      Effect.gen(function*() {
        const model = yield* ScriptedModel.ScriptedModel
        const { runners: [first], services, threads } = yield* start("workflow", 1)
        assert.isDefined(first)
        const gate = yield* Gate.make
        yield* model.enqueue(Reply.text("planned"), Reply.message({ deltas: ["never ", gate, "more"] }))
        const running = yield* Effect.forkChild(
          Effect.provide(ThreeTurns.execute({ id: "w", tokenFile: null }), services)
        )
        yield* gate.arrived
        const second = yield* Fleet.startRunner("workflow")
        yield* first.signal("SIGKILL")
        const thread = threads.thread("workflow w")
        yield* thread.notifications().pipe(
          Stream.takeUntil(({ method }) => method === "$turnEnded"),
          Stream.runDrain
        )
        assert.strictEqual((yield* askedFor("do w")).length, 1)
        yield* Fleet.startRunner("workflow")
        yield* second.signal("SIGKILL")
        yield* Fiber.join(running)
        for (const name of ["plan w", "do w", "check w"]) {
          assert.strictEqual((yield* askedFor(name)).length, 1, name)
        }
        const { turns = [] } = yield* thread.read({ includeTurns: true })
        assert.strictEqual(turns.filter(({ status }) => status === "completed").length, 3)
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

    it.effect("whose runner is frozen under load, and goes on later, answers every run once", () =>
      Effect.gen(function*() {
        const { runners, threads } = yield* start("frozen", 3)
        const freeze = Effect.gen(function*() {
          yield* runners[0]?.signal("SIGSTOP") ?? Effect.void
          yield* Places.serve(threads, runners.slice(1))
          yield* runners[0]?.signal("SIGCONT") ?? Effect.void
        })
        yield* load(threads, "frozen", { threads: 9, turns: 6 }, freeze)
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
        assert.strictEqual(reasonOf(error), "LockedElsewhere")
        yield* elsewhere.threadArchive(id)
        yield* elsewhere.threadUnarchive(id)
        assert.strictEqual((yield* threads.thread("elsewhere").run("here again")).threadId, id)
      }).pipe(Effect.provide(OtherCodex)))

    it.effect("goes on without its database, and answers when it is back", () =>
      Effect.gen(function*() {
        const { codexHome } = yield* CodexHome.CodexHome
        const model = yield* ScriptedModel.ScriptedModel
        const postgres = yield* Postgres.Postgres
        const { threads } = yield* start("database", 2)
        // One turn ends during the outage, another one after it.
        const [short, long] = [yield* Gate.make, yield* Gate.make]
        yield* model.enqueue(Reply.message({ deltas: ["during ", short, "the outage"] }))
        const turn = yield* threads.thread("short").turn("short", { turnKey: "short", onCutOff: "continue" })
        yield* short.arrived
        yield* model.enqueue(Reply.message({ deltas: ["over ", long, "the outage"] }))
        const other = yield* threads.thread("long").turn("long", { turnKey: "long", onCutOff: "continue" })
        yield* long.arrived

        yield* postgres.stop
        yield* short.open
        const [request] = yield* askedFor("short")
        yield* request?.outcome ?? Effect.void
        const refused = yield* Effect.flip(threads.thread("refused").run("refused"))
        assert.strictEqual(reasonOf(refused), "Storage")
        yield* postgres.start

        assert.strictEqual((yield* turn.run).finalResponse, "during the outage")
        yield* Places.awaitPlace(threads, "long", ({ state }) => state === "running" || state === "idle")
        yield* long.open
        assert.strictEqual((yield* other.run).finalResponse, "over the outage")
        const messages = Fleet.messagesOf(codexHome)
        for (const key of ["short", "long"]) {
          assert.strictEqual((yield* askedFor(key)).length, 1)
          assert.strictEqual(messages.get(key), 1)
          assert.isUndefined(messages.get(`${key}#2`))
        }
        assert.strictEqual((yield* askedFor("refused")).length, 0)
        assert.strictEqual((yield* threads.thread("long").run("after the outage")).status, "completed")
        // A database of its own: the other tests need theirs.
      }).pipe(Effect.scoped, Effect.provide(Layer.fresh(Postgres.layer))))
  })
})
