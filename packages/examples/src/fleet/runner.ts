/** The machine of a runner: an app-server, the threads that the cluster assigns to it, and its place in the cluster. */
import * as CodexRunner from "@effect-codex/cluster/CodexRunner"
import * as ThreadStorage from "@effect-codex/cluster/ThreadStorage"
import { Codex } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Cluster from "./cluster.ts"
import * as Machine from "./machine.ts"

/** The options of a runner. */
export interface RunnerOptions {
  readonly port: number
  /** The URL of the database. */
  readonly database: string
  /** The environment of Codex, with the home that all runners share. */
  readonly env: Readonly<Record<string, string>>
  /** The directory in which the threads work. */
  readonly workspace: string
  /** The directory of this runner's own databases. */
  readonly sqliteHome: string
}

const { database, env, port, sqliteHome, workspace } = Machine.options<RunnerOptions>()

const storage = ThreadStorage.shared({ home: env["CODEX_HOME"] ?? "", sqliteHome })

const codex = Layer.unwrap(
  ThreadStorage.ThreadStorage.useSync((storage) =>
    Codex.layer({ cwd: workspace, env: { ...env, ...storage.env }, restart: Schedule.spaced("200 millis") })
  )
)

const runner = CodexRunner.layer({
  ...Cluster.options,
  address: { host: "127.0.0.1", port },
  codex,
  thread: () => ({ cwd: workspace, sandbox: "readOnly", approvalPolicy: "on-request" }),
  // Approvals become events, which the page answers.
  serverRequests: "clients",
  drain: "2 seconds"
}).pipe(
  Layer.provide([storage, Cluster.database(database)]),
  Layer.provide(Logger.layer([Logger.withConsoleError(Logger.formatSimple)])),
  // A fleet in which runners are killed has much to warn of.
  Layer.provide(Layer.succeed(References.MinimumLogLevel, "Error"))
)

Machine.run(Effect.gen(function*() {
  yield* Layer.build(runner)
  yield* Machine.ready("ready")
  return yield* Effect.never
}))
