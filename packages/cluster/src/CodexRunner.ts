/**
 * A runner of a fleet in one Layer: its app-server, the threads it hosts, and its place in the cluster.
 *
 * Runners find each other through a SQL database, which also keeps the requests. A runner that shuts down gracefully (SIGTERM
 * under `NodeRuntime.runMain`) lets its turns end within `drain`, and hands its threads over. A runner that dies is replaced
 * after `failover`.
 */
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import type * as Codex from "effect-codex/Codex"
import type * as Tools from "effect-codex/Tools"
import * as ClusterWorkflowEngine from "effect/cluster/ClusterWorkflowEngine"
import type { MessageStorage } from "effect/cluster/MessageStorage"
import * as RunnerAddress from "effect/cluster/RunnerAddress"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import * as Runners from "effect/cluster/Runners"
import type * as Sharding from "effect/cluster/Sharding"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as SocketRunner from "effect/cluster/SocketRunner"
import * as SqlMessageStorage from "effect/cluster/SqlMessageStorage"
import * as SqlRunnerStorage from "effect/cluster/SqlRunnerStorage"
import * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import type { SocketServerError } from "effect/socket/SocketServer"
import type { SqlClient } from "effect/sql/SqlClient"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import * as HostedThreads from "./HostedThreads.ts"
import * as Sockets from "./internal/runner/sockets.ts"
import * as RunnerStatus from "./RunnerStatus.ts"
import * as ThreadHost from "./ThreadHost.ts"
import * as ThreadIndex from "./ThreadIndex.ts"

/**
 * Options of the cluster, which all its members must share.
 *
 * @category models
 */
export interface ClusterOptions {
  /**
   * The time after which a runner that shows no sign of life loses its threads. They are open elsewhere about two seconds
   * later. If the time is too short, runners that are only busy lose theirs, too. Default: `"8 seconds"`.
   */
  readonly failover?: Duration.Input | undefined
  /** The format of the messages between runners. Default: `"binary"`. */
  readonly serialization?: "binary" | "ndjson" | undefined
  /** The beginning of the names of the tables of this cluster. Default: `"cluster"` for Effect's and `"codex"` for the index. */
  readonly prefix?: string | undefined
  /** Further settings of Effect's sharding, which take precedence over those of this module. Default: none. */
  readonly sharding?: Partial<ShardingConfig.ShardingConfig["Service"]> | undefined
}

/**
 * Options of {@link layer}.
 *
 * @category models
 */
export interface RunnerOptions<E = never, R = never, RH = never, T extends Tools.ByName = {}, RT = never>
  extends ThreadHost.HostOptions<RH, T, RT>, ClusterOptions
{
  /** The address at which the other members can reach this runner. */
  readonly address: { readonly host: string; readonly port: number }
  /** The address to listen on, if it differs, such as `0.0.0.0` in a container. Default: `address`. */
  readonly listen?: { readonly host: string; readonly port: number } | undefined
  /**
   * The app-server of this runner. Give it `restart`: a runner whose app-server does not come back cannot serve its threads.
   * With a shared home, its environment is that of `ThreadStorage.shared`.
   */
  readonly codex: Layer.Layer<Codex.Services, E, R>
  /**
   * The time in which running turns may end when the runner shuts down. Turns that take longer are cut off.
   * Default: `"1 minute"`.
   */
  readonly drain?: Duration.Input | undefined
}

/**
 * Services of a member of the cluster.
 *
 * @category models
 */
export type Services =
  | HostedThreads.HostedThreads
  | ThreadIndex.ThreadIndex
  | WorkflowEngine
  | Sharding.Sharding
  | Runners.Runners
  | MessageStorage

const config = (
  { failover = "8 seconds", sharding }: ClusterOptions,
  own: Partial<ShardingConfig.ShardingConfig["Service"]>
) => {
  const expiration = Duration.toMillis(Duration.fromInputUnsafe(failover))
  return ShardingConfig.layer({
    shardLockExpiration: expiration,
    shardLockRefreshInterval: Math.max(expiration / 4, 250),
    refreshAssignmentsInterval: Math.min(1000, expiration / 4),
    entityMessagePollInterval: "1 second",
    entityReplyPollInterval: "200 millis",
    // Shards are released one by one: few enough for a quick hand-over, and enough for a dozen runners.
    shardsPerGroup: 64,
    ...own,
    ...sharding
  })
}

