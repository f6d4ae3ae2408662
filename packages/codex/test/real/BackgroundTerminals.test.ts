import { Reply, TestCodex } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { idle, setup } from "./utils.ts"

const start = (cmd: string) => Reply.functionCall({ name: "exec_command", arguments: { cmd, yield_time_ms: 250 } })

layer(TestCodex.layer({ home: { sandboxMode: "danger-full-access" } }), { excludeTestServices: true })(
  "background terminals",
  (it) => {
    it.effect("are listed, stopped, and waited for", () =>
      Effect.gen(function*() {
        const { codex, model, router } = yield* setup
        const thread = yield* codex.threadStart()
        const terminals = thread.backgroundTerminals
        yield* terminals.settled
        const counts: Array<number> = []
        const watching = yield* terminals.changes.pipe(
          Stream.tap((running) => Effect.sync(() => counts.push(running.length))),
          Stream.takeUntil((running) => running.length === 0 && counts.length > 1),
          Stream.runDrain,
          Effect.forkChild({ startImmediately: true })
        )
        yield* model.enqueue(start("sleep 61"), start("sleep 62"), Reply.text("started"))
        yield* thread.run("start two")
        const running = (yield* terminals.current).toSorted((a, b) => a.command < b.command ? -1 : 1)
        assert.deepStrictEqual(running.map(({ command }) => command), ["sleep 61", "sleep 62"])
        const settled = yield* Effect.forkChild(terminals.settled, { startImmediately: true })
        assert.strictEqual(yield* terminals.stop(running[0]!.processId), true)
        assert.strictEqual(yield* terminals.stop(running[0]!.processId), false)
        assert.deepStrictEqual((yield* terminals.current).map(({ command }) => command), ["sleep 62"])
        yield* terminals.stopAll
        yield* Fiber.join(settled)
        yield* Fiber.join(watching)
        assert.strictEqual(counts[0], 0)
        assert.strictEqual(Math.max(...counts), 2)
        assert.deepInclude(router.stats(), { subscribers: idle.subscribers })
      }))

    it.effect("that end by themselves after their turn are noticed", () =>
      Effect.gen(function*() {
        const { codex, home, model } = yield* setup
        const thread = yield* codex.threadStart()
        const released = `${home.workspace}/released`
        yield* model.enqueue(
          start(`while [ ! -e ${released} ]; do sleep 0.02; done`),
          Reply.text("started")
        )
        yield* thread.run("start one")
        const settled = yield* Effect.forkChild(thread.backgroundTerminals.settled, { startImmediately: true })
        assert.strictEqual((yield* thread.backgroundTerminals.current).length, 1)
        yield* codex.client.request("fs/writeFile", { path: released, dataBase64: "" })
        yield* Fiber.join(settled)
      }))
  }
)
