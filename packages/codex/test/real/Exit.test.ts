/** A program that is told to end ends soon, though its turn hangs, and leaves no process. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

const program = join(import.meta.dirname, "hanging.ts")

/** The processes whose command line or environment has this text. */
const processesWith = (text: string): ReadonlyArray<string> =>
  readdirSync("/proc").filter((entry) => {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) return false
    try {
      return ["cmdline", "environ"].some((file) => readFileSync(`/proc/${entry}/${file}`, "utf8").includes(text))
    } catch {
      // It has ended meanwhile, or is not ours.
      return false
    }
  })

/** Starts the program, and sends it a signal when its turn hangs. Returns the seconds that it took to end, and the mark of its server. */
const end = (signal: NodeJS.Signals, args: ReadonlyArray<string> = []) =>
  Effect.callback<{ readonly seconds: number; readonly mark: string }>((resume) => {
    const child = spawn(process.execPath, [
      "--conditions=@effect-codex/source",
      "--disable-warning=ExperimentalWarning",
      program,
      ...args
    ], { stdio: ["ignore", "pipe", "inherit"] })
    let mark = ""
    let isFound = false
    let started = 0
    child.stdout.on("data", (chunk) => {
      mark += chunk
      if (!mark.endsWith("\n") || started > 0) return
      isFound = processesWith(mark.trim()).length > 0
      started = performance.now()
      child.kill(signal)
    })
    child.once("exit", () =>
      resume(
        isFound
          ? Effect.succeed({ seconds: (performance.now() - started) / 1000, mark: mark.trim() })
          : Effect.die(new Error("the program ended before its turn hung, or its server was not found"))
      ))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const endsWithin = (limit: number, signal: NodeJS.Signals, args?: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const { mark, seconds } = yield* end(signal, args)
    assert.deepStrictEqual(processesWith(mark), [])
    assert.isBelow(seconds, limit)
  })

/** A busy machine takes this long to notice that a process has ended, in seconds. A turn that is waited for takes a minute. */
const slack = 5

/** The default of `shutdownGrace`, and that of the program on a faulty server, in seconds. */
const grace = 2
const shortGrace = 1

describe.concurrent("a program with a turn that hangs ends soon", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it.live(`${signal}, on the real server`, () => endsWithin(grace + 3 + slack, signal))
  }

  for (
    const [name, limit, when, what] of [
      ["that does not end the turn", shortGrace + 3, "none", "none"],
      ["that does not read any more", shortGrace + 3, "turn/start", "deaf"],
      // It has its grace twice: before SIGTERM, and before SIGKILL.
      ["that does not end either", 2 * shortGrace + 3, "model/list", "stubborn"]
    ] as const
  ) {
    it.live(`SIGTERM, on a server ${name}`, () =>
      endsWithin(limit + slack, "SIGTERM", [when, what, `hanging-${what}-${Math.random()}`]))
  }
})
