/** Searches of threads: what is reported on the way, and what an interruption sends. */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import { FakeAppServer, Fixture } from "@effect-codex/testing"
import { assert, describe } from "@effect/vitest"
import { Codex } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { idle, inBackground, scenario } from "./scenario.ts"

const found = (id: string): Protocol.ThreadSearchResult => ({ snippet: `in ${id}`, thread: Fixture.thread({ id }) })

const partial = (requestId: number, id: string): Fixture.Notification => ({
  method: "thread/search/partial",
  params: { requestId, data: [found(id)] }
})

const ids = (threads: ReadonlyArray<Protocol.ThreadSearchResult>) => threads.map(({ thread }) => thread.id)

/** A server whose search of threads is answered when the test says so. */
const searching = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const server = yield* FakeAppServer.FakeAppServer
  const answer = yield* Deferred.make<void>()
  const response = Effect.as(Deferred.await(answer), { data: [found("b"), found("a")], nextCursor: null })
  for (const method of ["thread/search", "thread/search/stream"] as const) {
    yield* server.on(method, () => response)
    yield* server.on(`${method}/cancel`, () => ({}))
  }
  return { codex, server, answer }
})

const version = (version: string) => ({
  initialize: () =>
    FakeAppServer.verbatim({ userAgent: `codex-cli/${version}`, serverInfo: { name: "codex", version } })
})

describe("a search of threads", () => {
  scenario("emits what is found on the way, then the result", () =>
    Effect.gen(function*() {
      const { answer, codex, server } = yield* searching
      const seen: Array<readonly [ReadonlyArray<string>, boolean]> = []
      const heard = yield* Deferred.make<void>()
      const run = yield* inBackground(
        Stream.runForEach(codex.search.threadsLive("x"), ({ isComplete, threads }) => {
          seen.push([ids(threads), isComplete])
          return threads.length === 2 ? Deferred.succeed(heard, undefined) : Effect.void
        })
      )
      const { id } = yield* server.awaitRequest("thread/search/stream")
      yield* server.notifyAll([partial(Number(id), "a"), partial(Number(id) + 1, "other"), partial(Number(id), "b")])
      yield* Deferred.await(heard)
      yield* Deferred.succeed(answer, undefined)
      yield* Fiber.join(run)
      assert.deepStrictEqual(seen, [[["a"], false], [["a", "b"], false], [["b", "a"], true]])
      yield* idle
    }))

  for (const name of ["threads", "threadsLive"] as const) {
    const method = name === "threads" ? "thread/search" : "thread/search/stream"
    scenario(`\`${name}\` is cancelled on the server with its fiber`, () =>
      Effect.gen(function*() {
        const { codex, server } = yield* searching
        const run = yield* inBackground(Stream.runDrain<unknown, unknown, never>(codex.search[name]("x")))
        const { id } = yield* server.awaitRequest(method)
        yield* Fiber.interrupt(run)
        const { params } = yield* server.awaitRequest(`${method}/cancel`)
        assert.deepStrictEqual(params, { requestId: id })
      }))
  }

  scenario(
    "is refused, and not cancelled, where the server does not know that",
    () =>
      Effect.gen(function*() {
        const { codex, server } = yield* searching
        const refused = yield* Effect.flip(Stream.runDrain(codex.search.threadsLive("x")))
        assert.strictEqual(refused._tag === "UnsupportedByServerError" && refused.needs, "0.171.0")
        const run = yield* inBackground(Stream.runDrain(codex.search.threads("x")))
        yield* server.awaitRequest("thread/search")
        yield* Fiber.interrupt(run)
        const thread = yield* codex.threadStart()
        yield* thread.backgroundTerminals.current.pipe(Effect.ignore)
        const methods = (yield* server.requests).map(({ method }) => method)
        assert.notInclude(methods, "thread/search/stream")
        assert.notInclude(methods, "thread/search/cancel")
      }),
    { handlers: version("0.169.0") }
  )

  scenario(
    "and the other capabilities name the version that they need",
    () =>
      Effect.gen(function*() {
        const codex = yield* Codex.Codex
        const thread = yield* codex.threadStart()
        const refused = yield* Effect.forEach(
          [thread.queue.current, thread.queue.add("x"), thread.checkpoint(), thread.backgroundTerminals.current],
          (effect: Effect.Effect<unknown, { readonly _tag: string; readonly message: string }>) => Effect.flip(effect)
        )
        assert.deepStrictEqual(refused.map(({ _tag }) => _tag), refused.map(() => "UnsupportedByServerError"))
        yield* thread.run("still runs", { whenBusy: "fail" })
      }),
    { handlers: version("0.139.0") }
  )
})

