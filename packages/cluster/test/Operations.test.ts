/** What operators of a fleet use: the status and the metrics of a runner, traces over machines, the retention of answers. */
import * as CodexRunner from "@effect-codex/cluster/CodexRunner"
import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import * as Retention from "@effect-codex/cluster/Retention"
import * as RunnerStatus from "@effect-codex/cluster/RunnerStatus"
import * as ThreadGateway from "@effect-codex/cluster/ThreadGateway"
import * as ThreadIndex from "@effect-codex/cluster/ThreadIndex"
import { CodexHome, Gate, Reply, ScriptedModel } from "@effect-codex/testing"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, layer } from "@effect/vitest"
import { Codex } from "effect-codex"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as NetAddress from "effect/net/NetAddress"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import { SqlClient } from "effect/sql/SqlClient"
import * as Tracer from "effect/Tracer"
import { createServer } from "node:http"
import * as Proxy from "./fleet/proxy.ts"
import { machine } from "./machine.ts"
import * as Postgres from "./postgres.ts"
import { sql } from "./sql.ts"
import { askedFor, killServers } from "./utils.ts"

/** The spans of client, gateway and runner: in one process, but what connects them travels over sockets and in the database. */
const spans: Array<Tracer.Span> = []
const tracer = Layer.succeed(
  Tracer.Tracer,
  Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
)

/** The way of the runner to its database, which can be cut. */
class Way extends Context.Service<Way, Proxy.Proxy>()("test/Way") {}

const database = Layer.unwrap(Effect.gen(function*() {
  const url = new URL((yield* Postgres.Postgres).url)
  url.port = String((yield* Way).port)
  return sql(url.href)
})).pipe(
  Layer.provideMerge(Layer.effect(
    Way,
    Effect.flatMap(Postgres.Postgres, ({ url }) => Proxy.make(Number(new URL(url).port)))
  ))
)

const failover = "4 seconds"

const runner = Layer.unwrap(Effect.gen(function*() {
  const home = yield* CodexHome.CodexHome
  const port = yield* Postgres.freePort
  return CodexRunner.layer({
    address: { host: "127.0.0.1", port },
    failover,
    drain: "5 seconds",
    codex: Codex.layer({ cwd: home.workspace, env: home.env, restart: Schedule.spaced("1 second") })
  })
}))

const operated = HttpRouter.serve(
  Layer.mergeAll(
    RunnerStatus.layerHttp(),
    PrometheusMetrics.layerHttp(),
    // A member of its own, as on a machine of its own.
    ThreadGateway.layerWebSocket({ path: "/threads", authorize: () => Effect.succeed(true) }).pipe(
      Layer.provide(CodexRunner.layerClient({ failover }))
    )
  ),
  { disableLogger: true, disableListenLog: true }
).pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: 0 })),
  Layer.provideMerge(runner),
  Layer.provideMerge(database),
  Layer.provideMerge(machine()),
  // The process has run other tests.
  Layer.provideMerge([tracer, Layer.succeed(Metric.MetricRegistry, new Map())])
)

const origin = HttpServer.HttpServer.useSync(({ address }) =>
  `http://127.0.0.1:${new URL(NetAddress.formatUrlUnsafe(address)).port}`
)

const get = (path: string) =>
  Effect.flatMap(origin, (origin) =>
    Effect.promise(async () => {
      const response = await fetch(`${origin}${path}`)
      return { status: response.status, text: await response.text() }
    }))

