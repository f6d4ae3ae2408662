/** Options that an older server would ignore are refused. See Core.test.ts for how to run this. */
import { assert, describe, it } from "@effect/vitest"
import { type Codex, ProcessOptions } from "effect-codex"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { supported } from "../../src/options/supported.ts"

const methods = ["ThreadStart", "ThreadResume", "ThreadFork", "ThreadList", "TurnStart"]

/** The fields that capabilities send, by method. */
const capabilities: { readonly [method: string]: readonly [params: string, ...fields: ReadonlyArray<string>] } = {
  "hooks/list": ["HooksList", "cwds", "threadId"],
  "mcpServer/oauth/login": ["McpServerOauthLogin", "name", "scopes", "threadId", "timeoutSecs"],
  "mcpServer/resource/read": ["McpResourceRead", "server", "threadId", "uri"],
  "mcpServer/tool/call": ["McpServerToolCall", "server", "threadId", "tool", "arguments"],
  "mcpServerStatus/list": ["ListMcpServerStatus", "cursor", "detail", "threadId"],
  "skills/list": ["SkillsList", "cwds", "forceReload"]
}

/** The version of a binary, and the fields that it knows of each method. */
const inspect = (config: Codex.LayerOptions) =>
  Effect.map(ProcessOptions.command(config), ({ program }) => {
    const directory = mkdtempSync(join(tmpdir(), "effect-codex-schema-"))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    execFileSync(program, ["app-server", "generate-json-schema", "--experimental", "--out", directory])
    const fieldsOf = (method: string): ReadonlyArray<string> =>
      Object.keys(JSON.parse(readFileSync(join(directory, "v2", `${method}Params.json`), "utf8")).properties)
    return {
      version: execFileSync(program, ["--version"], { encoding: "utf8" }).trim().split(" ").at(-1)!,
      fields: new Map(methods.map((method) => [method, fieldsOf(method)])),
      capabilities: new Map(
        Object.entries(capabilities).map(([method, [params]]) => [method, fieldsOf(params)])
      )
    }
  })

describe("every version", () => {
  it.live("is asked for no option that it does not know", () =>
    Effect.gen(function*() {
      const server = yield* inspect({})
      const pinned = yield* inspect({ env: { CODEX_PATH: undefined } })
      for (const [method, fields] of pinned.fields) {
        for (const field of fields) {
          yield* supported({ [field]: "something" }, pinned.version)
          if (server.fields.get(method)!.includes(field)) continue
          const error = yield* Effect.flip(supported({ [field]: "something" }, server.version))
          assert.deepInclude(error, { _tag: "UnsupportedByServerError", has: server.version }, `${method}: ${field}`)
        }
      }
    }))

  it.live("is asked for no capability that it does not know", () =>
    Effect.gen(function*() {
      const server = yield* inspect({})
      for (const [method, [, ...fields]] of Object.entries(capabilities)) {
        for (const field of fields) {
          const asked = supported({ [field]: "something" }, server.version, method)
          if (server.capabilities.get(method)!.includes(field)) yield* asked
          else assert.strictEqual((yield* Effect.flip(asked))._tag, "UnsupportedByServerError", `${method}: ${field}`)
        }
      }
    }))
})
