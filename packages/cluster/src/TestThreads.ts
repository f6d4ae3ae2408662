/**
 * Hosted threads in one process, without a database or sockets: for tests of programs that use `HostedThreads`, and for
 * programs on one machine that use names, keys and workflows, but need nothing to survive their process.
 *
 * Host and client run the same code as in a fleet; the messages between them are kept in memory.
 */
import type * as Codex from "effect-codex/Codex"
import type * as Tools from "effect-codex/Tools"
import * as ClusterWorkflowEngine from "effect/cluster/ClusterWorkflowEngine"
import * as MessageStorage from "effect/cluster/MessageStorage"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import * as Runners from "effect/cluster/Runners"
import * as RunnerStorage from "effect/cluster/RunnerStorage"
import * as Sharding from "effect/cluster/Sharding"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as Layer from "effect/Layer"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import * as HostedThreads from "./HostedThreads.ts"
import * as ThreadHost from "./ThreadHost.ts"
import * as ThreadIndex from "./ThreadIndex.ts"

// Runs end with their process here, so waiting long for them gains nothing.
const runner = Sharding.layer.pipe(
  Layer.provideMerge(Runners.layerNoop),
  Layer.provideMerge(MessageStorage.layerMemory),
  Layer.provide([RunnerStorage.layerMemory, RunnerHealth.layerNoop]),
  Layer.provide(ShardingConfig.layer({ entityTerminationTimeout: "1 second" }))
)

/**
 * A cluster of one runner in memory: its threads, their index, and an engine for workflows.
 *
 * @example
 * ```ts
 * import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
 * import * as TestThreads from "@effect-codex/cluster/TestThreads"
 * import { TestCodex } from "@effect-codex/testing"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const program = Effect.gen(function*() {
 *   const threads = yield* HostedThreads.HostedThreads
 *   return yield* threads.thread("ticket-4711").run("Hello", { turnKey: "1" })
 * }).pipe(Effect.provide(TestThreads.layer().pipe(Layer.provide(TestCodex.layer({ script: TestCodex.echo })))))
 * ```
 *
 * @category layers
 */
export const layer = <R = never, T extends Tools.ByName = {}, RT = never>(
  options: ThreadHost.HostOptions<R, T, RT> = {}
): Layer.Layer<
  HostedThreads.HostedThreads | ThreadIndex.ThreadIndex | WorkflowEngine,
  never,
  Codex.Codex | R | RT | Tools.Services<T>
> =>
  ThreadHost.layer(options).pipe(
    Layer.provideMerge(Layer.mergeAll(HostedThreads.layer, ThreadIndex.layerMemory, ClusterWorkflowEngine.layer)),
    Layer.provide(runner)
  )
