/**
 * A runner in a process of its own. Its options are in the variable `RUNNER`, as JSON. It reports its
 * CPU time and memory to its parent.
 */
import * as CodexRunner from "@effect-codex/cluster/CodexRunner"
import * as Codex from "effect-codex/Codex"
import type * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import * as Processes from "../../../../cluster/test/processes.ts"

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

/** Returns the CPU time of this process, in milliseconds. */
export const cpuTime = (): number => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
}

/** The CPU time and the memory of a runner, as it reports them. */
export const usage = {
  /** The CPU time so far, in milliseconds. */
  cpu: cpuTime,
  /** The memory that the program uses after a garbage collection, in bytes. */
  memory: (): number => {
    // The second collection takes what finalisers have let go.
    globalThis.gc?.()
    globalThis.gc?.()
    const { external, heapUsed } = process.memoryUsage()
    return heapUsed + external
  }
}

if (import.meta.main) {
  // `fleet.ts` has written them.
  const { database, env, port, workspace, ...options }: Options = JSON.parse(process.env["RUNNER"] ?? "{}")
  process.on("message", (asked: keyof typeof usage) => process.send?.(usage[asked]()))
  Processes.runMain(
    database,
    CodexRunner.layer({
      ...options,
      address: { host: "127.0.0.1", port },
      codex: Codex.layer({ cwd: workspace, env, restart: Schedule.spaced("200 millis") })
    })
  )
}
