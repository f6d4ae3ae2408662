/**
 * A script that measures a cluster from a process of its own, with one of its wire formats: `node client.ts <options>`, where the
 * options are JSON.
 */
import type { HostedThread } from "@effect-codex/cluster/HostedThreads"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Codex from "effect-codex/Codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { SqlClient } from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as Places from "../../../../cluster/test/places.ts"
import { sql } from "../../../../cluster/test/sql.ts"
import * as Fleet from "./fleet.ts"
import { type Cluster, cpuTime } from "./runner.ts"

/** The options of the script. */
export interface Options extends Fleet.Machine {
  readonly serialization: Cluster["serialization"]
  readonly quick: boolean
}

/** Measurements of the same thing by both ways, in turns. */
export interface Both {
  readonly direct: ReadonlyArray<number>
  readonly hosted: ReadonlyArray<number>
}

/** The figures. Times are in milliseconds, sizes in kB. */
export interface Figures {
  readonly turn: Both
  readonly firstEvent: Both
  readonly events: Both
  /** The end of the events after the result. */
  readonly end: ReadonlyArray<number>
  /** Deltas per second. */
  readonly deltas: Both
  /** The CPU time of their turn: of the client, and of the runner if it is hosted. */
  readonly deltasCpu: Both
  readonly roundTrip: ReadonlyArray<number>
  readonly repeated: ReadonlyArray<number>
  /** Runs per second that are stored, refused and answered, 64 at once. */
  readonly accepted: number
  /** Turns per second on 16 threads at once. */
  readonly parallel: number
  readonly stored: number
  readonly idle: number
  readonly resident: number
  /** The reading of a thread that had been released. */
  readonly reopening: ReadonlyArray<number>
  readonly failover: number
}

// `Cluster.ts` has written them.
const options: Options = JSON.parse(process.argv[2] ?? "{}")
const { quick, serialization } = options
const turns = quick ? 10 : 40
const manyDeltas = 5_000

/** Measures the time of an effect, in milliseconds. */
const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(effect, () => performance.now() - start)
  })

/** Runs effects one after the other. */
const times = <A, E, R>(count: number, effect: (at: number) => Effect.Effect<A, E, R>) =>
  Effect.forEach(Array.from({ length: count }), (_, at) => effect(at))

/** Measures both ways in turns, so that they meet the same noise, and each as often first as second. */
const pairs = <A, E, R, B, E2, R2>(count: number, direct: Effect.Effect<A, E, R>, hosted: Effect.Effect<B, E2, R2>) =>
  times(count, (at) =>
    at % 2 === 0
      ? Effect.all({ direct, hosted })
      : Effect.map(Effect.all([hosted, direct]), ([hosted, direct]) => ({ direct, hosted })))

const of = <A>(
  measured: ReadonlyArray<{ readonly direct: A; readonly hosted: A }>,
  value: (of: A) => number
): Both => ({
  direct: measured.map(({ direct }) => value(direct)),
  hosted: measured.map(({ hosted }) => value(hosted))
})

const identity = (value: number): number => value

/** Returns how many times a second an effect is run, with a number of them at the same time. */
const rate = <A, E, R>(count: number, concurrency: number, effect: (at: number) => Effect.Effect<A, E, R>) =>
  Effect.map(
    timed(Effect.forEach(Array.from({ length: count }), (_, at) => effect(at), { concurrency, discard: true })),
    (millis) => count * 1000 / millis
  )

/** Measures the time of the first event of the server, and that of the last one. */
const streamed = <E, R>(events: Stream.Stream<{ readonly method: string }, E, R>) =>
  Effect.suspend(() => {
    const start = performance.now()
    let first: number | undefined
    let deltas = 0
    return Stream.runForEachArray(events, (events) =>
      Effect.sync(() => {
        for (const { method } of events) {
          if (!method.startsWith("$")) first ??= performance.now() - start
          if (method === "item/agentMessage/delta") deltas += 1
        }
      })).pipe(Effect.map(() => {
        const total = performance.now() - start
        return { first: first ?? NaN, total, deltas: deltas * 1000 / total }
      }))
  })

/** Runs an effect, and adds the CPU time it used to its result, in milliseconds. */
const withCpu = <A extends object, E, R>(used: Effect.Effect<number>, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const before = yield* used
    const value = yield* effect
    return { ...value, cpu: (yield* used) - before }
  })

