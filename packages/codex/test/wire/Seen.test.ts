import { assert, describe, it } from "@effect/vitest"
import type { Notification } from "effect-codex"
import { Seen } from "../../src/wire/Seen.ts"

type Event = Notification.Raw

const message = (id: string, text: string) => ({ type: "agentMessage", id, text })
const command = (id: string, status: string) => ({ type: "commandExecution", id, status })

const started = (item: object): Event => ({ method: "item/started", params: { threadId: "t", turnId: "u", item } })
const completed = (item: object): Event => ({ method: "item/completed", params: { threadId: "t", turnId: "u", item } })
const delta = (itemId: string, text: string): Event => ({
  method: "item/agentMessage/delta",
  params: { threadId: "t", turnId: "u", itemId, delta: text }
})

/** What consumers get: one line for each event. */
const shown = ({ method, params }: Event): string => {
  const { delta, item, itemId } = params as { delta?: string; itemId?: string; item?: { id: string; text?: string } }
  return delta === undefined ? `${String(method).slice(5)} ${item?.id}` : `${itemId}: ${delta}`
}

/** Received before the cut; then the snapshot; then events that follow. */
const after = (
  before: ReadonlyArray<Event>,
  items: ReadonlyArray<object>,
  later: ReadonlyArray<Event>,
  sameIds = true
) => {
  const seen = new Seen()
  const heard: Array<string> = []
  const hear = (event: Event) => {
    seen.note(event["method"], event["params"])
    heard.push(shown(event))
  }
  for (const event of before) seen.note(event["method"], event["params"])
  seen.catchUp("t", { id: "u", items }, sameIds, hear)
  for (const event of later) for (const passed of seen.pass(event)) hear(passed)
  return heard
}

describe("a turn after a lost connection", () => {
  it("gets the items that it has not seen, once", () => {
    assert.deepStrictEqual(
      after(
        [started(message("a", "")), delta("a", "A"), completed(message("a", "A")), started(command("b", "inProgress"))],
        [message("a", "A"), command("b", "completed"), message("c", "C"), command("d", "inProgress")],
        [started(command("d", "inProgress")), completed(command("d", "completed")), completed(message("c", "C"))]
      ),
      ["completed b", "started c", "c: C", "completed c", "started d", "completed d"]
    )
  })

  it("gets the rest of a message that was being written, in one piece", () => {
    const before = [started(message("a", "")), delta("a", "one "), delta("a", "two ")]
    assert.deepStrictEqual(after(before, [], [delta("a", "four "), completed(message("a", "one two three four "))]), [
      "a: three four ",
      "completed a"
    ])
    assert.deepStrictEqual(after(before, [message("a", "one two ")], []), ["completed a"])
  })

  it("gets a message whose beginning it has missed, in one piece, and later ones as they are written", () => {
    assert.deepStrictEqual(
      after([], [], [
        delta("a", "wo"),
        completed(message("a", "two")),
        started(message("b", "")),
        delta("b", "th"),
        delta("b", "ree"),
        completed(message("b", "three"))
      ]),
      ["started a", "a: two", "completed a", "started b", "b: th", "b: ree", "completed b"]
    )
  })

  it("matches items by type and order where the snapshot has other ids", () => {
    assert.deepStrictEqual(
      after(
        [
          started(message("live-1", "")),
          delta("live-1", "A"),
          completed(message("live-1", "A")),
          started(command("live-2", "inProgress")),
          started(message("live-3", "")),
          delta("live-3", "on")
        ],
        [
          message("item-1", "A"),
          command("item-2", "completed"),
          message("item-3", "one"),
          message("item-4", "two"),
          command("item-5", "inProgress")
        ],
        [completed(command("live-5", "completed"))],
        false
      ),
      [
        "completed live-2",
        "live-3: e",
        "completed live-3",
        "started item-4",
        "item-4: two",
        "completed item-4",
        "started live-5",
        "completed live-5"
      ]
    )
  })

  it("waits for the whole history at its end, and completes without items, where the snapshot has other ids", () => {
    const seen = new Seen()
    seen.catchUp("t", { id: "u", items: [message("item-1", "A")] }, false, () => {})
    const end = { method: "turn/completed", params: { turn: { id: "u", items: [message("live", "A")] } } }
    assert.deepStrictEqual(seen.pass(end), [])
    assert.deepStrictEqual(seen.pass(end), [{ method: "turn/completed", params: { turn: { id: "u", items: [] } } }])
  })

  it("does not complete before its usage is reported", () => {
    const seen = new Seen()
    const end: Event = { method: "turn/completed", params: {} }
    assert.deepStrictEqual(seen.pass(end), [])
    assert.strictEqual(seen.completion, end)
    seen.cut()
    assert.deepStrictEqual(seen.pass(end), [end])
  })
})
