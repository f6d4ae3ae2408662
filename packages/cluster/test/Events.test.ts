/** Events of hosted threads on the wire: what a client gets, and in how many messages. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Notification } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { EventLog } from "../src/internal/host/EventLog.ts"
import * as Wire from "../src/internal/model/wire.ts"

const params = { threadId: "t", turnId: "u", itemId: "i", delta: "text" }
const delta = { method: "item/agentMessage/delta", params, emittedAtMs: 1 }

const messages = {
  "a delta": delta,
  "one that goes on from it": { ...delta, params: { ...params, delta: "" }, emittedAtMs: 2 },
  "of another item": { ...delta, params: { ...params, itemId: "j" } },
  "with another method": { ...delta, method: "item/plan/delta" },
  "with more parameters of a newer server": { ...delta, params: { ...params, more: null } },
  "with more fields of a newer server": { ...delta, more: 2 },
  "without a time": { method: delta.method, params },
  "no delta": {
    method: "turn/completed",
    params: { threadId: "t", turn: { id: "u", items: [], status: "completed" } }
  },
  unknown: { ...delta, method: "item/somethingNew" },
  malformed: { ...delta, params: { ...params, delta: 7 } }
}
const events = Object.values(messages).map(Notification.fromMessage)

/** Writes and reads events as they follow each other in a log, from one of them on. */
const sent = (events: ReadonlyArray<Notification.Notification>, from: number) => {
  const entries: Array<Wire.Entry> = []
  for (const event of events) entries.push(Wire.ofServer(event, entries.at(-1)))
  return Wire.read({ epoch: 2, seq: 7, json: Wire.write(entries.slice(from)) })
}

describe("notifications on the wire", () => {
  for (const [name, message] of Object.entries(messages)) {
    it(`arrive as they were: ${name}`, () => {
      const event = Notification.fromMessage(message)
      assert.deepStrictEqual(sent([event], 0), [{ ...event, cursor: { epoch: 2, seq: 7 } }])
    })
  }

  it("arrive as they were, in any order and from anywhere", () => {
    for (const one of events) {
      for (const two of events) {
        for (const three of events) {
          for (const from of [0, 1, 2]) {
            assert.deepStrictEqual(
              sent([one, two, three], from),
              [one, two, three].slice(from).map((event, at) => ({ ...event, cursor: { epoch: 2, seq: 7 + at } }))
            )
          }
        }
      }
    }
  })

  it("deltas that go on from each other are sent as their texts and times", () => {
    const entries = [Wire.ofServer(Notification.fromMessage(delta), undefined)]
    for (const at of [2, 3]) {
      entries.push(Wire.ofServer(Notification.fromMessage({ ...delta, emittedAtMs: at }), entries.at(-1)))
    }
    assert.deepStrictEqual(JSON.parse(Wire.write(entries)), [delta, ["text", 2], ["text", 3]])
  })
})

describe("the log of a thread", () => {
  it.effect("sends quick events together, and those of the host at once", () =>
    Effect.gen(function*() {
      yield* Effect.acquireRelease(
        Effect.sync(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })),
        () => Effect.sync(() => vi.useRealTimers())
      )
      const settled = Effect.promise(() => new Promise((resolve) => setImmediate(resolve))).pipe(
        Effect.repeat({ times: 5 })
      )
      const log = new EventLog(100)
      log.begin(1)
      const batches: Array<ReadonlyArray<string>> = []
      yield* log.follow(null).pipe(
        Stream.runForEach((events) =>
          Effect.sync(() =>
            void batches.push(
              Wire.read(events).map((event) => event.method === "$unknown" ? String(event.raw["method"]) : event.method)
            )
          )
        ),
        Effect.forkScoped
      )
      const append = (...methods: ReadonlyArray<string>) => {
        for (const method of methods) log.append({ method: "$unknown", raw: { method } })
        log.wake()
        return settled
      }

      yield* settled
      assert.deepStrictEqual(batches.splice(0), [["$here"]])
      yield* append("a", "b", "c")
      assert.deepStrictEqual(batches.splice(0), [["a", "b", "c"]])
      // Three events, three milliseconds.
      yield* append("d")
      yield* append("e")
      assert.deepStrictEqual(batches.splice(0), [])
      vi.advanceTimersByTime(3)
      yield* settled
      assert.deepStrictEqual(batches.splice(0), [["d", "e"]])
      yield* append("f")
      assert.deepStrictEqual(batches.splice(0), [])
      log.add({ method: "$turnEnded", turnKey: "k" })
      yield* settled
      assert.deepStrictEqual(batches.splice(0), [["f", "$turnEnded"]])
      log.begin(2)
      yield* append("g")
      assert.deepStrictEqual(batches.splice(0), [["$moved"], ["g"]])
    }))
})
