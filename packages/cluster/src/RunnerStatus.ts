/**
 * The status of a runner, for the checks of an orchestrator: whether it can serve threads, and what is wrong if it cannot.
 *
 * `CodexRunner.layer` provides the service, and {@link layerHttp} serves it.
 */
import * as Codex from "effect-codex/Codex"
import type { ConnectError } from "effect-codex/CodexError"
import { Sharding } from "effect/cluster/Sharding"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { ThreadIndex } from "./internal/model/ThreadIndex.ts"

/**
 * The status of a runner.
 *
 * @category models
 */
export interface Status {
  /** True if the runner can serve threads: none of the fields below reports a problem. */
  readonly isReady: boolean
  /** The database: `"ok"`, or what is wrong with it. Without it, no request is accepted. */
  readonly database: string
  /**
   * The app-server: `"ok"`, `"connecting"`, or why it is not there: the tag of a `ConnectReason` or a `ConnectionReason` of the SDK,
   * such as `"Exited"`. The log has the error. Without the app-server, threads wait until it is back.
   */
  readonly server: string
  /** True once the runner has begun to give up its threads. */
  readonly isDraining: boolean
  /** The threads that are active on this runner. */
  readonly threads: number
}

/**
 * The status of the runner of this process.
 *
 * @category services
 */
export class RunnerStatus extends Context.Service<RunnerStatus, {
  /** Queries the database, and checks the connection to the app-server. Takes at most two seconds. */
  readonly check: Effect.Effect<Status>
}>()("@effect-codex/cluster/RunnerStatus") {}

/** Returns the tag of the reason. The message of an error contains the last lines of the server's log, which can hold anything. */
const tagOf = (error: ConnectError): string => "reason" in error ? error.reason._tag : error._tag

/**
 * The status of a runner that was built by hand. `CodexRunner.layer` contains it.
 *
 * @category layers
 */
export const layer: Layer.Layer<RunnerStatus, never, Codex.Codex | Sharding | ThreadIndex> = Layer.effect(
  RunnerStatus,
  Effect.gen(function*() {
    const codex = yield* Codex.Codex
    const index = yield* ThreadIndex
    const sharding = yield* Sharding
    let server = "connecting"
    yield* codex.connection.pipe(
      Stream.runForEach((state) =>
        Effect.sync(() => {
          server = state._tag === "Connected" ? "ok" : tagOf(state.error)
        })
      ),
      Effect.forkScoped({ startImmediately: true })
    )
    // No thread has an empty name.
    const database = index.get("").pipe(
      Effect.as("ok"),
      Effect.catch((error) => Effect.succeed(error.message)),
      Effect.timeoutOrElse({ duration: "2 seconds", orElse: () => Effect.succeed("no answer within two seconds") })
    )
    return RunnerStatus.of({
      check: Effect.gen(function*() {
        const isDraining = yield* sharding.isShutdown
        const answer = yield* database
        const threads = yield* sharding.activeEntityCount
        const isReady = answer === "ok" && server === "ok" && !isDraining
        return { isReady, database: answer, server, isDraining, threads }
      })
    })
  })
)

/**
 * Serves the status over HTTP: `GET /health/live` answers 200 as long as the process lives, `GET /health/ready` answers 200 or
 * 503 with the status as JSON. Restart a runner only when the first one fails: a runner that waits for its database or its
 * app-server recovers on its own. Both paths are open to anyone who can reach the port, and reveal nothing about threads but
 * their number.
 *
 * @example
 * ```ts
 * import * as RunnerStatus from "@effect-codex/cluster/RunnerStatus"
 * import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
 * import * as HttpRouter from "effect/http/HttpRouter"
 * import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
 * import * as Layer from "effect/Layer"
 * import { createServer } from "node:http"
 *
 * const health = HttpRouter.serve(Layer.merge(RunnerStatus.layerHttp(), PrometheusMetrics.layerHttp())).pipe(
 *   Layer.provide(NodeHttpServer.layer(() => createServer(), { port: 9464 }))
 * )
 * ```
 *
 * @category layers
 */
export const layerHttp = (
  options: {
    /** The beginning of the paths. Default: `"/health"`. */
    readonly path?: `/${string}` | undefined
  } = {}
): Layer.Layer<never, never, RunnerStatus | HttpRouter.HttpRouter> => {
  const { path = "/health" } = options
  return HttpRouter.use((router) =>
    Effect.gen(function*() {
      const { check } = yield* RunnerStatus
      yield* router.add("GET", `${path}/live`, HttpServerResponse.text("ok"))
      yield* router.add(
        "GET",
        `${path}/ready`,
        Effect.map(check, (status) => HttpServerResponse.jsonUnsafe(status, { status: status.isReady ? 200 : 503 }))
      )
    })
  )
}
