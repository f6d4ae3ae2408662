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

/** Kills the app-servers with this CODEX_HOME, as the kernel does. */
export const killServers = (codexHome: string): void => {
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
    try {
      const variables = readFileSync(`/proc/${name}/environ`, "utf8").split("\0")
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8")
      if (variables.includes(`CODEX_HOME=${codexHome}`) && command.includes("app-server")) {
        process.kill(Number(name), "SIGKILL")
      }
    } catch {
      // It has ended, or belongs to somebody else.
    }
  }
}
