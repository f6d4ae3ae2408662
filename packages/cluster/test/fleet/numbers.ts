/**
 * The costs of a fleet on this machine: `npm run bench:cluster`. One runner, its client in another process, a scripted model that
 * answers at once.
 */
import { CodexHome, ScriptedModel, TestCodex } from "@effect-codex/testing"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { mkdirSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Postgres from "../postgres.ts"
import { sql } from "../sql.ts"
import * as Fleet from "./fleet.ts"

const prefix = "numbers"

/** Returns the median time of an effect that is run a number of times, in milliseconds. */
const median = <A, E, R>(times: number, effect: (at: number) => Effect.Effect<A, E, R>) =>
  Effect.map(
    Effect.forEach(Array.from({ length: times }), (_, at) =>
      Effect.suspend(() => {
        const start = performance.now()
        return Effect.map(effect(at), () => performance.now() - start)
      })),
    (taken) => taken.sort((one, other) => one - other)[Math.floor(times / 2)] ?? 0
  )

/** Returns how many times a second an effect is run, with a number of them at the same time. */
const rate = <A, E, R>(times: number, concurrency: number, effect: (at: number) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(
      Effect.forEach(Array.from({ length: times }), (_, at) => effect(at), { concurrency, discard: true }),
      () => times * 1000 / (performance.now() - start)
    )
  })

/** The memory of a process in MB. */
const memoryOf = (id: number | string): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1] ?? 0) / 1024

/** The memory of a runner, and of its children. */
const memory = (pid: number): { readonly runner: number; readonly servers: number } => {
  const children = readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) &&
        readFileSync(`/proc/${name}/stat`, "utf8").split(") ")[1]?.split(" ")[1] === String(pid)
    } catch {
      return false
    }
  })
  return { runner: memoryOf(pid), servers: children.reduce((sum, id) => sum + memoryOf(id), 0) }
}

const say = (what: string, value: number, unit: string) =>
  Console.log(`${what.padEnd(58)} ${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${unit}`)

const program = Effect.gen(function*() {
  const home = yield* CodexHome.CodexHome
  const sqliteHome = join(home.workspace, "direct")
  mkdirSync(sqliteHome)
  yield* Effect.scoped(Effect.gen(function*() {
    const codex = yield* Codex.Codex
    const thread = yield* codex.threadStart()
    yield* median(5, () => thread.run("warm"))
    yield* say("a turn of the SDK alone, median of 40", yield* median(40, () => thread.run("direct")), "ms")
  })).pipe(Effect.provide(Codex.layer({ cwd: home.workspace, env: { ...home.env, CODEX_SQLITE_HOME: sqliteHome } })))

  const runner = yield* Fleet.startRunner(prefix)
  const { threads } = yield* Fleet.client(prefix, [runner])
  const thread = threads.thread("one")
  yield* median(5, () => thread.run("warm"))
  yield* say("a turn of a hosted thread, median of 40", yield* median(40, () => thread.run("hosted")), "ms")
  yield* say("a question to its runner (where), median of 200", yield* median(200, () => thread.where), "ms")
  yield* say("a repeated key, median of 50", yield* median(50, () => thread.run("again", { turnKey: "again" })), "ms")
  yield* say(
    "turns on 16 threads at once",
    yield* rate(80, 16, (at) => threads.thread(`many ${at % 16}`).run("go")),
    "/s"
  )
  const { url } = yield* Postgres.Postgres
  yield* Effect.provide(
    Effect.gen(function*() {
      const client = yield* SqlClient
      const [row] = yield* client<
        { readonly size: string }
      >`SELECT (pg_total_relation_size(${`${prefix}_messages`}::regclass)
        + pg_total_relation_size(${`${prefix}_replies`}::regclass)) / (SELECT COUNT(*) FROM ${
        client(`${prefix}_messages`)
      }) AS size`
      yield* say("the database, for each short run", Number(row?.size) / 1024, "kB")
    }),
    sql(url)
  )
  const before = memory(runner.process.pid ?? 0)
  yield* say("memory of a runner with 17 threads", before.runner, "MB")
  yield* say("memory of its app-server", before.servers, "MB")
  yield* Effect.forEach(Array.from({ length: 64 }), (_, at) => threads.thread(`more ${at}`).run("go"), {
    concurrency: 8
  })
  const after = memory(runner.process.pid ?? 0)
  yield* say("… with 64 more: the runner", after.runner, "MB")
  yield* say("… with 64 more: the app-server", after.servers, "MB")

  const second = yield* Fleet.startRunner(prefix)
  yield* Fleet.serve(threads, [runner, second])
  const names = Array.from({ length: 12 }, (_, at) => `moving ${at}`)
  yield* Effect.forEach(names, (name) => threads.thread(name).run("before"), { concurrency: 4 })
  const start = performance.now()
  yield* runner.signal("SIGKILL")
  yield* Effect.forEach(names, (name) => threads.thread(name).run("after"), { concurrency: "unbounded" })
  yield* say(`a killed runner: all 12 threads answer (failover ${Fleet.failover})`, performance.now() - start, "ms")
})

program.pipe(
  Effect.scoped,
  Effect.provide(
    Layer.mergeAll(Postgres.layer, CodexHome.layer().pipe(Layer.provideMerge(ScriptedModel.layer(TestCodex.echo))))
  ),
  NodeRuntime.runMain
)
