import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Answering from "../../src/wire/Answering.ts"
import { cpuTime } from "../cpuTime.ts"

const open = 20_000
const turns = 20_000

describe("the end of a turn", () => {
  it.live("ends its requests, and looks at no others: twenty thousand may be open", () =>
    Effect.gen(function*() {
      let asking = 0
      const server = yield* Answering.make({
        maxBytes: () => undefined,
        repeats: () => false,
        find: () => Effect.never,
        asks: () => {
          asking++
          return () => asking--
        },
        spanOf: () => undefined,
        send: () => Effect.void,
        fork: Effect.runFork
      })
      const ask = (key: string, turnId: string) =>
        server.request({
          id: key,
          key,
          method: "item/tool/call",
          params: { threadId: "thread", turnId, callId: key, tool: "tool", arguments: {} },
          threadId: "thread",
          turnId
        })
      for (let index = 0; index < open; index++) ask(`request-${index}`, "waits")
      ask("last", "ends")
      assert.strictEqual(asking, open + 1)
      const seconds = cpuTime(() => {
        for (let index = 0; index < turns; index++) server.turnEnded("thread", `turn-${index}`)
      })
      // Looking at each open request for each turn took 20 seconds and more.
      assert.isBelow(seconds, 2)
      server.turnEnded("thread", "ends")
      assert.strictEqual(asking, open)
      server.lost()
      assert.strictEqual(asking, 0)
    }).pipe(Effect.scoped))
})
