/**
 * Information about a workspace: fuzzy file search, skills, configuration.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const { client } = yield* Codex.Codex
  const here = import.meta.dirname

  const { files } = yield* client.request("fuzzyFileSearch", { query: "wrkspc", roots: [here] })
  yield* Console.log("files: ", files.map(({ path }) => path))

  const { data } = yield* client.request("skills/list", { cwds: [here] })
  for (const { errors, skills } of data) {
    yield* Console.log("skills:", skills.map(({ name }) => name), errors.length, "errors")
  }

  const { config } = yield* client.request("config/read", { cwd: here, includeLayers: false })
  yield* Console.log("config:", {
    model: config.model,
    approvals: config.approval_policy,
    sandbox: config.sandbox_mode
  })
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
