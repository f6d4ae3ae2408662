/** Turns that the server would let wait without end. */
import { CodexHome, TestCodex } from "@effect-codex/testing"
import { assert, it } from "@effect/vitest"
import { Codex } from "effect-codex"
import * as Effect from "effect/Effect"
import { agentTexts, echoing, idle, patient, setup } from "./utils.ts"

it.live("a thread that was unsubscribed from is resumed for its next turn", () =>
  Effect.gen(function*() {
    const { codex, router } = yield* setup
    const thread = yield* codex.threadStart()
    yield* thread.run("one")
    for (const text of ["two", "three"]) {
      yield* codex.client.request("thread/unsubscribe", { threadId: thread.id })
      assert.deepStrictEqual(agentTexts(yield* thread.run(text)), [text])
    }
    assert.deepStrictEqual(agentTexts(yield* thread.run("four")), ["four"])
    assert.deepInclude(router.stats(), idle)
  }).pipe(echoing))

it.live("a turn whose thread is unsubscribed from ends when the thread is idle", () =>
  Effect.gen(function*() {
    const { codex, model } = yield* setup
    const thread = yield* codex.threadStart()
    const turn = yield* thread.turn("wait")
    yield* model.awaitRequest(0)
    yield* codex.client.request("thread/unsubscribe", { threadId: thread.id })
    yield* turn.interrupt
    const error = yield* Effect.flip(turn.run)
    assert.strictEqual(error._tag, "TurnFailedError")
    assert.include(error.message, "idle")
    assert.deepStrictEqual(agentTexts(yield* thread.run("next")), ["next"])
  }).pipe(patient))

it.live("a turn without a login fails within seconds", () =>
  Effect.gen(function*() {
    const home = yield* CodexHome.CodexHome
    yield* Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const thread = yield* codex.threadStart()
      const error = yield* Effect.flip(thread.run("hello"))
      assert(error._tag === "TurnFailedError")
      assert.strictEqual(error.error?.codexErrorInfo, "unauthorized")
      assert.include(error.message, "loginApiKey")
    }).pipe(
      // The workspace is an empty home. The port is closed: nothing is asked of the network.
      Effect.provide(Codex.layer({
        cwd: home.workspace,
        codexHome: home.workspace,
        config: { openai_base_url: "http://127.0.0.1:9/v1" }
      }))
    )
  }).pipe(Effect.provide(TestCodex.layer())), 30_000)