scenario(
  "a search of files drops results of an earlier query, and shows when it is complete",
  () =>
    Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const server = yield* FakeAppServer.FakeAppServer
      for (const method of ["Start", "Update", "Stop"]) yield* server.on(`fuzzyFileSearch/session${method}`, () => ({}))
      const seen: Array<readonly [string, boolean]> = []
      yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* codex.search.fileSession({ roots: ["."] })
        const { params } = yield* server.awaitRequest("fuzzyFileSearch/sessionStart")
        const sessionId = Predicate.hasProperty(params, "sessionId") ? String(params.sessionId) : ""
        const updated = (query: string, id = sessionId): Fixture.Notification => ({
          method: "fuzzyFileSearch/sessionUpdated",
          params: { sessionId: id, query, files: [] }
        })
        const completed: Fixture.Notification = { method: "fuzzyFileSearch/sessionCompleted", params: { sessionId } }
        const run = yield* inBackground(
          session.changes.pipe(
            Stream.tap(({ isComplete, query }) => Effect.sync(() => seen.push([query, isComplete]))),
            Stream.takeUntil(({ isComplete }) => isComplete),
            Stream.runDrain
          )
        )
        yield* session.query("a")
        yield* session.query("ab")
        yield* server.notifyAll([updated("a"), updated("ab", "other"), completed])
        yield* server.notifyAll([updated("ab")])
        yield* server.notifyAll([completed, updated("a")])
        yield* Fiber.join(run)
      }))
      yield* server.awaitRequest("fuzzyFileSearch/sessionStop")
      assert.deepStrictEqual(seen.filter(([query]) => query !== "").at(-1), ["ab", true])
      assert.deepStrictEqual(seen.filter(([query]) => query === "a"), [])
    })
)

describe("a search of files", () => {
  const session = Effect.gen(function*() {
    const codex = yield* Codex.Codex
    const server = yield* FakeAppServer.FakeAppServer
    yield* server.on("fuzzyFileSearch", () => ({ files: [] }))
    yield* server.on("fuzzyFileSearch/sessionStart", () => ({}))
    yield* server.on("fuzzyFileSearch/sessionStop", () => ({}))
    yield* server.on("fuzzyFileSearch/sessionUpdate", () => ({}))
    const session = yield* codex.search.fileSession({ roots: ["/"] })
    const { params } = yield* server.awaitRequest("fuzzyFileSearch/sessionStart")
    const { sessionId } = params as Protocol.FuzzyFileSearchSessionStartParams
    const completed: Fixture.Notification = { method: "fuzzyFileSearch/sessionCompleted", params: { sessionId } }
    const updated = (query: string): Fixture.Notification => ({
      method: "fuzzyFileSearch/sessionUpdated",
      params: { sessionId, query, files: [] }
    })
    /** Sends notifications, and returns what was found when they have arrived. */
    const after = (...notifications: ReadonlyArray<Fixture.Notification>) =>
      Effect.gen(function*() {
        yield* server.notifyAll(notifications)
        yield* codex.search.files("", { roots: ["/"] })
        const { isComplete, query } = yield* session.current
        return [query, isComplete] as const
      })
    return { after, completed, server, session, sessionId, updated }
  })

  scenario("is complete, whichever comes first: its results or the completion", () =>
    Effect.gen(function*() {
      const { after, completed, session: { query }, updated } = yield* session
      yield* query("a")
      assert.deepStrictEqual(yield* after(updated("a")), ["a", false])
      assert.deepStrictEqual(yield* after(completed), ["a", true])
      yield* query("ab")
      assert.deepStrictEqual(yield* after(completed), ["a", true])
      assert.deepStrictEqual(yield* after(updated("ab")), ["ab", true])
    }))

  scenario("is not complete by the completion of the query before it", () =>
    Effect.gen(function*() {
      const { after, completed, server, session: { query }, updated } = yield* session
      yield* query("a")
      yield* after(updated("a"))
      const answer = yield* Deferred.make<void>()
      yield* server.on("fuzzyFileSearch/sessionUpdate", () => Effect.as(Deferred.await(answer), {}))
      const changing = yield* inBackground(query("ab"))
      yield* after(completed)
      yield* Deferred.succeed(answer, undefined)
      yield* Fiber.join(changing)
      assert.deepStrictEqual(yield* after(updated("ab")), ["ab", false])
      assert.deepStrictEqual(yield* after(completed), ["ab", true])
    }))

  scenario(
    "is searched again after a restart of the server, whichever comes first",
    () =>
      Effect.gen(function*() {
        const { after, completed, server, session: { query }, sessionId, updated } = yield* session
        yield* query("a")
        assert.deepStrictEqual(yield* after(updated("a"), completed), ["a", true])
        const asked = yield* server.awaitRequest("fuzzyFileSearch/sessionUpdate")
        assert.deepStrictEqual(asked.params, { sessionId, query: "a" })
        const restart = (count: number) =>
          Effect.gen(function*() {
            yield* server.crash()
            yield* TestClock.adjust("1 second")
            const again = yield* server.awaitRequest("fuzzyFileSearch/sessionUpdate", count)
            assert.deepStrictEqual(again.params, asked.params)
          })
        yield* restart(1)
        assert.deepStrictEqual(yield* after(updated("a")), ["a", false])
        assert.deepStrictEqual(yield* after(completed), ["a", true])
        yield* restart(2)
        yield* after(completed)
        assert.deepStrictEqual(yield* after(updated("a")), ["a", true])
      }),
    { client: { restart: Schedule.spaced("1 second") } }
  )
})
