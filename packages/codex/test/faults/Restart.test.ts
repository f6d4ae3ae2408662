/** A lost process is started again, and the program goes on where it was. */
import { Reply, Step, TestCodex } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { CodexError } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { internalClient } from "../internals.ts"
import { idle, processesOf, serverOf, serversOf, setup } from "../real/utils.ts"

const restarting = (restart: Schedule.Schedule<unknown>, script = TestCodex.echo) =>
  Layer.mergeAll(TestCodex.layer({ script, client: { restart } }), Logger.layer([]))

const again = <A, R>(effect: Effect.Effect<A, CodexError.CodexError, R>) =>
  Effect.retry(effect, { while: CodexError.isRetryable, times: 20 })

const kill = (pid: number, signal: NodeJS.Signals = "SIGKILL") => Effect.sync(() => process.kill(pid, signal))

/** `npm run soak` kills a hundred times. */
const kills = Number(process.env["CODEX_KILLS"] ?? 16)

describe("restart", () => {
  it.live(`continues ${kills} times, killed between and during turns`, () =>
    Effect.gen(function*() {
      const { codex, home, model, router } = yield* setup
      const client = yield* internalClient
      const thread = yield* codex.threadStart()
      yield* thread.run("first")
      for (let round = 0; round < kills; round++) {
        const text = `round ${round}`
        if (round % 2 === 0) {
          yield* kill(yield* serverOf(home.codexHome))
          yield* client.closed
          assert.strictEqual((yield* again(thread.run(text))).finalResponse, text)
        } else {
          yield* model.clear
          yield* model.enqueue(Reply.hang)
          const running = yield* Effect.forkChild(Effect.exit(thread.run(text)))
          yield* model.awaitRequest(0)
          yield* kill(yield* serverOf(home.codexHome))
          const exit = yield* Fiber.join(running)
          assert(exit._tag === "Failure")
          assert.strictEqual((yield* again(thread.run(text))).finalResponse, text)
        }
        assert.lengthOf(yield* serversOf(home.codexHome), 1)
      }
      assert.strictEqual(client.connections(), kills + 1)
      assert.deepInclude(router.stats(), idle)
      const { turns } = yield* thread.read({ includeTurns: true })
      assert.isAtLeast(turns?.length ?? 0, kills + 1)
    }).pipe(Effect.scoped, Effect.provide(restarting(Schedule.spaced("1 millis")))), 120_000)

  it.live("resumes every thread that has had a turn, on its next use; another is not found", () =>
    Effect.gen(function*() {
      const { codex, home } = yield* setup
      const used = yield* codex.threadStart()
      const fresh = yield* codex.threadStart()
      yield* used.run("one")
      const other = yield* codex.threadFork(used.id)
      yield* kill(yield* serverOf(home.codexHome))
      yield* codex.client.closed
      const [one, two] = yield* Effect.all([used.run("two"), other.run("three")], { concurrency: 2 })
      assert.deepStrictEqual([one.finalResponse, two.finalResponse], ["two", "three"])
      const error = yield* Effect.flip(fresh.run("never had a turn"))
      assert(error._tag === "CodexRpcError")
      assert.strictEqual(error.reason._tag, "ThreadNotFound")
    }).pipe(Effect.scoped, Effect.provide(restarting(Schedule.spaced("1 millis")))))

  it.live("fails everything in flight with a retryable error, streams after the events that had arrived", () =>
    Effect.gen(function*() {
      const { codex, home, model } = yield* setup
      yield* model.enqueue(Reply.message({ deltas: ["some", " text", Step.hang] }))
      const thread = yield* codex.threadStart()
      const seen: Array<string> = []
      const turn = yield* thread.turn("go")
      const reading = yield* Effect.forkChild(
        Effect.flip(Stream.runForEach(turn.text, (piece) => Effect.sync(() => seen.push(piece))))
      )
      const watching = yield* Effect.forkChild(Effect.flip(Stream.runDrain(codex.notifications)), {
        startImmediately: true
      })
      yield* model.awaitRequest(0)
      yield* kill(yield* serverOf(home.codexHome))
      for (const fiber of [reading, watching]) {
        const error = yield* Fiber.join(fiber)
        assert(error._tag === "CodexConnectionError")
        assert.isTrue(CodexError.isRetryable(error))
      }
      assert.strictEqual((yield* again(thread.run("after"))).finalResponse, "after")
    }).pipe(Effect.scoped, Effect.provide(restarting(Schedule.spaced("1 millis")))))

  it.live("stops when the schedule ends, and reports how the process was lost", () =>
    Effect.gen(function*() {
      const { codex, home } = yield* setup
      const thread = yield* codex.threadStart()
      yield* thread.run("one")
      yield* kill(yield* serverOf(home.codexHome))
      yield* codex.client.closed
      assert.strictEqual((yield* thread.run("two")).finalResponse, "two")
      yield* kill(yield* serverOf(home.codexHome), "SIGTERM")
      yield* codex.client.closed
      const error = yield* Effect.flip(thread.run("three"))
      assert.strictEqual(error._tag, "CodexConnectionError")
      assert.strictEqual(yield* Effect.flip(thread.run("four")), error)
    }).pipe(Effect.scoped, Effect.provide(restarting(Schedule.recurs(0)))))

  it.live("leaves no process when the scope closes while it is being started again", () =>
    Effect.gen(function*() {
      const codexHome = yield* Effect.gen(function*() {
        const { codex, home } = yield* setup
        yield* kill(yield* serverOf(home.codexHome))
        yield* codex.client.closed
        return home.codexHome
      }).pipe(Effect.scoped, Effect.provide(restarting(Schedule.spaced("1 millis"))))
      assert.lengthOf(yield* processesOf(codexHome), 0)
    }))
})
