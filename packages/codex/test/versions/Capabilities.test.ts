/** Capabilities that not every supported server has: an older one is refused before anything is sent. */
import { CodexHome, TestCodex } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { CodexError } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { isAtLeast } from "../../src/model/connection/ServerVersion.ts"
import { setup } from "../real/utils.ts"

/** Runs an effect, which must be refused on servers before a version. */
const since = <A, E>(version: string, effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const { codex } = yield* setup
    const result = yield* Effect.result(effect)
    const isKnown = isAtLeast(codex.metadata.serverVersion, version)
    if (result._tag === "Success") assert.isTrue(isKnown)
    else if (isKnown) return yield* Effect.fail(result.failure)
    else {
      assert.instanceOf(result.failure, CodexError.UnsupportedByServerError)
      assert.strictEqual(result.failure.needs, version)
    }
  })

layer(TestCodex.layer({ script: TestCodex.echo }), { excludeTestServices: true })("every version", (it) => {
  it.effect("queues turns", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart()
      const queue = Effect.gen(function*() {
        const queued = yield* thread.queue.add("queued")
        assert.strictEqual((yield* thread.run("own")).finalResponse, "own")
        assert.strictEqual((yield* Effect.flatMap(queued.turn, ({ run }) => run)).finalResponse, "queued")
        assert.deepStrictEqual(yield* thread.queue.current, [])
      })
      yield* since("0.150.0", queue)
    }))

  it.effect("returns to a checkpoint", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const { workspace } = yield* CodexHome.CodexHome
      execFileSync("git", ["init", "--quiet"], { cwd: workspace })
      writeFileSync(`${workspace}/a.txt`, "a")
      // Before 0.160 it is not the default.
      const paginated = isAtLeast(codex.metadata.serverVersion, "0.150.0")
      const thread = yield* codex.threadStart(paginated ? { historyMode: "paginated" } : {})
      yield* thread.run("one")
      const restored = Effect.gen(function*() {
        const checkpoint = yield* thread.checkpoint({ files: true })
        yield* thread.run("two")
        writeFileSync(`${workspace}/a.txt`, "b")
        yield* checkpoint.restore({ unsaved: "save" })
        assert.strictEqual(readFileSync(`${workspace}/a.txt`, "utf8"), "a")
        assert.strictEqual((yield* thread.read({ includeTurns: true })).turns.length, 1)
      })
      yield* since("0.150.0", restored)
    }))

  it.effect("searches", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const { workspace } = yield* CodexHome.CodexHome
      writeFileSync(`${workspace}/alphabet.md`, "")
      const roots = [workspace]
      assert.strictEqual((yield* codex.search.files("alph", { roots }))[0]?.path, "alphabet.md")
      const session = Effect.gen(function*() {
        const session = yield* codex.search.fileSession({ roots })
        yield* session.query("alph")
        yield* Stream.runDrain(Stream.takeUntil(session.changes, ({ files }) => files[0]?.path === "alphabet.md"))
      })
      yield* since("0.140.0", Effect.scoped(session))
      const thread = yield* codex.threadStart()
      yield* thread.run("a needle")
      yield* since("0.140.0", Stream.runDrain(codex.search.threads("needle")))
      yield* since("0.171.0", Stream.runDrain(codex.search.threadsLive("needle")))
    }))

  it.effect("lists background terminals", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart()
      yield* since("0.140.0", thread.backgroundTerminals.settled)
    }))
})
