/**
 * The host of threads on a runner of a cluster: it opens the threads that are assigned to its runner, runs their turns, keeps their
 * events, and hands them over.
 *
 * `CodexRunner` builds a whole runner with it. Use it directly to bring your own `Sharding`.
 */
import * as Codex from "effect-codex/Codex"
import type * as Options from "effect-codex/Options"
import type * as ServerRequests from "effect-codex/ServerRequests"
import type * as Tools from "effect-codex/Tools"
import * as Entity from "effect/cluster/Entity"
import { Sharding } from "effect/cluster/Sharding"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Activation } from "./internal/host/Activation.ts"
import { EventLog } from "./internal/host/EventLog.ts"
import * as Handlers from "./internal/host/Handlers.ts"
import * as Lingering from "./internal/host/Lingering.ts"
import * as Requests from "./internal/host/Requests.ts"
import { ThreadEntity } from "./internal/model/entity.ts"
import { ThreadIndex } from "./internal/model/ThreadIndex.ts"

/**
 * Options of the Codex thread of a name, which apply when it is started and whenever it is opened.
 *
 * @category models
 */
export type ThreadOptions = Omit<
  Pick<Options.ThreadStartOptions, keyof Options.ThreadStartOptions & keyof Options.ThreadResumeOptions>,
  "serverRequests" | "tools"
>

/**
 * Options of {@link layer}. `R` and `RT` are the services that `serverRequests` and `tools` require.
 *
 * @category models
 */
export interface HostOptions<R = never, T extends Tools.ByName = {}, RT = never> {
  /** Returns the options of the Codex thread of a name, such as its `cwd` and `sandbox`. Default: those of the configuration. */
  readonly thread?: ((name: string) => ThreadOptions) | undefined
  /**
   * The time after which a thread without requests is released: it leaves the memory of the app-server, and its lock is free. A
   * consumer of its events keeps it. Default: `"5 minutes"`.
   */
  readonly maxIdleTime?: Duration.Input | undefined
  /**
   * The number of events that are kept for consumers that come back with a cursor. All events of a running turn are kept. A number
   * below 256 counts as 256: consumers that stay need these. Default: 10,000.
   */
  readonly keepEvents?: number | undefined
  /**
   * How a thread is released. `"archive"` frees its lock at once: the thread is archived, and restored right away.
   * `"unsubscribe"` leaves its file untouched, but Codex frees the lock only after 60 seconds, and the next owner waits for
   * that. Default: `"archive"`.
   */
  readonly release?: "archive" | "unsubscribe" | undefined
  /**
   * Handlers for the server's requests on all threads, or `"clients"`: approvals and questions become `$asked` events, which
   * `thread.answer` answers. They wait as long as their turn; use `CodexActivity.approval` for approvals that take days. Default:
   * the handlers of the Codex Layer.
   */
  readonly serverRequests?: ServerRequests.ServerRequestHandlers<R> | "clients" | undefined
  /** Tools of this program for the agent, on all threads. Every runner must have the same tools. Default: none. */
  readonly tools?: Tools.Input<T, RT> | undefined
}

/**
 * Hosts threads on this runner: the names that the cluster assigns to it.
 *
 * @example
 * ```ts
 * import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
 * import * as ThreadHost from "@effect-codex/cluster/ThreadHost"
 * import * as ThreadIndex from "@effect-codex/cluster/ThreadIndex"
 * import { Codex } from "effect-codex"
 * import * as TestRunner from "effect/cluster/TestRunner"
 * import * as Layer from "effect/Layer"
 * import * as Schedule from "effect/Schedule"
 *
 * // A cluster of one runner, in memory.
 * const threads = ThreadHost.layer({ thread: (name) => ({ cwd: `/srv/checkouts/${name}` }) }).pipe(
 *   Layer.provideMerge(HostedThreads.layer),
 *   Layer.provide([Codex.layer({ restart: Schedule.spaced("1 second") }), ThreadIndex.layerMemory, TestRunner.layer])
 * )
 * ```
 *
 * @category layers
 */
export const layer = <R = never, T extends Tools.ByName = {}, RT = never>(
  options: HostOptions<R, T, RT> = {}
): Layer.Layer<never, never, Codex.Codex | Sharding | ThreadIndex | R | RT | Tools.Services<T>> => {
  const { keepEvents = 10_000, maxIdleTime = "5 minutes", release = "archive", serverRequests, tools } = options

  const build = (lingering: Lingering.Lingering) =>
    Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const index = yield* ThreadIndex
      const sharding = yield* Sharding
      const context = yield* Effect.context<R | RT | Tools.Services<T>>()
      const address = yield* Entity.CurrentAddress
      const runner = yield* Entity.CurrentRunnerAddress
      const scope = yield* Effect.scope
      const name = address.entityId
      const log = new EventLog(keepEvents)
      const requests = serverRequests === "clients" ? yield* Requests.make(log) : undefined
      const handlers = serverRequests === "clients" ? requests?.handlers : serverRequests

      const opened = (): Options.ThreadResumeOptions<R, T, RT> & Options.ThreadStartOptions<R, T, RT> => ({
        ...options.thread?.(name),
        ...(handlers && { serverRequests: handlers }),
        ...(tools && { tools })
      })
      const activation: Activation = {
        name,
        runner: `${runner.host}:${runner.port}`,
        codex,
        index,
        log,
        fork: (effect) => Effect.updateContext(Effect.forkIn(effect, scope, { startImmediately: true }), () => context),
        release,
        lingering,
        canLinger: requests === undefined,
        isOwner: () => sharding.hasShardId(address.shardId),
        isEnding: sharding.isShutdown,
        start: Effect.suspend(() => Effect.provide(codex.threadStart(opened()), context)),
        resume: (threadId) => Effect.suspend(() => Effect.provide(codex.threadResume(threadId, opened()), context))
      }
      const thread = yield* Handlers.make(activation, requests)

      return ThreadEntity.of({
        Run: ({ payload }) => thread.run(payload),
        Events: ({ payload }) => thread.events(payload.from, payload.turnKey),
        Steer: ({ payload }) => thread.steer(payload.turnKey, payload.input),
        Interrupt: ({ payload }) => thread.interrupt(payload.turnKey),
        Read: ({ payload }) => thread.read(payload.includeTurns),
        Answer: ({ payload }) => thread.answer(payload.requestId, payload.answer),
        Where: () => thread.where
      })
    })

  return Layer.unwrap(
    Effect.map(
      Lingering.make,
      (lingering) => ThreadEntity.toLayer(build(lingering), { concurrency: "unbounded", maxIdleTime })
    )
  )
}
