/** The core of the SDK on the runtimes that it supports. The examples run on them, too: see `vitest.workspace.ts`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { commandOf, type Runtime } from "./command.ts"

const authority = join(import.meta.dirname, "tls/authority.pem")

/** All other tests run on Node, but none of them uses TLS. */
const transports: Readonly<Record<Runtime, ReadonlyArray<string>>> = {
  node: ["wss"],
  bun: ["stdio", "wss", "unix"],
  deno: ["stdio", "wss", "unix"]
}

const last: Readonly<Record<string, string>> = { stdio: "restart", wss: "token", unix: "reconnect" }

const denied = [["stdio", "allow-env"], ["ws", "allow-net"], ["unix", "allow-write"], ["shared", "allow-all"]] as const

const output = ([program, ...args]: readonly [string, ...Array<string>], env: NodeJS.ProcessEnv = {}) =>
  Effect.promise(() => promisify(execFile)(program, args, { env: { ...process.env, ...env } })).pipe(
    Effect.map(({ stdout }) => stdout)
  )

describe.concurrent("the core", () => {
  for (const runtime of ["node", "bun", "deno"] as const) {
    it.live(`runs on ${runtime}`, () =>
      Effect.gen(function*() {
        const [program, ...args] = commandOf(runtime, join(import.meta.dirname, "core.ts"))
        const stdout = yield* output([program, ...args, ...transports[runtime]], {
          NODE_EXTRA_CA_CERTS: authority,
          DENO_CERT: authority
        })
        for (const name of transports[runtime]) assert.include(stdout, `${name} ${last[name]}\n`)
      }), 60_000)
  }

  it.live("reports the permission that is missing on Deno", () =>
    Effect.gen(function*() {
      const stdout = yield* output(commandOf("deno", join(import.meta.dirname, "denied.ts"), ["--allow-read"]))
      const lines = stdout.split("\n")
      for (const [index, [name, permission]] of denied.entries()) {
        assert.match(lines[index] ?? "", new RegExp(`^${name} CodexConnectError .*--${permission}`))
      }
    }), 30_000)
})
