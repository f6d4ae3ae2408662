import { assert, describe, it } from "@effect/vitest"
import * as Notification from "../src/model/turns/Notification.ts"

const delta = { threadId: "t", turnId: "u", itemId: "i", delta: "x" }

describe("fromMessage", () => {
  it("returns a conforming message unchanged", () => {
    const raw = { method: "item/agentMessage/delta", params: delta, emittedAtMs: 1, future: [true] }
    const event = Notification.fromMessage(raw)
    assert.deepStrictEqual(event, { method: "item/agentMessage/delta", params: delta, raw })
    assert.strictEqual(event.raw, raw)
    // Nothing is copied.
    assert.strictEqual(event.method === "item/agentMessage/delta" && event.params, delta)
  })

  it("keeps unknown fields in `raw`, and replaces only the unknown variant", () => {
    const raw = {
      method: "item/completed",
      params: { threadId: "t", turnId: "u", completedAtMs: 0, item: { type: "hologram", id: "i" } }
    }
    const event = Notification.fromMessage(raw)
    assert.deepStrictEqual(event, {
      method: "item/completed",
      params: { ...raw.params, item: { type: "$unknown", raw: raw.params.item } },
      raw
    })
  })

  for (const method of ["future/event", "", "$unknown", "$undecodable", "__proto__", "toString", "constructor"]) {
    it(`knows no method ${JSON.stringify(method)}`, () => {
      const raw = { method, params: delta }
      assert.deepStrictEqual(Notification.fromMessage(raw), { method: "$unknown", raw })
    })
  }

  for (const params of [undefined, null, 7, "text", [], {}, { ...delta, delta: 7 }]) {
    it(`can't read ${JSON.stringify(params)}`, () => {
      const raw = { method: "item/agentMessage/delta", params }
      const event = Notification.fromMessage(raw)
      assert.strictEqual(event.method, "$undecodable")
      assert.strictEqual(event.raw, raw)
      assert.match(event.method === "$undecodable" ? event.issue : "", /^(Expected \w+|Missing key)( at \["\w+"\])?/)
    })
  }

  it("never shows a value in an issue", () => {
    const raw = { method: "item/agentMessage/delta", params: { ...delta, delta: { secret: "secret" } } }
    const event = Notification.fromMessage(raw)
    assert.notInclude(event.method === "$undecodable" ? event.issue : "", "secret")
  })
})
