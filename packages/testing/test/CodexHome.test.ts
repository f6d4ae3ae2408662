import { CodexHome } from "@effect-codex/testing"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"

describe("CodexHome", () => {
  it.live("is isolated, and leaves nothing behind", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const root = yield* Effect.scoped(Effect.gen(function*() {
        const home = yield* CodexHome.make()
        assert.deepStrictEqual(yield* fs.readDirectory(home.workspace), [])
        assert.deepStrictEqual(yield* fs.readDirectory(home.userHome), [])
        assert.strictEqual(home.env.CODEX_HOME, home.codexHome)
        assert.strictEqual(home.env.HOME, home.userHome)
        assert.strictEqual(home.env.OPENAI_API_KEY, "")
        assert.strictEqual(
          yield* fs.readFileString(path.join(home.codexHome, "config.toml")),
          `model = "mock-model"\napproval_policy = "never"\nsandbox_mode = "read-only"\n`
            + `features = { plugins = false, shell_snapshot = false }\n`
        )
        return path.dirname(home.codexHome)
      }))
      assert.isFalse(yield* fs.exists(root))
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("writes the configuration", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const home = yield* CodexHome.make({
        modelUrl: "http://127.0.0.1:1/v1",
        model: "gpt-5.5",
        approvalPolicy: "on-request",
        sandboxMode: "workspace-write",
        config: {
          model: "another",
          features: { goals: true, shell_snapshot: true, "with space": undefined },
          projects: { "/a \"b\"\\c": { trust_level: "trusted" } },
          notify: ["a", 1, 2.5],
          left_out: undefined
        }
      })
      assert.strictEqual(
        yield* fs.readFileString(path.join(home.codexHome, "config.toml")),
        String.raw`model = "another"
approval_policy = "on-request"
sandbox_mode = "workspace-write"
model_provider = "scripted"
model_providers = { scripted = { name = "Scripted model", base_url = "http://127.0.0.1:1/v1", wire_api = "responses", request_max_retries = 0, stream_max_retries = 0 } }
features = { plugins = false, shell_snapshot = true, goals = true }
projects = { "/a \"b\"\\c" = { trust_level = "trusted" } }
notify = ["a", 1, 2.5]
`
      )
    }).pipe(Effect.provide(NodeServices.layer)))
})
