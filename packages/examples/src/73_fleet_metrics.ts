/**
 * The metrics of a runner, as Prometheus reads them. In one process here; on a runner, `PrometheusMetrics.layerHttp` serves them, and
 * `RunnerStatus.layerHttp` serves the checks of its health.
 */
import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import * as TestThreads from "@effect-codex/cluster/TestThreads"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const threads = yield* HostedThreads.HostedThreads
  yield* Effect.forEach(["one", "two"], (name) => threads.thread(name).run("Say hello."), { concurrency: "unbounded" })

  const metrics = yield* PrometheusMetrics.format()
  yield* Console.log(metrics.split("\n").filter((line) => line.startsWith("codex_cluster_")).sort().join("\n"))
})

program.pipe(
  Effect.provide(TestThreads.layer().pipe(Layer.provide(ExampleCodex.layer()))),
  NodeRuntime.runMain
)
