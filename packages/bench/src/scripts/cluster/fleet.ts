/**
 * A fleet of processes on one machine, and its client.
 */
import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import { ThreadIndex } from "@effect-codex/cluster/ThreadIndex"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { freePort } from "../../../../cluster/test/postgres.ts"
import * as Processes from "../../../../cluster/test/processes.ts"
import type { Cluster, Options, usage } from "./runner.ts"

/** The machine on which the processes run. */
export interface Machine {
  readonly database: string
  readonly workspace: string
  readonly env: Readonly<Record<string, string>>
}

/** A runner of the fleet. */
export interface Runner {
  readonly address: string
  readonly ask: (what: keyof typeof usage) => Effect.Effect<number>
  /** Kills the runner, and with it its app-server. */
  readonly kill: Effect.Effect<void>
}

/** Returns the environment of an app-server with databases of its own. */
export const serverEnv = ({ env, workspace }: Machine, name: string): Readonly<Record<string, string>> => {
  const folder = join(workspace, name)
  mkdirSync(folder)
  return { ...env, CODEX_SQLITE_HOME: folder }
}

/** Starts a runner, which is killed with the scope. */
export const startRunner = (machine: Machine, cluster: Cluster, maxIdleTime: Options["maxIdleTime"]) =>
  Effect.gen(function*() {
    const port = yield* freePort
    const options: Options = {
      ...cluster,
      database: machine.database,
      workspace: machine.workspace,
      port,
      maxIdleTime,
      env: serverEnv(machine, `sqlite-${port}`)
    }
    const script = join(import.meta.dirname, "runner.ts")
    const { child, signal } = yield* Processes.spawnRunner(script, options, [...process.execArgv, "--expose-gc"])
    const runner: Runner = {
      address: `127.0.0.1:${port}`,
      ask: (what) =>
        Effect.promise(async () => {
          const answer = once(child, "message")
          child.send(what)
          // The figures of `usage` are numbers.
          const [value]: ReadonlyArray<number> = await answer
          return value ?? NaN
        }),
      kill: signal("SIGKILL")
    }
    return runner
  })

/** A member of the cluster without threads. */
export const client = ({ database }: Machine, cluster: Cluster) =>
  Effect.map(
    Processes.client(database, cluster),
    (services) => ({
      threads: Context.get(services, HostedThreads.HostedThreads),
      index: Context.get(services, ThreadIndex)
    })
  )
