/** Shared servers in homes of their own, and programs that use them: real processes. */
import { CodexHome, ScriptedModel } from "@effect-codex/testing"
import { Codex } from "effect-codex"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { processesOf } from "../real/utils.ts"

/** Waits until something holds. */
export const until = <A, E, R>(look: Effect.Effect<A | undefined | false, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(look, (found) =>
    found === undefined || found === false
      ? Effect.andThen(Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 10))), until(look))
      : Effect.succeed(found))

/** The command line of a process. */
export const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ")
  } catch {
    return ""
  }
}

/** The app-servers that run in a home, in any session. */
export const servers = (codexHome: string): Effect.Effect<ReadonlyArray<number>> =>
  Effect.map(
    processesOf(codexHome),
    (pids) => pids.filter((pid) => commandOf(pid).includes("app-server --listen unix://"))
  )

/** The one app-server of a home. */
export const server = (codexHome: string): Effect.Effect<number> =>
  Effect.map(servers(codexHome), (pids) => {
    if (pids.length !== 1) throw new Error(`expected one app-server, found ${pids.length}`)
    return pids[0]!
  })

export const kill = (pid: number, signal: NodeJS.Signals = "SIGKILL"): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}

/** Waits until a process is gone, also as a zombie of another parent. */
export const gone = (pid: number) => until(Effect.sync(() => commandOf(pid) === ""))

/** A home whose servers end with the scope. */
export const home = (script?: ScriptedModel.Script) =>
  Layer.effectDiscard(
    Effect.gen(function*() {
      const { codexHome } = yield* CodexHome.CodexHome
      yield* Effect.addFinalizer(() =>
        Effect.flatMap(servers(codexHome), (pids) =>
          Effect.forEach(pids, (pid) => Effect.andThen(Effect.sync(() => kill(pid)), gone(pid))))
      )
    })
  ).pipe(
    Layer.provideMerge(CodexHome.layer()),
    Layer.provideMerge(ScriptedModel.layer(script))
  )

/** A client in this process. The scope ends it, and leaves the server running. */
export const client = <R = never>(options: Codex.StopSharedOptions<R> = {}) =>
  Effect.gen(function*() {
    const { env, workspace } = yield* CodexHome.CodexHome
    const context = yield* Layer.build(
      Codex.layerShared({ cwd: workspace, ...options, env: { ...env, ...options.env } })
    )
    return Context.get(context, Codex.Codex)
  })

export const stop = (options: Codex.StopSharedOptions = {}) =>
  CodexHome.CodexHome.use(({ env }) => Codex.stopShared({ ...options, env: { ...env, ...options.env } }))

/** A program: a process with a client. */
export interface Program {
  readonly pid: number
  /** Waits for the next line that it prints. */
  readonly line: Effect.Effect<string>
  /** Runs another turn. */
  readonly say: (text: string) => Effect.Effect<void>
  readonly kill: Effect.Effect<void>
}

/** Starts `program.ts`. The scope kills it. */
export const program = (what: "run" | "start", ...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const { codexHome, env } = yield* CodexHome.CodexHome
    const child = spawn(
      process.execPath,
      ["--conditions=@effect-codex/source", fileURLToPath(new URL("program.ts", import.meta.url)), what, ...args],
      {
        env: { ...process.env, PROGRAM_ENV: JSON.stringify(env), PROGRAM_HOME: codexHome },
        stdio: ["pipe", "pipe", "inherit"]
      }
    )
    const killed = Effect.promise(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill("SIGKILL")
      await once(child, "exit")
    })
    yield* Effect.addFinalizer(() => killed)
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const line: Effect.Effect<string> = Effect.flatMap(Effect.promise(() => lines.next()), ({ done, value }) => {
      if (done === true) return Effect.die(new Error("the program has ended"))
      // The others are log lines.
      return value.startsWith("> ") ? Effect.succeed(value.slice(2)) : line
    })
    const say = (text: string) => Effect.sync(() => child.stdin.write(`${text}\n`))
    return { pid: child.pid!, line, say, kill: killed } satisfies Program
  })
