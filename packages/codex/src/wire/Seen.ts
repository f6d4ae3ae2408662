/**
 * The part of a turn that this client has received. After a lost connection it finds what a snapshot of the turn adds,
 * and filters the events that follow, so that consumers receive each item once and the exact text of each message.
 */
import * as Predicate from "effect/Predicate"
import type * as Notification from "../model/turns/Notification.ts"
import { NamedItems } from "./NamedItems.ts"

type Fields = Notification.Raw

const fieldsOf = (value: unknown): Fields => Predicate.isObject(value) ? value : {}

const textOf = (value: unknown): string => typeof value === "string" ? value : ""

export class Seen {
  /** True once a connection was lost during the turn: from then on, {@link pass} filters its events. */
  isCut = false

  /** True if usage was reported since the last cut or snapshot. */
  isMeasured = false

  /**
   * True if events arrived since the last snapshot. Then the turn had not ended: right at its start and at its end, a history reports
   * a running turn as interrupted.
   */
  isAlive = false

  /** The completion, which waits for the usage: the last report may have been missed. */
  completion: Fields | undefined

  /** True if snapshots name items as events do: from 0.169. Those that do not may also lack the latest items. */
  readonly sameIds: boolean

  /** The items, if snapshots name them differently. */
  private readonly named: NamedItems | undefined
  private readonly started = new Set<string>()
  private readonly completed = new Set<string>()
  /** The items that have started since the last cut: no piece of their texts is missing. */
  private readonly whole = new Set<string>()
  /** The message that the agent writes, and the number of its characters so far. */
  private messageId = ""
  private written = 0

  constructor(sameIds: boolean) {
    this.sameIds = sameIds
    this.named = sameIds ? undefined : new NamedItems()
  }

  /** Notes that events may be missing from here on. */
  cut(): void {
    this.isCut = true
    this.isMeasured = false
    this.isAlive = false
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
        this.named?.write(itemId, delta)
        return
      }
      case "item/started": {
        const item = fieldsOf(fieldsOf(params)["item"])
        const { id } = item
        if (typeof id !== "string") return
        this.started.add(id)
        this.named?.start(id, item)
        if (this.isCut) this.whole.add(id)
        return
      }
      case "item/completed": {
        const item = fieldsOf(fieldsOf(params)["item"])
        const { id } = item
        if (typeof id !== "string") return
        this.completed.add(id)
        this.named?.complete(id, item)
      }
    }
  }

  /** Delivers the events that a snapshot of the turn adds, without its completion. `deliver` must {@link note} each event. */
  catchUp(threadId: string, turn: Fields, deliver: (event: Fields) => void): void {
    this.isCut = false
    const turnId = textOf(turn["id"])
    const items = Array.isArray(turn["items"]) ? turn["items"].map(fieldsOf) : []
    for (const item of this.named?.named(items) ?? items) {
      const id = textOf(item["id"])
      const isRunning = item["status"] === "inProgress"
      if (this.completed.has(id)) continue
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
    const method = textOf(raw["method"])
    this.isAlive ||= method === "turn/started" || method.startsWith("item/")
    switch (method) {
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
