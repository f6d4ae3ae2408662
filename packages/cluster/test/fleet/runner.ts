/** A runner in a process of its own, for the tests of the fleet. Its options are in the variable RUNNER, as JSON. */
import * as CodexRunner from "@effect-codex/cluster/CodexRunner"
import * as ThreadStorage from "@effect-codex/cluster/ThreadStorage"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import { sql } from "../sql.ts"
import { Steps } from "./workflow.ts"

/** The options of a runner. */
export interface Options {
  readonly url: string
  /** The port that others are told. */
  readonly port: number
  /** The port to listen on. */
  readonly listen: number
  readonly home: Readonly<Record<string, string>>
  readonly cwd: string
  readonly sqliteHome: string
  readonly prefix: string
  readonly failover: Duration.Input
}

if (import.meta.main) {
  const options = JSON.parse(process.env["RUNNER"] ?? "{}") as Options
  const storage = ThreadStorage.shared({ home: options.home["CODEX_HOME"] ?? "", sqliteHome: options.sqliteHome })
  Steps.pipe(
    Layer.provideMerge(CodexRunner.layer({
      address: { host: "127.0.0.1", port: options.port },
      listen: { host: "127.0.0.1", port: options.listen },
      prefix: options.prefix,
      failover: options.failover,
      drain: "20 seconds",
      maxIdleTime: "5 seconds",
      codex: Layer.unwrap(
        ThreadStorage.ThreadStorage.useSync(({ env }) =>
          Codex.layer({ cwd: options.cwd, env: { ...options.home, ...env }, restart: Schedule.spaced("200 millis") })
        )
      ).pipe(Layer.provide(storage))
    })),
    Layer.provide(sql(options.url)),
    Layer.provide(Logger.layer([Logger.withConsoleError(Logger.formatSimple)])),
    Layer.provide(Layer.succeed(References.MinimumLogLevel, "Error")),
    Layer.launch,
    NodeRuntime.runMain
  )
}
