/** A consumer that stalls: what is kept for it, by the choice of the caller. */
import { FakeAppServer, Fixture } from "@effect-codex/testing"
import { assert } from "@effect/vitest"
import { Codex, type Notification, type Options } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { scenario } from "./scenario.ts"

const pieces = Array.from({ length: 20_000 }, (_, index) => `${index} `)

/** A turn of very many deltas, looked at when it is over. */
const stalled = Effect.fnUntraced(function*(buffer?: Options.Buffer) {
  const codex = yield* Codex.Codex
  const server = yield* FakeAppServer.FakeAppServer
  yield* server.enqueue({
    deltas: pieces,
    items: [Fixture.agentMessage("before", { id: "first", phase: "commentary" })]
  })
  const thread = yield* codex.threadStart()
  const turn = yield* thread.turn("go", { buffer })
  const result = yield* turn.run
  assert.strictEqual(result.finalResponse, pieces.join(""))
  return yield* Stream.runCollect(turn.stream)
})

const text = (events: ReadonlyArray<Notification.Notification>): string =>
  events.map((event) => event.method === "item/agentMessage/delta" ? event.params.delta : "").join("")

const others = (events: ReadonlyArray<Notification.Notification>): ReadonlyArray<string> =>
  events.map(({ method }) => method).filter((method) => method !== "item/agentMessage/delta")

const whole = [
  "turn/started",
  "item/started",
  "item/completed",
  "item/started",
  "item/completed",
  "thread/tokenUsage/updated",
  "turn/completed"
]

scenario("by default every event waits for it", () =>
  Effect.gen(function*() {
    const events = yield* stalled()
    assert.lengthOf(events, pieces.length + whole.length)
    assert.strictEqual(text(events), pieces.join(""))
  }))

scenario("coalesced, few events hold the whole text, and no other event is lost", () =>
  Effect.gen(function*() {
    const events = yield* stalled("coalesce")
    assert.isBelow(events.length, 600)
    assert.strictEqual(text(events), pieces.join(""))
    assert.deepStrictEqual(others(events), whole)
  }))

scenario("sliding, the newest are kept", () =>
  Effect.gen(function*() {
    const events = yield* stalled({ sliding: 100 })
    assert.isAtMost(events.length, 200)
    assert.isAtLeast(events.length, 100)
    assert.strictEqual(events.at(-1)?.method, "turn/completed")
    assert.isTrue(pieces.join("").endsWith(text(events)))
  }))

scenario("a window of no size is refused before anything is sent", () =>
  Effect.gen(function*() {
    const codex = yield* Codex.Codex
    const server = yield* FakeAppServer.FakeAppServer
    const thread = yield* codex.threadStart()
    const error = yield* Effect.flip(thread.turn("go", { buffer: { sliding: 0 } }))
    assert.strictEqual(error._tag, "InvalidInputError")
    assert.isFalse((yield* server.requests).some(({ method }) => method === "turn/start"))
  }))
