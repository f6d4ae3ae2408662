/**
 * Programs as machines: each is a process that shares nothing with the others, and can be killed. In your own fleet, these are
 * containers or hosts.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"
import { join } from "node:path"
import { createInterface } from "node:readline"

/** A running program. */
export interface Machine {
  /** The line with which the program said that it is ready. */
  readonly said: string
  /** Ends the process as a power cut does, and waits until it is gone. */
  readonly kill: Effect.Effect<void>
}

/** Starts a program of this folder, and waits until it is ready. The scope ends it in order, or kills it after ten seconds. */
export const start = (program: string, options: unknown = {}): Effect.Effect<Machine, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { child, gone } = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn(process.execPath, [...process.execArgv, join(import.meta.dirname, program)], {
          env: { ...process.env, MACHINE: JSON.stringify(options) },
          stdio: ["pipe", "pipe", "inherit"],
          // Ctrl-C reaches only the program that started it, which ends the machines in order.
          detached: true
        })
        return { child, gone: once(child, "exit") }
      }),
      ({ child, gone }) =>
        Effect.gen(function*() {
          child.stdin.end()
          yield* Effect.timeoutOption(Effect.promise(() => gone), "10 seconds")
          child.kill("SIGKILL")
          yield* Effect.promise(() => gone)
        })
    )
    const lines = createInterface(child.stdout)
    const said = yield* Effect.promise(() =>
      Promise.race([
        once(lines, "line").then(([line]) => String(line)),
        gone.then(([code]) => Promise.reject(new Error(`${program} ended with ${code} before it was ready.`)))
      ])
    )
    return {
      said,
      kill: Effect.promise(async () => {
        child.kill("SIGKILL")
        await gone
      })
    }
  })

/** Returns a port that is free now. */
export const freePort: Effect.Effect<number> = Effect.promise(async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  // An `AddressInfo`, because it listens on a port.
  const { port } = server.address() as AddressInfo
  server.close()
  return port
})

/** The options with which this process was started. Only {@link start} starts it. */
export const options = <A>(): A => JSON.parse(process.env["MACHINE"] ?? "{}") as A

/** Says that this process is ready. */
export const ready = (line: string): Effect.Effect<void> => Effect.sync(() => void process.stdout.write(`${line}\n`))

/** Runs the program of this process until whoever started it closes its standard input, or is gone. */
export const run = <E>(program: Effect.Effect<never, E, Scope.Scope>): void => {
  const left = Effect.callback<void>((resume) => {
    process.stdin.resume().once("close", () => resume(Effect.void))
  })
  NodeRuntime.runMain(Effect.raceFirst(Effect.scoped(program), left))
}
