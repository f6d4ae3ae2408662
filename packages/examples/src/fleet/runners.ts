/** The runners of the fleet: started, killed, and started again. */
import { CodexHome } from "@effect-codex/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import * as Machine from "./machine.ts"
import type { RunnerStatus } from "./page/fleet.ts"
import type { RunnerOptions } from "./runner.ts"

/** The runners. */
export interface Runners {
  readonly status: () => ReadonlyArray<RunnerStatus>
  /** Kills a runner (SIGKILL). */
  readonly kill: (name: string) => Effect.Effect<void>
  /** Starts a killed runner anew. */
  readonly start: (name: string) => Effect.Effect<void>
}

/** Starts a number of runners. The scope ends them. */
export const make = (
  database: string,
  count: number
): Effect.Effect<Runners, never, CodexHome.CodexHome | Scope.Scope> =>
  Effect.gen(function*() {
    const { env, workspace } = yield* CodexHome.CodexHome
    const scope = yield* Effect.scope
    const runners = new Map<string, { status: RunnerStatus; kill: Effect.Effect<void> }>()

    const start = (name: string) =>
      Effect.gen(function*() {
        const port = yield* Machine.freePort
        const sqliteHome = join(workspace, `sqlite-${port}`)
        mkdirSync(sqliteHome)
        const options: RunnerOptions = { port, database, env, workspace, sqliteHome }
        const status: RunnerStatus = { name, address: `127.0.0.1:${port}`, state: "starting" }
        runners.set(name, { status, kill: Effect.void })
        const own = yield* Scope.fork(scope)
        const machine = yield* Scope.provide(Machine.start("runner.ts", options), own)
        runners.set(name, {
          status: { ...status, state: "up" },
          kill: Effect.andThen(machine.kill, Scope.close(own, Exit.void))
        })
      })

    const names = Array.from({ length: count }, (_, index) => `runner ${index + 1}`)
    yield* Effect.forEach(names, start, { concurrency: "unbounded" })

    return {
      status: () => [...runners.values()].map(({ status }) => status),
      kill: (name) =>
        Effect.suspend(() => {
          const runner = runners.get(name)
          if (runner?.status.state !== "up") return Effect.void
          runners.set(name, { status: { ...runner.status, state: "killed" }, kill: Effect.void })
          return runner.kill
        }),
      start: (name) => Effect.suspend(() => runners.get(name)?.status.state === "killed" ? start(name) : Effect.void)
    }
  })
