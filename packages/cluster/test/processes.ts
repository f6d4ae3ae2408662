/** Runners in processes of their own, for the tests of a fleet and for the benchmark. */
import * as CodexRunner from "@effect-codex/cluster/CodexRunner"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import type { SqlClient } from "effect/sql/SqlClient"
import { fork } from "node:child_process"
import { once } from "node:events"
import { sql } from "./sql.ts"

/** Starts the script of a runner with its options in the variable `RUNNER`, as JSON. It is killed with the scope. */
export const spawnRunner = (script: string, options: object, flags: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = fork(script, {
        execArgv: [...flags],
        env: { ...process.env, RUNNER: JSON.stringify(options) },
        stdio: ["ignore", "ignore", "inherit", "ipc"]
      })
      const ended = once(child, "exit")
      const signal = (signal: NodeJS.Signals) =>
        Effect.promise(async () => {
          child.kill(signal)
          if (signal !== "SIGSTOP" && signal !== "SIGCONT") await ended
        })
      return {
        child,
        /** Sends a signal, and waits for the end of the process unless it is SIGSTOP or SIGCONT. */
        signal
      }
    }),
    ({ signal }) => signal("SIGKILL")
  )

/** Runs a runner in this process until it ends. Errors are logged to standard error. */
export const runMain = <A, E>(url: string, runner: Layer.Layer<A, E, SqlClient>): void =>
  runner.pipe(
    Layer.provide(sql(url)),
    Layer.provide(Logger.layer([Logger.withConsoleError(Logger.formatSimple)])),
    Layer.provide(Layer.succeed(References.MinimumLogLevel, "Error")),
    Layer.launch,
    NodeRuntime.runMain
  )

/** Returns the services of a member of the cluster without threads. */
export const client = (url: string, options: CodexRunner.ClusterOptions) =>
  Layer.build(CodexRunner.layerClient(options).pipe(Layer.provide(sql(url))))
