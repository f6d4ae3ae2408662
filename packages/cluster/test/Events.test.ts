/** Events of hosted threads on the wire. */
import { assert, describe, it } from "@effect/vitest"
import { Notification } from "effect-codex"
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
