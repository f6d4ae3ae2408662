/** Events of hosted threads on the wire: what a client gets, and in how many messages. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Notification } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { EventLog } from "../src/internal/host/EventLog.ts"
import { fromWire, toWire } from "../src/internal/model/events.ts"

const params = { threadId: "t", turnId: "u", itemId: "i", delta: "text" }

const messages = {
  known: { method: "item/agentMessage/delta", params },
  "with fields of a newer server": { method: "item/agentMessage/delta", params: { ...params, more: 1 }, more: 2 },
  unknown: { method: "item/somethingNew", params },
  malformed: { method: "item/agentMessage/delta", params: { ...params, delta: 7 } }
}

describe("a notification on the wire", () => {
  for (const [name, message] of Object.entries(messages)) {
    it(`arrives as it was: ${name}`, () => {
      const event = Notification.fromMessage(message)
      const [arrived] = fromWire({ epoch: 2, seq: 7, json: `[${toWire(event)}]` })
      assert.deepStrictEqual(arrived, { ...event, cursor: { epoch: 2, seq: 7 } })
    })
  }
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
      const sent: Array<ReadonlyArray<string>> = []
      yield* log.follow(null).pipe(
        Stream.runForEach((events) => Effect.sync(() => void sent.push(fromWire(events).map(({ method }) => method)))),
        Effect.forkScoped
      )
      const append = (...methods: ReadonlyArray<string>) => {
        for (const method of methods) log.append(JSON.stringify({ method, params: {} }))
        log.wake()
        return settled
      }

      yield* settled
      assert.deepStrictEqual(sent.splice(0), [["$here"]])
      yield* append("a", "b", "c")
      assert.deepStrictEqual(sent.splice(0), [["a", "b", "c"]])
      // Three events, three milliseconds.
      yield* append("d")
      yield* append("e")
      assert.deepStrictEqual(sent.splice(0), [])
      vi.advanceTimersByTime(3)
      yield* settled
      assert.deepStrictEqual(sent.splice(0), [["d", "e"]])
      yield* append("f")
      assert.deepStrictEqual(sent.splice(0), [])
      log.add({ method: "$turnEnded", turnKey: "k" })
      yield* settled
      assert.deepStrictEqual(sent.splice(0), [["f", "$turnEnded"]])
      log.begin(2)
      yield* append("g")
      assert.deepStrictEqual(sent.splice(0), [["$moved"], ["g"]])
    }))
})
