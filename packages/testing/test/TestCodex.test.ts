import { CodexHome, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex, CodexClient, CodexError } from "effect-codex"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import { existsSync } from "node:fs"

class Allowed extends Context.Service<Allowed, Ref.Ref<ReadonlyArray<string>>>()("test/Allowed") {}

describe("TestCodex", () => {
  it.live("runs the real binary on a scripted model, in an isolated home", () =>
    Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const model = yield* ScriptedModel.ScriptedModel
      const home = yield* CodexHome.CodexHome
      yield* model.enqueue(Reply.text("hello"))
      const thread = yield* codex.threadStart()
      assert.strictEqual((yield* thread.run("Say hello.")).finalResponse, "hello")
      assert.strictEqual((yield* thread.read()).cwd, home.workspace)
      assert.strictEqual(codex.metadata.codexHome, home.codexHome)
    }).pipe(Effect.provide(TestCodex.layer())))

  it.live("fails a turn without a reply with a text that says so, and that no retry can help", () =>
    Effect.gen(function*() {
      const thread = yield* (yield* Codex.Codex).threadStart()
      const error = yield* Effect.flip(thread.run("Say hello."))
      assert.include(error.message, "The scripted model has no reply left for request 0")
      assert.isFalse(CodexError.isRetryable(error))
    }).pipe(Effect.provide(TestCodex.layer())))

  it.live("ends the process before it removes the home", () =>
    Effect.gen(function*() {
      const { client, codexHome } = yield* Effect.gen(function*() {
        const { codexHome } = yield* CodexHome.CodexHome
        yield* (yield* Codex.Codex).threadStart().pipe(Effect.flatMap((thread) => thread.run("hello")))
        assert.isTrue(existsSync(codexHome))
        return { codexHome, client: yield* CodexClient.CodexClient }
      }).pipe(Effect.provide(TestCodex.layer({ script: TestCodex.echo })))
      assert.isFalse(existsSync(codexHome))
      assert.strictEqual((yield* client.closed).reason._tag, "Closed")
    }))

  it.live("passes options to the home and the client, and requires the services of their handlers", () =>
    Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const model = yield* ScriptedModel.ScriptedModel
      const thread = yield* codex.threadStart()
      yield* model.enqueue(
        Reply.functionCall({
          name: "exec_command",
          arguments: { cmd: "echo $FROM_TEST", sandbox_permissions: "require_escalated", justification: "I have to" }
        })
      )
      const result = yield* thread.run("go")
      assert.match(result.finalResponse!, /^go$/)
      assert.deepStrictEqual(yield* Ref.get(yield* Allowed), ["I have to"])
      assert.include((yield* model.awaitRequest(1)).toolOutput(), "from the test")
      assert.match(codex.metadata.userAgent, /^tester\//)
    }).pipe(Effect.provide(
      TestCodex.layer({
        script: TestCodex.echo,
        home: { approvalPolicy: "on-request" },
        client: {
          clientInfo: { name: "tester", version: "1.0.0" },
          env: { FROM_TEST: "from the test" },
          serverRequests: {
            "item/commandExecution/requestApproval": ({ reason }) =>
              Allowed.use(Ref.update((reasons) => [...reasons, String(reason)])).pipe(
                Effect.as({ decision: "accept" })
              )
          }
        }
      }).pipe(Layer.provideMerge(Layer.effect(Allowed, Ref.make<ReadonlyArray<string>>([]))))
    )))
})
