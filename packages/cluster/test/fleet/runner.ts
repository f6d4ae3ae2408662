/** A runner in a process of its own, for the tests of the fleet. Its options are in the variable RUNNER, as JSON. */
import * as CodexRunner from "@effect-codex/cluster/CodexRunner"
import * as ThreadStorage from "@effect-codex/cluster/ThreadStorage"
import { Codex } from "effect-codex"
import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Processes from "../processes.ts"
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
  // `fleet.ts` has written them.
  const options: Options = JSON.parse(process.env["RUNNER"] ?? "{}")
  const storage = ThreadStorage.shared({ home: options.home["CODEX_HOME"] ?? "", sqliteHome: options.sqliteHome })
  Processes.runMain(
    options.url,
    Layer.provideMerge(
      Steps,
      CodexRunner.layer({
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
      })
    )
  )
}