const program = Effect.gen(function*() {
  const cluster: Cluster = { prefix: `bench_${serialization}`, serialization, failover: "4 seconds" }
  const codex = yield* Codex.Codex
  const directThread = yield* codex.threadStart()
  const runner = yield* Fleet.startRunner(options, cluster, "5 minutes")
  const { threads } = yield* Fleet.client(options, cluster)
  yield* Places.serve(threads, [runner])
  const thread = threads.thread("one")

  yield* times(5, () => Effect.all([directThread.run("warm"), thread.run("warm")]))
  const turn = yield* pairs(turns, timed(directThread.run("go")), timed(thread.run("go")))
  const streams = yield* pairs(turns, streamed(directThread.stream("go")), streamed(thread.stream("go")))
  // Both threads have as many turns so far: each turn sends them all to the model.
  const input = `deltas ${manyDeltas}`
  const directCpu = Effect.sync(cpuTime)
  const hostedCpu = Effect.map(runner.ask("cpu"), (cpu) => cpu + cpuTime())
  const pieces = yield* pairs(
    quick ? 4 : 22,
    withCpu(directCpu, streamed(directThread.stream(input))),
    withCpu(hostedCpu, streamed(thread.stream(input)))
  )
  // The first turns are a warm-up.
  const deltas = pieces.slice(2)

  const end = yield* times(turns, () =>
    Effect.gen(function*() {
      const turn = yield* thread.turn("go")
      const ended = yield* Deferred.make<number>()
      yield* Stream.runDrain(turn.stream).pipe(
        Effect.andThen(Effect.suspend(() => Deferred.succeed(ended, performance.now()))),
        Effect.forkScoped
      )
      yield* turn.run
      const answered = performance.now()
      return (yield* Deferred.await(ended)) - answered
    }))

  const roundTrip = yield* times(quick ? 100 : 500, () => timed(thread.where))
  yield* thread.run("again", { turnKey: "again" })
  const repeated = yield* times(50, () => timed(thread.run("again", { turnKey: "again" })))
  // An input that every host refuses: the run is stored, handled and answered, without a turn.
  const refused = (at: number) => Effect.flip(threads.thread(`refused ${at % 32}`).run([]))
  yield* rate(200, 64, refused)
  const accepted = yield* rate(quick ? 500 : 2_000, 64, refused)
  yield* times(16, (at) => threads.thread(`many ${at}`).run("go"))
  const parallel = yield* rate(quick ? 32 : 96, 16, (at) => threads.thread(`many ${at % 16}`).run("go"))

  const stored = yield* Effect.provide(
    Effect.gen(function*() {
      const client = yield* SqlClient
      const names = ["messages", "replies"].map((name) => `${cluster.prefix}_${name}`)
      const [row] = yield* client<{ readonly size: string }>`SELECT (pg_total_relation_size(${names[0]}::regclass)
        + pg_total_relation_size(${names[1]}::regclass)) / (SELECT COUNT(*) FROM ${client(names[0] ?? "")}) AS size`
      return Number(row?.size) / 1000
    }),
    sql(options.database)
  )

  /** Measures the memory of each thread, after others have had their code compiled. */
  const perThread = (name: string, count: number, use: (thread: HostedThread) => Effect.Effect<unknown, unknown>) => {
    const useAll = (kind: string, count: number) =>
      Effect.forEach(Array.from({ length: count }), (_, at) => use(threads.thread(`${name} ${kind} ${at}`)), {
        concurrency: 8,
        discard: true
      })
    return Effect.gen(function*() {
      yield* useAll("warm", count / 2)
      const before = yield* runner.ask("memory")
      yield* useAll("measured", count)
      return ((yield* runner.ask("memory")) - before) / count / 1000
    })
  }
  const idle = yield* perThread("idle", quick ? 500 : 2_000, (thread) => thread.where)
  const resident = yield* perThread("resident", quick ? 80 : 200, (thread) => thread.run("go"))

  const second = yield* Fleet.startRunner(options, cluster, "5 minutes")
  yield* Places.serve(threads, [runner, second])
  const moving = Array.from({ length: 12 }, (_, at) => threads.thread(`moving ${at}`))
  yield* Effect.forEach(moving, (thread) => thread.run("before"), { concurrency: 4 })
  const failover = yield* timed(Effect.andThen(
    runner.kill,
    Effect.forEach(moving, (thread) => thread.run("after"), { concurrency: "unbounded" })
  ))
  yield* second.kill

  const reopening = yield* Effect.scoped(Effect.gen(function*() {
    const cluster: Cluster = { prefix: `reopen_${serialization}`, serialization, failover: "4 seconds" }
    const runner = yield* Fleet.startRunner(options, cluster, "1 second")
    const { index, threads } = yield* Fleet.client(options, cluster)
    yield* Places.serve(threads, [runner])
    const names = Array.from({ length: quick ? 8 : 24 }, (_, at) => `released ${at}`)
    yield* Effect.forEach(names, (name) => threads.thread(name).run("go"), { concurrency: 4 })
    yield* Effect.forEach(names, (name) =>
      Effect.repeat(index.get(name), {
        until: (row) => row?.owner === null,
        schedule: Schedule.spaced("50 millis")
      }))
    return yield* Effect.forEach(names, (name) => timed(threads.thread(name).read()))
  }))
  const figures: Figures = {
    turn: of(turn, identity),
    firstEvent: of(streams, ({ first }) => first),
    events: of(streams, ({ total }) => total),
    end,
    deltas: of(deltas, ({ deltas }) => deltas),
    deltasCpu: of(deltas, ({ cpu }) => cpu),
    roundTrip,
    repeated,
    accepted,
    parallel,
    stored,
    idle,
    resident,
    reopening,
    failover
  }
  process.stdout.write(JSON.stringify(figures))
})

program.pipe(
  Effect.scoped,
  Effect.provide(Codex.layer({ cwd: options.workspace, env: Fleet.serverEnv(options, `direct-${serialization}`) })),
  NodeRuntime.runMain
)
