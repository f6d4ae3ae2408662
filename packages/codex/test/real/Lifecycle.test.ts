import { CodexHome, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { assert, describe, it, layer } from "@effect/vitest"
import { CodexError } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { agentTexts, echoing, scripted, setup, withCodex } from "./utils.ts"

/** The reason of a refusal; anything else is the test's failure. */
const refusal = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.flip(effect), (error) => {
    assert.instanceOf(error, CodexError.CodexRpcError)
    return Effect.succeed(error)
  })

/** An id of the right form that no thread has. */
const nobody = "019a0000-0000-7000-8000-000000000000"

layer(TestCodex.layer({ script: TestCodex.echo }), { excludeTestServices: true })("a thread", (it) => {
  it.effect("is read with its turns, in order", () =>
    Effect.gen(function*() {
      const { codex, home } = yield* setup
      const thread = yield* codex.threadStart()
      yield* thread.run("one")
      yield* thread.run("two")
      const read = yield* codex.threadRead(thread.id, { includeTurns: true })
      assert.strictEqual(read.id, thread.id)
      assert.strictEqual(read.cwd, home.workspace)
      assert.strictEqual(read.preview, "one")
      assert.deepStrictEqual(
        read.turns.flatMap((turn) => turn.items).flatMap((item) =>
          item.type === "userMessage"
            ? item.content.map((content) => ["user", content.type === "text" ? content.text : content.type])
            : item.type === "agentMessage"
            ? [["agent", item.text]]
            : []
        ),
        [["user", "one"], ["agent", "one"], ["user", "two"], ["agent", "two"]]
      )
      assert.deepStrictEqual((yield* thread.read()).turns, [])
    }))

  it.effect("has no turns before its first one is stored", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart()
      assert.deepStrictEqual((yield* codex.threadRead(thread.id, { includeTurns: true })).turns, [])
      yield* Effect.scoped(Effect.gen(function*() {
        const watched = yield* codex.threadWatch(thread.id)
        assert.deepStrictEqual([watched.thread.id, watched.thread.turns], [thread.id, []])
        const seen = yield* Effect.forkChild(
          Stream.runCollect(Stream.takeUntil(watched.notifications, ({ method }) => method === "turn/completed")),
          { startImmediately: true }
        )
        yield* thread.run("one")
        assert.include((yield* Fiber.join(seen)).map(({ method }) => method), "turn/started")
      }))
      assert.lengthOf((yield* thread.read({ includeTurns: true })).turns, 1)
      const ephemeral = yield* codex.threadStart({ ephemeral: true })
      const refused = yield* refusal(codex.threadRead(ephemeral.id, { includeTurns: true }))
      assert.include(refused.message, "ephemeral")
      yield* refusal(Effect.scoped(codex.threadWatch(ephemeral.id)))
    }))

  it.effect("has the name that it was given", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart()
      yield* thread.run("hello")
      yield* thread.setName("grüß 🦀")
      assert.strictEqual((yield* thread.read({ includeTurns: true })).name, "grüß 🦀")
      assert.strictEqual((yield* codex.threadRead(thread.id)).name, "grüß 🦀")
    }))

  it.effect("is resumed under its id, and continues", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      yield* thread.run("one")
      const resumed = yield* codex.threadResume(thread.id)
      assert.strictEqual(resumed.id, thread.id)
      assert.strictEqual((yield* resumed.run("two")).finalResponse, "two")
      assert.deepStrictEqual((yield* model.requests).at(-1)!.texts("assistant"), ["one"])
    }))

  it.effect("is forked with its history, and stays as it is", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      yield* thread.run("one")
      const fork = yield* codex.threadFork(thread.id)
      assert.notStrictEqual(fork.id, thread.id)
      yield* fork.run("two")
      assert.deepStrictEqual((yield* model.requests).at(-1)!.texts("assistant"), ["one"])
      assert.strictEqual((yield* fork.read()).forkedFromId, thread.id)
      assert.strictEqual((yield* fork.read({ includeTurns: true })).turns.length, 2)
      assert.strictEqual((yield* thread.read({ includeTurns: true })).turns.length, 1)
    }))

  it.effect("is archived, brought back, resumed", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart()
      yield* thread.run("one")
      yield* codex.threadArchive(thread.id)
      assert.strictEqual((yield* refusal(codex.threadResume(thread.id))).reason._tag, "ThreadArchived")
      assert.strictEqual((yield* refusal(codex.threadFork(thread.id))).reason._tag, "ThreadArchived")
      assert.strictEqual((yield* refusal(thread.run("two"))).reason._tag, "ThreadNotFound")
      assert.strictEqual((yield* refusal(codex.threadArchive(thread.id))).reason._tag, "ThreadNotFound")

      assert.strictEqual((yield* codex.threadUnarchive(thread.id)).id, thread.id)
      assert.strictEqual((yield* codex.threadRead(thread.id)).id, thread.id)
      assert.strictEqual((yield* refusal(codex.threadUnarchive(thread.id))).reason._tag, "ThreadNotFound")
      const resumed = yield* codex.threadResume(thread.id)
      assert.strictEqual((yield* resumed.run("two")).finalResponse, "two")
      assert.strictEqual((yield* thread.run("three")).finalResponse, "three")
    }))

  it.effect("is deleted for good", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart()
      yield* thread.run("one")
      yield* codex.threadDelete(thread.id)
      for (const gone of [thread.read(), codex.threadResume(thread.id), codex.threadDelete(thread.id)]) {
        assert.strictEqual((yield* refusal(gone)).reason._tag, "ThreadNotFound")
      }
    }))
})

