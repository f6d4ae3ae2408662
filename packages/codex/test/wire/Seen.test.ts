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

const user = (id: string, clientId: string) => ({ type: "userMessage", id, clientId, content: [] })

const whole = (id: string, text: string) => [started(message(id, "")), delta(id, text), completed(message(id, text))]

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
  const seen = new Seen(sameIds)
  const heard: Array<string> = []
  const hear = (event: Event) => {
    seen.note(event["method"], event["params"])
    heard.push(shown(event))
  }
  for (const event of before) seen.note(event["method"], event["params"])
  seen.catchUp("t", { id: "u", items }, hear)
  for (const event of later) for (const passed of seen.pass(event)) hear(passed)
  return heard
}

/** The received part of a turn on a server before 0.169, and the events that each look at its history adds. */
const looking = () => {
  const seen = new Seen(false)
  const heard: Array<string> = []
  const look = (...items: ReadonlyArray<object>) =>
    seen.catchUp("t", { id: "u", items }, (event) => {
      seen.note(event["method"], event["params"])
      heard.push(shown(event))
    })
  return { heard, look, seen }
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

  describe("on a server before 0.169, which names messages by their position in the history", () => {
    it("recognizes messages by their texts, and tool calls by their ids", () => {
      assert.deepStrictEqual(
        after(
          [
            ...whole("live-1", "A"),
            started(command("call-2", "inProgress")),
            started(message("live-3", "")),
            delta("live-3", "on")
          ],
          [
            message("item-1", "A"),
            command("call-2", "completed"),
            message("item-2", "one"),
            message("item-3", "two"),
            command("call-5", "inProgress")
          ],
          [completed(command("call-5", "completed"))],
          false
        ),
        [
          "completed call-2",
          "live-3: e",
          "completed live-3",
          "started item-3",
          "item-3: two",
          "completed item-3",
          "started call-5",
          "completed call-5"
        ]
      )
    })

    it("gets a message that an earlier snapshot lacked, although a later one was received", () => {
      assert.deepStrictEqual(
        after(
          [...whole("live-1", "A"), ...whole("live-3", "C"), started(command("call-4", "inProgress"))],
          [
            message("item-1", "A"),
            command("call-2", "completed"),
            message("item-2", "B"),
            message("item-3", "C"),
            command("call-4", "inProgress")
          ],
          [],
          false
        ),
        ["started call-2", "completed call-2", "started item-2", "item-2: B", "completed item-2"]
      )
    })

    it("gets each item once when positions change", () => {
      const { heard, look } = looking()
      look(message("item-2", "A"), message("item-3", "B"))
      look(message("item-1", "A"), message("item-2", "B"), message("item-3", "B"))
      assert.deepStrictEqual(heard.filter((line) => line.startsWith("completed")), [
        "completed item-2",
        "completed item-3",
        "completed item-3-2"
      ])
    })

    it("recognizes items in the history of the ended turn, which has the ids of events from 0.151 on", () => {
      const { heard, look, seen } = looking()
      look(message("item-1", "same"), command("call-1", "completed"))
      for (const event of whole("live-2", "same")) seen.note(event["method"], event["params"])
      look(message("live-1", "same"), command("call-1", "completed"), message("live-2", "same"), message("live-3", "C"))
      assert.deepStrictEqual(heard.filter((line) => line.startsWith("completed")), [
        "completed item-1",
        "completed call-1",
        "completed live-3"
      ])
    })

    it("recognizes the message of the user by its clientId", () => {
      assert.deepStrictEqual(
        after(
          [started(user("live-1", "first")), completed(user("live-1", "first"))],
          [user("item-1", "first"), user("item-2", "second")],
          [],
          false
        ),
        ["started item-2", "completed item-2"]
      )
    })
  })

  it("waits for the whole history at its end, and completes without items, where the snapshot has other ids", () => {
    const seen = new Seen(false)
    seen.catchUp("t", { id: "u", items: [message("item-1", "A")] }, () => {})
    const end = { method: "turn/completed", params: { turn: { id: "u", items: [message("live", "A")] } } }
    assert.deepStrictEqual(seen.pass(end), [])
    assert.deepStrictEqual(seen.pass(end), [{ method: "turn/completed", params: { turn: { id: "u", items: [] } } }])
  })

  it("does not complete before its usage is reported", () => {
    const seen = new Seen(true)
    const end: Event = { method: "turn/completed", params: {} }
    assert.deepStrictEqual(seen.pass(end), [])
    assert.strictEqual(seen.completion, end)
    seen.cut()
    assert.deepStrictEqual(seen.pass(end), [end])
  })
})