describe("operations", () => {
  layer(operated, { excludeTestServices: true })((it) => {
    it.effect("follow one trace from the client of a gateway to the turn", () =>
      Effect.gen(function*() {
        const context = yield* Layer.build(
          HostedThreads.layerRpc({ url: `${(yield* origin).replace("http", "ws")}/threads` })
        )
        const { thread } = Context.get(context, HostedThreads.HostedThreads)
        yield* Effect.withSpan(thread("traced").run("trace this"), "job")
        const job = spans.find(({ name }) => name === "job")
        const turn = spans.find(({ name }) => name === "codex.turn")
        assert.isDefined(job)
        assert.strictEqual(turn?.traceId, job?.traceId)
        const path: Array<string> = []
        for (let span = turn; span !== undefined;) {
          path.unshift(span.name)
          const parent = Option.getOrUndefined(span.parent)
          span = spans.find(({ spanId }) => spanId === parent?.spanId)
        }
        assert.deepStrictEqual(path, ["job", "Run", "Run", "CodexThread.client.Run", "CodexThread.Run", "codex.turn"])
      }))

    it.effect("see what a runner does", () =>
      Effect.gen(function*() {
        const model = yield* ScriptedModel.ScriptedModel
        const threads = yield* HostedThreads.HostedThreads
        const gate = yield* Gate.make
        yield* model.enqueue(Reply.message({ deltas: ["one ", gate, "two"] }))
        const thread = threads.thread("measured")
        const first = yield* Effect.forkChild(thread.run("first"))
        yield* gate.arrived
        const second = yield* Effect.forkChild(thread.run("second"))
        yield* Effect.repeat(thread.where, {
          until: ({ queued }) => queued === 1,
          schedule: Schedule.spaced("20 millis")
        })
        const { text } = yield* get("/metrics")
        assert.match(text, /^codex_cluster_runs_active 1$/m)
        assert.match(text, /^codex_cluster_runs_waiting 1$/m)
        assert.match(text, /^codex_cluster_threads 2$/m)
        assert.match(text, /^codex_cluster_threads_opened\{reason="new"\} 2$/m)
        yield* gate.open
        yield* Fiber.join(first)
        yield* Fiber.join(second)
        const after = (yield* get("/metrics")).text
        assert.match(after, /^codex_cluster_runs_active 0$/m)
        assert.match(after, /^codex_cluster_runs_waiting 0$/m)
        assert.match(after, /^codex_cluster_runs\{outcome="completed"\} 3$/m)
      }))

    it.effect("delete old answers, and their keys stay known", () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient
        const threads = yield* HostedThreads.HostedThreads
        const thread = threads.thread("kept")
        const first = yield* thread.run("keep this", { turnKey: "kept" })
        const rows = Effect.map(
          sql<{ readonly count: number }>`SELECT CAST(COUNT(*) AS INTEGER) AS count FROM cluster_messages`,
          ([row]) => row?.count
        )
        assert.strictEqual(yield* Retention.sweep({ olderThan: "1 hour" }), 0)
        const count = yield* rows
        assert.isAtLeast(count ?? 0, 1)
        assert.strictEqual(yield* Retention.sweep({ olderThan: 0 }), count)
        assert.strictEqual(yield* rows, 0)
        assert.isTrue(yield* ThreadIndex.ThreadIndex.use((index) => index.isRetired("kept", "kept")))
        const again = yield* thread.run("keep this", { turnKey: "kept" })
        assert.strictEqual(again.id, first.id)
        assert.strictEqual(again.finalResponse, first.finalResponse)
        assert.strictEqual((yield* askedFor("keep this")).length, 1)
      }))

    it.effect("are told whether the runner is ready", () =>
      Effect.gen(function*() {
        const home = yield* CodexHome.CodexHome
        const { check } = yield* RunnerStatus.RunnerStatus
        const until = (isReady: boolean) =>
          Effect.repeat(check, {
            until: (status) => status.isReady === isReady,
            schedule: Schedule.spaced("20 millis")
          })
        const status = yield* until(true)
        assert.deepInclude(status, { database: "ok", server: "ok", isDraining: false })
        assert.isAtLeast(status.threads, 3)
        assert.strictEqual((yield* get("/health/ready")).status, 200)
        killServers(home.codexHome)
        yield* until(false)
        const { status: code, text } = yield* get("/health/ready")
        assert.strictEqual(code, 503)
        const lost: unknown = JSON.parse(text)
        // Neither the path of the binary nor the log of the app-server.
        assert.include(["Exited", "Disconnected"], Predicate.hasProperty(lost, "server") ? lost.server : undefined)
        assert.strictEqual((yield* get("/health/live")).status, 200)
        yield* until(true)
        assert.match((yield* get("/metrics")).text, /^codex_cluster_threads 0$/m)
        // A thread whose server was lost is opened again by its next run.
        yield* HostedThreads.HostedThreads.use((threads) => threads.thread("measured").run("third"))
        const opened = (yield* Metric.snapshot).filter(({ id }) => id === "codex.cluster.threads.opened")
        assert.include(opened.map(({ attributes }) => attributes?.["reason"]), "reconnected")
      }))

    it.effect("are no end of a turn when the database goes away", () =>
      Effect.gen(function*() {
        const model = yield* ScriptedModel.ScriptedModel
        const threads = yield* HostedThreads.HostedThreads
        const way = yield* Way
        const gate = yield* Gate.make
        yield* model.enqueue(Reply.message({ deltas: ["one ", gate, "two"] }))
        const thread = threads.thread("parted")
        yield* Effect.forkChild(Effect.exit(thread.run("parted input", { turnKey: "parted", onCutOff: "continue" })))
        yield* gate.arrived
        const { epoch } = yield* thread.where
        yield* way.close
        // The runner cannot be sure of its threads any more, and gives them up.
        const { isReady } = yield* RunnerStatus.RunnerStatus.use(({ check }) =>
          Effect.repeat(check, { until: ({ threads }) => threads === 0, schedule: Schedule.spaced("20 millis") })
        )
        assert.isFalse(isReady)
        yield* way.open
        // It opens the thread again, and its turn still runs.
        yield* Effect.repeat(Effect.option(thread.where), {
          until: (place) => Option.isSome(place) && place.value.epoch > epoch && place.value.state !== "opening",
          schedule: Schedule.spaced("20 millis")
        })
        yield* gate.open
        const result = yield* thread.run("parted input", { turnKey: "parted", onCutOff: "continue" })
        assert.strictEqual(result.finalResponse, "one two")
        assert.strictEqual((yield* askedFor("parted input")).length, 1)
        assert.strictEqual((yield* thread.read({ includeTurns: true })).turns?.length, 1)
      }), 30_000)
  })
})
