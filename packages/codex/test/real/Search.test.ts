import { CodexHome, TestCodex } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { mkdirSync, writeFileSync } from "node:fs"
import { setup } from "./utils.ts"

/** Writes empty files to the workspace, and returns it. */
const workspaceWith = (...names: ReadonlyArray<string>) =>
  CodexHome.CodexHome.useSync(({ workspace }) => {
    mkdirSync(`${workspace}/src/deep`, { recursive: true })
    for (const name of names) writeFileSync(`${workspace}/${name}`, "")
    return workspace
  })

layer(TestCodex.layer({ script: TestCodex.echo }), { excludeTestServices: true })("search", (it) => {
  it.effect("finds files once", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const root = yield* workspaceWith("alphabet.md", "beta.ts", "src/deep/alpha.ts")
      const found = yield* codex.search.files("alp", { roots: [root] })
      assert.deepStrictEqual(found.map(({ path }) => path).toSorted(), ["alphabet.md", "src/deep/alpha.ts"])
      assert.deepStrictEqual(yield* codex.search.files("", { roots: [root] }), [])
      const mistake = yield* Effect.flip(codex.search.files("a", { roots: [] }))
      assert.strictEqual(mistake._tag === "InvalidInputError" && mistake.field, "roots")
    }))

  it.effect("follows a query that changes, and drops results of earlier ones", () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const root = yield* workspaceWith("alphabet.md", "beta.ts", "src/deep/alpha.ts")
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* codex.search.fileSession({ roots: [root] })
        const seen: Array<string> = []
        const watching = yield* session.changes.pipe(
          Stream.tap(({ query }) => Effect.sync(() => seen.push(query))),
          Stream.filter(({ isComplete, query }) => isComplete && query === "beta"),
          Stream.runHead,
          Effect.forkChild({ startImmediately: true })
        )
        for (const query of ["a", "al", "alp", "be", "beta"]) yield* session.query(query)
        yield* session.query("beta")
        yield* Fiber.join(watching)
        assert.deepStrictEqual((yield* session.current).files.map(({ path }) => path), ["beta.ts"])
        // In the order of the queries.
        assert.deepStrictEqual(seen, seen.toSorted((a, b) => order.indexOf(a) - order.indexOf(b)))
        // A later consumer starts with the current value.
        const now = yield* Stream.runHead(session.changes)
        assert.strictEqual(now._tag === "Some" && now.value.query, "beta")
      }))
      assert.strictEqual(router.stats().followers, 0)
    }))

  it.effect("finds threads by their text, page by page, and while it searches", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const ids: Array<string> = []
      for (const text of ["a needle", "nothing", "another needle"]) {
        const thread = yield* codex.threadStart()
        yield* thread.run(text)
        if (text !== "nothing") ids.push(thread.id)
      }
      const found = yield* Stream.runCollect(codex.search.threads("needle", { limit: 1 }))
      assert.deepStrictEqual(found.map(({ thread }) => thread.id).toSorted(), ids.toSorted())
      assert.include(found[0]?.snippet, "needle")
      const live = yield* Stream.runCollect(codex.search.threadsLive("needle"))
      const last = live.at(-1)
      assert.strictEqual(last?.isComplete, true)
      assert.strictEqual(live.filter(({ isComplete }) => isComplete).length, 1)
      assert.deepStrictEqual(last?.threads.map(({ thread }) => thread.id).toSorted(), ids.toSorted())
      const refused = yield* Effect.flip(Stream.runDrain(codex.search.threads(" ")))
      assert.strictEqual(refused._tag, "CodexRpcError")
    }))
})

const order = ["", "a", "al", "alp", "be", "beta"]