const storage = ({ prefix }: ClusterOptions) =>
  Layer.mergeAll(
    SqlMessageStorage.layerWith({ prefix }).pipe(Layer.provide(NodeCrypto.layerDigest)),
    Layer.orDie(SqlRunnerStorage.layerWith({ prefix }))
  )

const format = ({ serialization = "binary" }: ClusterOptions) =>
  serialization === "ndjson" ? RpcSerialization.layerNdjson : RpcSerialization.layerSchemaBinary()

const index = ({ prefix }: ClusterOptions) =>
  ThreadIndex.layerSql(prefix === undefined ? {} : { prefix: `${prefix}_codex` })

/**
 * A runner: it hosts the threads that the cluster assigns to it, and can use all threads. It needs the SQL client of the
 * cluster's database.
 *
 * @example
 * ```ts
 * import * as CodexRunner from "@effect-codex/cluster/CodexRunner"
 * import * as ThreadStorage from "@effect-codex/cluster/ThreadStorage"
 * import { Codex } from "effect-codex"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as Schedule from "effect/Schedule"
 *
 * const storage = ThreadStorage.shared({ home: "/mnt/codex", sqliteHome: "/var/lib/codex" })
 *
 * const runner = CodexRunner.layer({
 *   address: { host: "10.0.0.7", port: 34431 },
 *   codex: Layer.unwrap(
 *     ThreadStorage.ThreadStorage.useSync(({ env }) => Codex.layer({ env, restart: Schedule.spaced("1 second") }))
 *   ),
 *   thread: (name) => ({ cwd: `/mnt/checkouts/${name}`, sandbox: "workspaceWrite" })
 * }).pipe(Layer.provide(storage))
 * ```
 *
 * @category layers
 */
export const layer = <E = never, R = never, RH = never, T extends Tools.ByName = {}, RT = never>(
  options: RunnerOptions<E, R, RH, T, RT>
): Layer.Layer<
  Services | RunnerStatus.RunnerStatus,
  E | ThreadIndex.ThreadIndexError | SocketServerError,
  R | RH | RT | Tools.Services<T> | SqlClient
> => {
  const { address, codex, drain = "1 minute", listen = address } = options
  const runner = SocketRunner.layer.pipe(
    Layer.provide(Sockets.server(listen)),
    Layer.provide(RunnerHealth.layerPing.pipe(Layer.provide(Runners.layerRpc))),
    Layer.provide(Sockets.client),
    Layer.provideMerge(storage(options)),
    Layer.provide(config(options, {
      runnerAddress: Option.some(RunnerAddress.make(address.host, address.port)),
      entityTerminationTimeout: drain
    })),
    Layer.provide(format(options))
  )
  // One below the other, because they close in the opposite order: turns end while their server still runs.
  return Layer.merge(ThreadHost.layer(options), RunnerStatus.layer).pipe(
    Layer.provideMerge(Layer.merge(HostedThreads.layer, ClusterWorkflowEngine.layer)),
    Layer.provideMerge(runner),
    Layer.provide(codex),
    Layer.provideMerge(index(options))
  )
}

/**
 * A member of the cluster that hosts no threads: a service next to the runners, with the same database. Programs without the
 * database use `HostedThreads.layerRpc` and a `ThreadGateway`.
 *
 * @category layers
 */
export const layerClient = (
  options: ClusterOptions = {}
): Layer.Layer<Services, ThreadIndex.ThreadIndexError, SqlClient> =>
  Layer.merge(HostedThreads.layer, ClusterWorkflowEngine.layer).pipe(
    Layer.provideMerge(SocketRunner.layerClientOnly),
    Layer.provide(Sockets.client),
    Layer.provideMerge(storage(options)),
    Layer.provide(config(options, { runnerAddress: Option.none() })),
    Layer.provide(format(options)),
    Layer.provideMerge(index(options))
  )