describe("archiving", () => {
  it.live("interrupts the turn that runs", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(Reply.text("one"), Reply.hang)
      const thread = yield* codex.threadStart()
      yield* thread.run("first")
      const turn = yield* thread.turn("second")
      yield* codex.threadArchive(thread.id)
      assert.strictEqual((yield* turn.run).status, "interrupted")
    }).pipe(scripted))
})

layer(TestCodex.layer({ script: TestCodex.echo }), { excludeTestServices: true })(
  "a refusal tells its reason",
  (it) => {
    it.effect("of a thread that is not there", () =>
      Effect.gen(function*() {
        const { codex } = yield* setup
        const thread = codex.thread(nobody)
        const calls: ReadonlyArray<readonly [string, Effect.Effect<unknown, CodexError.CodexError>]> = [
          ["turn/start", thread.run("x")],
          ["turn/start", Effect.asVoid(thread.turn("x"))],
          ["turn/start", Stream.runDrain(thread.stream("x"))],
          ["review/start", thread.review({ type: "custom", instructions: "x" })],
          ["thread/compact/start", thread.compact],
          ["thread/name/set", thread.setName("x")],
          ["thread/read", thread.read()],
          ["thread/resume", codex.threadResume(nobody)],
          ["thread/fork", codex.threadFork(nobody)],
          ["thread/archive", codex.threadArchive(nobody)],
          ["thread/unarchive", codex.threadUnarchive(nobody)],
          ["thread/delete", codex.threadDelete(nobody)]
        ]
        for (const [method, call] of calls) {
          const error = yield* refusal(call)
          assert.deepInclude(error, { reason: { _tag: "ThreadNotFound" }, method, threadId: nobody, code: -32600 })
          assert.include(error.message, nobody)
        }
        // No id at all, such as one that a user typed: the server refuses it with other words.
        for (const id of ["nonsense", ""]) {
          assert.strictEqual((yield* refusal(codex.thread(id).run("x"))).reason._tag, "ThreadNotFound")
          assert.strictEqual((yield* refusal(codex.threadResume(id))).reason._tag, "ThreadNotFound")
        }
      }))

    it.effect("of a thread that never had a turn", () =>
      Effect.gen(function*() {
        const { codex } = yield* setup
        const thread = yield* codex.threadStart()
        assert.strictEqual((yield* refusal(codex.threadResume(thread.id))).reason._tag, "ThreadNotFound")
        assert.strictEqual((yield* refusal(codex.threadFork(thread.id))).reason._tag, "ThreadNotFound")
        assert.strictEqual((yield* thread.run("still fine")).finalResponse, "still fine")
      }))

    it.effect("of an input that is too long, by one character", () =>
      Effect.gen(function*() {
        const { codex } = yield* setup
        const thread = yield* codex.threadStart()
        const longest = "x".repeat(1_048_576)
        const error = yield* refusal(thread.run(`${longest}x`))
        assert.deepInclude(error, {
          reason: { _tag: "InputTooLarge", maxChars: 1_048_576 },
          method: "turn/start",
          code: -32602
        })
        assert.deepInclude(error.data as object, { max_chars: 1_048_576, actual_chars: 1_048_577 })
        assert.strictEqual((yield* thread.run(longest)).finalResponse, longest)
      }))

    it.effect("of a method that the server does not know", () =>
      Effect.gen(function*() {
        const { codex } = yield* setup
        // @ts-expect-error the types know only the methods that there are
        const error = yield* refusal(codex.client.request("thread/levitate", {}))
        assert.deepInclude(error, { reason: { _tag: "MethodNotFound" }, method: "thread/levitate", code: -32600 })
        // The server lists all its methods; nobody wants to read that.
        assert.isBelow(error.message.length, 700)
      }))
  }
)

