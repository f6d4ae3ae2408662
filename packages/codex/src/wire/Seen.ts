/**
 * The part of a turn that this client has received. After a lost connection it finds what a snapshot of the turn adds,
 * and filters the events that follow, so that consumers receive each item once and the exact text of each message.
 */
import * as Predicate from "effect/Predicate"
import type * as Notification from "../model/turns/Notification.ts"

type Fields = Notification.Raw

const fieldsOf = (value: unknown): Fields => Predicate.isObject(value) ? value : {}

const textOf = (value: unknown): string => typeof value === "string" ? value : ""

export class Seen {
  /** True once a connection was lost during the turn: from then on, {@link pass} filters its events. */
  isCut = false

  /** True if usage was reported since the last cut or snapshot. */
  isMeasured = false

  /** The completion, which waits for the usage: the last report may have been missed. */
  completion: Fields | undefined

  /** True if snapshots name items as events do. Those that do not may also lack the latest items. */
  sameIds = true

  /** The items that have started, with their types, in the order of their starts. */
  private readonly started = new Map<string, unknown>()
  private readonly completed = new Set<string>()
  /** The items that have started since the last cut: no piece of their texts is missing. */
  private readonly whole = new Set<string>()
  /** The message that the agent writes, and the number of its characters so far. */
  private messageId = ""
  private written = 0

  /** Notes that events may be missing from here on. */
  cut(): void {
    this.isCut = true
    this.isMeasured = false
    this.whole.clear()
  }

  /** Returns true if a snapshot is as recent as the completion: histories lag a little behind events. */
  isCurrent(turn: Fields): boolean {
    return turn["status"] === fieldsOf(fieldsOf(this.completion?.["params"])["turn"])["status"]
  }

  /** Notes an event that consumers receive. */
  note(method: unknown, params: unknown): void {
    switch (method) {
      case "item/agentMessage/delta": {
        const { delta, itemId } = fieldsOf(params)
        if (typeof delta !== "string" || typeof itemId !== "string") return
        if (itemId !== this.messageId) {
          this.messageId = itemId
          this.written = 0
        }
        this.written += delta.length
        return
      }
      case "item/started": {
        const { id, type } = fieldsOf(fieldsOf(params)["item"])
        if (typeof id !== "string") return
        this.started.set(id, type)
        if (this.isCut) this.whole.add(id)
        return
      }
      case "item/completed": {
        const { id } = fieldsOf(fieldsOf(params)["item"])
        if (typeof id === "string") this.completed.add(id)
      }
    }
  }

  /**
   * Delivers the events that a snapshot of the turn adds, without its completion. `deliver` must {@link note} each event. Before
   * 0.169, snapshots name items differently from events; then `sameIds` is false, and items are matched by type and order.
   */
  catchUp(threadId: string, turn: Fields, sameIds: boolean, deliver: (event: Fields) => void): void {
    this.isCut = false
    this.sameIds = sameIds
    const turnId = textOf(turn["id"])
    const items = Array.isArray(turn["items"]) ? turn["items"].map(fieldsOf) : []
    const known = sameIds ? undefined : Array.from(this.started)
    for (const snapshot of items) {
      const match = known?.findIndex(([, type]) => type === snapshot["type"]) ?? -1
      const item = match < 0 ? snapshot : { ...snapshot, id: known!.splice(match, 1)[0]![0] }
      const id = textOf(item["id"])
      const isRunning = item["status"] === "inProgress"
      // If ids differ, that of a running item is known only at its end.
      if (this.completed.has(id) || (isRunning && known !== undefined)) continue
      if (!this.started.has(id)) deliver(startOf(threadId, turnId, item))
      if (isRunning) continue
      const rest = this.restOf(item)
      if (rest !== "") deliver(deltaOf(threadId, turnId, id, rest))
      deliver(endOf(threadId, turnId, item))
    }
    this.cut()
  }

  /**
   * Returns the events that consumers receive for one that arrives after a cut. Pieces of a text with a gap wait for the end of
   * their message, and then arrive as one.
   */
  pass(raw: Fields): ReadonlyArray<Fields> {
    const params = fieldsOf(raw["params"])
    switch (raw["method"]) {
      case "item/agentMessage/delta":
        return this.whole.has(textOf(params["itemId"])) ? [raw] : []
      case "item/started":
        return this.started.has(textOf(fieldsOf(params["item"])["id"])) ? [] : [raw]
      case "item/completed": {
        const item = fieldsOf(params["item"])
        const id = textOf(item["id"])
        const threadId = textOf(params["threadId"])
        const turnId = textOf(params["turnId"])
        if (this.completed.has(id)) return []
        if (this.whole.has(id)) return [raw]
        const rest = this.restOf(item)
        return [
          ...this.started.has(id) ? [] : [startOf(threadId, turnId, item)],
          ...rest === "" ? [] : [deltaOf(threadId, turnId, id, rest)],
          raw
        ]
      }
      case "thread/tokenUsage/updated":
        this.isMeasured = true
        return [raw]
      case "turn/completed":
        if (this.completion !== undefined) return [this.sameIds ? raw : withoutItems(raw)]
        this.completion = raw
        return []
      default:
        return [raw]
    }
  }

  /** Returns the text of a message that consumers have not received. */
  private restOf({ id, text, type }: Fields): string {
    if (type !== "agentMessage") return ""
    return textOf(text).slice(id === this.messageId ? this.written : 0)
  }
}

/** A completion without its items: each was delivered already, some of them with another id. */
const withoutItems = (raw: Fields): Fields => {
  const params = fieldsOf(raw["params"])
  return { ...raw, params: { ...params, turn: { ...fieldsOf(params["turn"]), items: [] } } }
}

const startOf = (threadId: string, turnId: string, item: Fields): Fields => ({
  method: "item/started",
  params: {
    threadId,
    turnId,
    startedAtMs: Date.now(),
    item: item["type"] === "agentMessage"
      ? { ...item, text: "" }
      : "status" in item
      ? { ...item, status: "inProgress" }
      : item
  }
})

const deltaOf = (threadId: string, turnId: string, itemId: string, delta: string): Fields => ({
  method: "item/agentMessage/delta",
  params: { threadId, turnId, itemId, delta }
})

const endOf = (threadId: string, turnId: string, item: Fields): Fields => ({
  method: "item/completed",
  params: { threadId, turnId, completedAtMs: Date.now(), item }
})
