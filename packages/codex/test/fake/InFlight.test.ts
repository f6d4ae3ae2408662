import { FakeAppServer, Fixture } from "@effect-codex/testing"
import { assert, describe } from "@effect/vitest"
import { Codex, Router } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { inBackground, scenario } from "./scenario.ts"

const setup = Effect.gen(function*() {
  const server = yield* FakeAppServer.FakeAppServer
  const codex = yield* Codex.Codex
  const countOf = (method: string) =>
    Effect.map(server.requests, (all) => all.filter((request) => request.method === method).length)
  // An answer to a request that takes no slot comes after all that was sent before.
  const settled = Effect.ignore(codex.client.request("turn/interrupt", { threadId: "none", turnId: "none" }))
  yield* server.on("model/list", () => Effect.never)
  const list = Effect.exit(codex.client.request("model/list", {}))
  const listing = (count: number) => Effect.forEach(Array.from({ length: count }), () => inBackground(list))
  return { server, codex, countOf, settled, listing }
})

describe("maxInFlight", () => {
  scenario(
    "holds requests back until others are answered; those that control or stay open pass",
    () =>
      Effect.gen(function*() {
        const { codex, countOf, listing, server, settled } = yield* setup
        const [first, ...others] = yield* listing(5)
        yield* settled
        assert.strictEqual(yield* countOf("model/list"), 3)
        yield* server.on("command/exec", () => FakeAppServer.verbatim({ exitCode: 0, stdout: "", stderr: "" }))
        yield* codex.client.request("command/exec", { command: ["true"] })
        const { id } = yield* server.awaitRequest("model/list")
        yield* server.respond(id, { data: [] })
        yield* Fiber.join(first!)
        yield* settled
        assert.strictEqual(yield* countOf("model/list"), 4)
        yield* Effect.forEach(others, Fiber.interrupt)
      }),
    { client: { maxInFlight: 3 } }
  )

  scenario(
    "counts a request that waits too long for its turn as timed out, without sending it",
    () =>
      Effect.gen(function*() {
        const { countOf, listing } = yield* setup
        const fibers = yield* listing(4)
        yield* TestClock.adjust("60 seconds")
        for (const fiber of fibers) {
          const exit = yield* Fiber.join(fiber)
          assert.include(String(exit), "CodexTimeoutError")
        }
        assert.strictEqual(yield* countOf("model/list"), 3)
      }),
    { client: { maxInFlight: 3 } }
  )

  scenario(
    "keeps what a server does not read small: timed-out requests keep their places, but for one",
    () =>
      Effect.gen(function*() {
        const { countOf, listing, server, settled } = yield* setup
        yield* listing(3)
        yield* TestClock.adjust("60 seconds")
        const waiting = yield* listing(3)
        yield* server.awaitRequest("model/list", 3)
        yield* Effect.yieldNow
        assert.strictEqual(yield* countOf("model/list"), 4)
        // The first answer shows that the server reads: the places are free again.
        yield* settled
        yield* settled
        assert.strictEqual(yield* countOf("model/list"), 6)
        yield* Effect.forEach(waiting, Fiber.interrupt)
      }),
    { client: { maxInFlight: 3 } }
  )
})

describe("requests that stay open", () => {
  scenario(
    "are sent a few at a time, until an answer shows that the server has read them",
    () =>
      Effect.gen(function*() {
        const { codex, countOf, server } = yield* setup
        yield* server.on("command/exec", () => Effect.never)
        yield* server.on("thread/loaded/list", () => Effect.never)
        const command = codex.client.request("command/exec", { command: ["sleep", "infinity"] })
        const commands = yield* Effect.forEach(Array.from({ length: 40 }), () => inBackground(Effect.exit(command)))
        const { id } = yield* server.awaitRequest("thread/loaded/list")
        assert.strictEqual(yield* countOf("command/exec"), 16)
        yield* codex.client.request("thread/list", {})
        yield* server.awaitRequest("command/exec", 31)
        assert.strictEqual(yield* countOf("command/exec"), 32)
        yield* server.on("thread/loaded/list", () => ({ data: [] }))
        yield* server.respond(id, { data: [] })
        yield* server.awaitRequest("command/exec", 39)
        // What controls a turn does not wait for their end.
        yield* Effect.ignore(codex.client.request("turn/interrupt", { threadId: "none", turnId: "none" }))
        yield* Effect.forEach(commands, Fiber.interrupt)
      })
  )
})

describe("starts of turns that have timed out", () => {
  scenario("are counted, and remembered up to a limit", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      yield* server.on("turn/start", () => Effect.never)
      const thread = yield* codex.threadStart()
      const router = yield* Router.Router
      for (let start = 0; start < 300; start++) {
        const run = yield* inBackground(Effect.flip(thread.run("go", { startTimeout: "1 second" })))
        yield* server.awaitRequest("turn/start", start)
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(run)
      }
      assert.strictEqual(router.stats().late, 256)
      const latest = yield* server.awaitRequest("turn/start", 299)
      yield* server.respond(latest.id, { turn: Fixture.turn({ id: "late" }) })
      yield* server.notifyAll([Fixture.turnStarted(thread.id, "late")])
      yield* server.awaitRequest("turn/interrupt")
      assert.strictEqual(router.stats().late, 255)
      yield* server.notifyAll([Fixture.turnCompleted(thread.id, "late", { status: "interrupted" })])
      yield* thread.read()
    }))
})
