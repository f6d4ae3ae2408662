/**
 * A runner in a process of its own. Its options are in the variable `RUNNER`, as JSON. It answers every message of its parent with
 * the memory in use after a garbage collection.
 */
import * as CodexRunner from "@effect-codex/cluster/CodexRunner"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Codex from "effect-codex/Codex"
import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import { sql } from "../../../../cluster/test/sql.ts"

/** The options of a cluster. */
export interface Cluster {
  readonly prefix: string
  readonly serialization: "binary" | "ndjson"
  readonly failover: Duration.Input
}

/** The options of a runner. */
export interface Options extends Cluster {
  readonly database: string
  readonly port: number
  readonly workspace: string
  readonly env: Readonly<Record<string, string>>
  readonly maxIdleTime: Duration.Input
}

/** The memory of a runner, in bytes. */
export interface Memory {
  /** The memory that the program uses. */
  readonly used: number
  /** The resident memory of the process. */
  readonly resident: number
}

if (import.meta.main) {
  const { database, env, port, workspace, ...options } = JSON.parse(process.env["RUNNER"] ?? "{}") as Options
  process.on("message", () => {
    globalThis.gc?.()
    const { external, heapUsed, rss } = process.memoryUsage()
    const memory: Memory = { used: heapUsed + external, resident: rss }
    process.send?.(memory)
  })
  CodexRunner.layer({
    ...options,
    address: { host: "127.0.0.1", port },
    codex: Codex.layer({ cwd: workspace, env, restart: Schedule.spaced("200 millis") })
  }).pipe(
    Layer.provide(sql(database)),
    Layer.provide(Logger.layer([Logger.withConsoleError(Logger.formatSimple)])),
    Layer.provide(Layer.succeed(References.MinimumLogLevel, "Error")),
    Layer.launch,
    NodeRuntime.runMain
  )
}
