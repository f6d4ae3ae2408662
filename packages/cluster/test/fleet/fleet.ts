/** A fleet of processes: a model, a shared home, a database, and runners that can be started and killed. */
import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import { CodexHome } from "@effect-codex/testing"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ChildProcess } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import * as Places from "../places.ts"
import { freePort, Postgres } from "../postgres.ts"
import * as Processes from "../processes.ts"
import { kill, serversWith } from "../utils.ts"
import * as Proxy from "./proxy.ts"
import type { Options } from "./runner.ts"

/** The time after which the fleet takes a runner for dead. */
export const failover = "4 seconds"

/**
 * The time of the guarantee until the threads of a dead runner are open elsewhere, in milliseconds: `failover`, and two one-second
 * checks of the live runners.
 */
export const moved = Duration.toMillis(failover) + 2_000

/** A runner of the fleet. */
export interface Runner {
  readonly address: string
  readonly process: ChildProcess
  /** Sends a signal, and waits for the end of the process unless it is SIGSTOP or SIGCONT. */
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Kills its app-server. */
  readonly killServer: Effect.Effect<void>
  /** Returns the number of threads that its app-server has loaded: it holds a lock for each. */
  readonly loaded: Effect.Effect<number>
}

/** A runner whose connections can be cut. */
export interface Proxied extends Runner {
  /** Its way to the database. */
  readonly database: Proxy.Proxy
  /** The way of clients and other runners to it. */
  readonly peers: Proxy.Proxy
}

/** Starts a runner. It is killed at the end of the scope, with its app-server. */
export const startRunner = (prefix: string) =>
  Effect.gen(function*() {
    const { url } = yield* Postgres
    const port = yield* freePort
    return yield* spawnRunner({ prefix, url, port, listen: port })
  })

/** Starts a runner behind proxies. */
export const startProxied = (prefix: string) =>
  Effect.gen(function*() {
    const url = new URL((yield* Postgres).url)
    const listen = yield* freePort
    const database = yield* Proxy.make(Number(url.port))
    const peers = yield* Proxy.make(listen)
    url.port = String(database.port)
    const runner: Proxied = {
      ...(yield* spawnRunner({ prefix, url: url.href, port: peers.port, listen })),
      database,
      peers
    }
    return runner
  })

const spawnRunner = (own: Pick<Options, "listen" | "port" | "prefix" | "url">) =>
  Effect.gen(function*() {
    const home = yield* CodexHome.CodexHome
    const sqliteHome = join(home.workspace, `sqlite-${own.port}`)
    mkdirSync(sqliteHome)
    const options: Options = { ...own, home: home.env, cwd: home.workspace, sqliteHome, failover }
    const script = join(import.meta.dirname, "runner.ts")
    const { child, signal } = yield* Processes.spawnRunner(script, options, ["--conditions=@effect-codex/source"])
    const servers = () => serversWith(`CODEX_SQLITE_HOME=${sqliteHome}`)
    const runner: Runner = {
      address: `127.0.0.1:${own.port}`,
      process: child,
      signal,
      killServer: Effect.sync(() => kill(servers())),
      loaded: Effect.sync(() => locksOf(home.codexHome, servers()))
    }
    return runner
  })

/** A member of the cluster without threads. It returns once every runner serves its part of the names. */
export const client = (prefix: string, runners: ReadonlyArray<Runner>) =>
  Effect.gen(function*() {
    const { url } = yield* Postgres
    const services = yield* Processes.client(url, { prefix, failover })
    const threads = Context.get(services, HostedThreads.HostedThreads)
    yield* Places.serve(threads, runners)
    return { threads, services }
  })

/** Returns how many locks of threads some processes hold. */
const locksOf = (codexHome: string, pids: ReadonlyArray<number>): number => {
  const folder = join(codexHome, "thread-writer-locks")
  const inodes = new Set(
    readdirSync(folder).map((file) => String(statSync(join(folder, file), { throwIfNoEntry: false })?.ino))
  )
  return readFileSync("/proc/locks", "utf8").split("\n").filter((line) => {
    const [, kind, , , pid, file] = line.trim().split(/\s+/)
    return kind === "FLOCK" && pids.includes(Number(pid)) && inodes.has(file?.split(":")[2] ?? "")
  }).length
}

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
