/** A fleet of processes: a model, a shared home, a database, and runners that can be started and killed. */
import * as CodexRunner from "@effect-codex/cluster/CodexRunner"
import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import { CodexHome } from "@effect-codex/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { freePort, Postgres } from "../postgres.ts"
import { sql } from "../sql.ts"
import type { Options } from "./runner.ts"

/** The time after which the fleet takes a runner for dead. */
export const failover = "4 seconds"

/** A runner of the fleet. */
export interface Runner {
  readonly address: string
  readonly process: ChildProcess
  /** Sends a signal, and waits for the end of the process unless it is SIGSTOP or SIGCONT. */
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
}

/** Starts a runner. It is killed at the end of the scope, with its app-server. */
export const startRunner = (prefix: string) =>
  Effect.gen(function*() {
    const home = yield* CodexHome.CodexHome
    const { url } = yield* Postgres
    const port = yield* freePort
    const sqliteHome = join(home.workspace, `sqlite-${port}`)
    mkdirSync(sqliteHome)
    const options: Options = { url, port, home: home.env, cwd: home.workspace, sqliteHome, prefix, failover }
    const child = spawn(
      process.execPath,
      ["--conditions=@effect-codex/source", join(import.meta.dirname, "runner.ts")],
      { env: { ...process.env, RUNNER: JSON.stringify(options) }, stdio: ["ignore", "ignore", "inherit"] }
    )
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()))
    const runner: Runner = {
      address: `127.0.0.1:${port}`,
      process: child,
      signal: (signal) =>
        Effect.suspend(() => {
          child.kill(signal)
          return signal === "SIGSTOP" || signal === "SIGCONT" ? Effect.void : Effect.promise(() => ended)
        })
    }
    yield* Effect.addFinalizer(() => runner.signal("SIGKILL"))
    return runner
  })

/** A member of the cluster without threads. It returns once every runner serves its part of the names. */
export const client = (prefix: string, runners: ReadonlyArray<Runner>) =>
  Effect.gen(function*() {
    const { url } = yield* Postgres
    const services = yield* Layer.build(CodexRunner.layerClient({ prefix, failover }).pipe(Layer.provide(sql(url))))
    const threads = Context.get(services, HostedThreads.HostedThreads)
    yield* serve(threads, runners)
    return { threads, services }
  })

/** Waits until these runners, and no others, serve the names. */
export const serve = (threads: HostedThreads.HostedThreads["Service"], runners: ReadonlyArray<Runner>) =>
  Effect.forEach(
    Array.from({ length: 16 }, (_, index) => `probe ${index}`),
    (name) =>
      Effect.map(
        Effect.timeoutOption(threads.thread(name).where, "2 seconds"),
        (place) => place._tag === "Some" ? place.value.runner : ""
      ),
    { concurrency: "unbounded" }
  ).pipe(
    Effect.repeat({
      until: (places) => {
        const serving = new Set(places)
        return serving.size === runners.length && runners.every(({ address }) => serving.has(address))
      },
      schedule: Schedule.spaced("250 millis")
    })
  )

/** Returns how often each id of a user's message stands in the rollouts of a home. */
export const messagesOf = (codexHome: string): ReadonlyMap<string, number> => {
  const found = new Map<string, number>()
  for (const folder of ["sessions", "archived_sessions"]) {
    let files: ReadonlyArray<string> = []
    try {
      files = readdirSync(join(codexHome, folder), { recursive: true, encoding: "utf8" })
    } catch {
      continue
    }
    for (const file of files) {
      if (!file.endsWith(".jsonl")) continue
      for (const line of readFileSync(join(codexHome, folder, file), "utf8").split("\n")) {
        if (!line.includes("\"item_completed\"") || !line.includes("\"UserMessage\"")) continue
        const id = /"client_id":"([^"]*)"/.exec(line)?.[1]
        if (id !== undefined) found.set(id, (found.get(id) ?? 0) + 1)
      }
    }
  }
  return found
}
