import { CodexHome, TestCodex } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { client, home, server, servers, stop } from "./utils.ts"

layer(home(TestCodex.echo), { excludeTestServices: true })("the shared server", (it) => {
  it.effect("is started by the first client, joined by the second, and stopped once", () =>
    Effect.gen(function*() {
      const { codexHome } = yield* CodexHome.CodexHome
      const t0 = performance.now()
      const one = yield* client()
      console.log("first", performance.now() - t0)
      const t1 = performance.now()
      const two = yield* client()
      console.log("second", performance.now() - t1)
      const pid = yield* server(codexHome)
      const thread = yield* one.threadStart()
      assert.strictEqual((yield* thread.run("hello")).finalResponse, "hello")
      const again = yield* two.threadResume(thread.id)
      assert.strictEqual((yield* again.run("hello again")).finalResponse, "hello again")
      const t2 = performance.now()
      assert.deepStrictEqual(yield* stop(), { _tag: "Stopped", pid })
      console.log("stop", performance.now() - t2)
      assert.lengthOf(yield* servers(codexHome), 0)
      assert.deepStrictEqual(yield* stop(), { _tag: "NotRunning" })
    }).pipe(Effect.scoped))
})
