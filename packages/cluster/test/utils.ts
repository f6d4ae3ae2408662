/** Common parts of the tests. */
import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import { type ModelRequest, ScriptedModel } from "@effect-codex/testing"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync } from "node:fs"

/** The services of a test. */
export const setup = Effect.gen(function*() {
  return { model: yield* ScriptedModel.ScriptedModel, threads: yield* HostedThreads.HostedThreads }
})

/** Returns the requests of the model whose last text of the user is this one. */
export const askedFor = (text: string) =>
  ScriptedModel.ScriptedModel.use((model) =>
    Effect.map(model.requests, (requests) => requests.filter((request) => request.lastUserText === text))
  )

/** Returns how often a text stands in the messages of the user of a request. */
export const count = (request: ModelRequest.ModelRequest | undefined, text: string): number =>
  JSON.stringify(request?.body.input ?? []).split(JSON.stringify(text)).length - 1

/** Returns the processes of the app-servers that have a variable in their environment. */
export const serversWith = (variable: string): ReadonlyArray<number> =>
  readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid).map(Number).filter(
    (pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(variable)
          && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("app-server")
      } catch {
        // It has ended, or belongs to somebody else.
        return false
      }
    }
  )

/** Kills processes, as the kernel does. */
export const kill = (pids: ReadonlyArray<number>): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL")
    } catch {
      // It has ended.
    }
  }
}

/** Kills the app-servers with this CODEX_HOME. */
export const killServers = (codexHome: string): void => kill(serversWith(`CODEX_HOME=${codexHome}`))