describe("threadList", () => {
  it.live("streams every page, and passes filters on", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const names = ["one", "two", "three", "four", "five"]
      const ids = yield* Effect.forEach(names, (name) =>
        Effect.gen(function*() {
          const thread = yield* codex.threadStart()
          yield* thread.run(name)
          return thread.id
        }))
      yield* codex.threadArchive(ids[1]!)
      const active = ids.filter((_, index) => index !== 1)
      const listed = (filter?: Parameters<typeof codex.threadList>[0]) =>
        codex.threadList(filter).pipe(Stream.map((thread) => thread.id), Stream.runCollect)

      assert.deepStrictEqual(yield* listed(), active.toReversed())
      assert.deepStrictEqual(yield* listed({ limit: 1 }), active.toReversed())
      assert.deepStrictEqual(yield* listed({ limit: 3, sortDirection: "asc" }), active)
      assert.deepStrictEqual(yield* listed({ archived: true }), [ids[1]])
      assert.deepStrictEqual(yield* listed({ archived: false, searchTerm: "four" }), [ids[3]])
      assert.deepStrictEqual(yield* listed({ cwd: "/nowhere" }), [])

      // Pages are read as they are wanted.
      const some = yield* codex.threadList({ limit: 2 }).pipe(Stream.take(1), Stream.runCollect)
      assert.deepStrictEqual(some.map((thread) => thread.preview), ["five"])
      const page = yield* codex.threadListPage({ limit: 3 })
      assert.deepStrictEqual(page.data.map((thread) => thread.id), active.toReversed().slice(0, 3))
      const next = yield* codex.threadListPage({ limit: 3, cursor: page.nextCursor })
      assert.deepStrictEqual(next.data.map((thread) => thread.id), [active[0]])
      assert.isNotString(next.nextCursor)
    }).pipe(echoing))
})

describe("a second process in the same home", () => {
  it.live("resumes the threads that the first has left, but not those that it still holds", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.ScriptedModel
      const id = yield* withCodex((first) =>
        Effect.gen(function*() {
          const thread = yield* first.threadStart()
          yield* thread.run("one")
          yield* withCodex((second) =>
            Effect.gen(function*() {
              assert.strictEqual((yield* refusal(second.threadResume(thread.id))).reason._tag, "ThreadBusyElsewhere")
              const read = yield* second.threadRead(thread.id, { includeTurns: true })
              assert.deepStrictEqual(read.turns.flatMap(agentTexts), ["one"])
            })
          )
          return thread.id
        })
      )
      yield* withCodex((third) =>
        Effect.gen(function*() {
          const thread = yield* third.threadResume(id)
          assert.strictEqual((yield* thread.run("two")).finalResponse, "two")
        })
      )
      assert.deepStrictEqual((yield* model.requests).at(-1)!.texts("assistant"), ["one"])
    }).pipe(Effect.provide(CodexHome.layer().pipe(Layer.provideMerge(ScriptedModel.layer(TestCodex.echo))))))
})

layer(TestCodex.layer(), { excludeTestServices: true })("models", (it) => {
  it.effect("are listed over every page, hidden ones when asked for", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const ids = (options?: Parameters<typeof codex.models>[0]) =>
        codex.models(options).pipe(Stream.map((model) => model.id), Stream.runCollect)
      const shown = yield* ids()
      assert.isNotEmpty(shown)
      assert.deepStrictEqual(yield* ids({ limit: 2 }), shown)
      const all = yield* ids({ includeHidden: true })
      assert.isAbove(all.length, shown.length)
      assert.includeMembers([...all], [...shown])
    }))
})
