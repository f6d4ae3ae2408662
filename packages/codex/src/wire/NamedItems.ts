/**
 * The items of a turn that this client has received, to recognize them in a snapshot of a server before 0.169. Its snapshots of a
 * running turn name messages `item-1`, `item-2` and so on, by their position in the history, and tool calls as events do. From 0.151,
 * those of a completed turn have the ids of events.
 */
import * as Predicate from "effect/Predicate"
import type * as Notification from "../model/turns/Notification.ts"

type Fields = Notification.Raw

interface Known {
  readonly id: string
  readonly type: unknown
  /** The content so far. */
  content: string
  isComplete: boolean
}

export class NamedItems {
  private readonly items = new Map<string, Known>()

  start(id: string, item: Fields): void {
    this.items.set(id, { id, type: item["type"], content: contentOf(item), isComplete: false })
  }

  write(id: string, delta: string): void {
    const known = this.items.get(id)
    if (known !== undefined) known.content += delta
  }

  complete(id: string, item: Fields): void {
    const known = this.items.get(id)
    if (known === undefined) return
    known.content = contentOf(item)
    known.isComplete = true
  }

  /**
   * Returns the items of a snapshot with the ids of those that were received, and unused ids for the others. A running item whose id
   * is not known is left out: its completion names it.
   */
  named(snapshot: ReadonlyArray<Fields>): ReadonlyArray<Fields> {
    const unmatched = new Set(this.items.values())
    for (const { id } of snapshot) {
      const known = typeof id === "string" && !isPosition(id) ? this.items.get(id) : undefined
      if (known !== undefined) unmatched.delete(known)
    }
    return snapshot.flatMap((item) => {
      const { id } = item
      if (typeof id !== "string") return []
      if (!isPosition(id) && this.items.has(id)) return [item]
      for (const known of unmatched) {
        if (!(isPosition(id) || isPosition(known.id)) || !isSame(known, item)) continue
        unmatched.delete(known)
        return [{ ...item, id: known.id }]
      }
      if (!isPosition(id)) return [item]
      return item["status"] === "inProgress" ? [] : [{ ...item, id: this.unused(id) }]
    })
  }

  /** Returns an id that no item has: positions change when the server leaves out an item later. */
  private unused(id: string): string {
    let free = id
    for (let count = 2; this.items.has(free); count++) free = `${id}-${count}`
    return free
  }
}

/** Returns true for an id that is a position in a history, also if {@link NamedItems} made it unique. */
const isPosition = (id: string): boolean => /^item-\d+(-\d+)?$/.test(id)

/** Returns true for a completed turn in a history without tool calls: servers before 0.151 keep the messages alone. */
export const keepsMessagesOnly = (items: ReadonlyArray<unknown>): boolean =>
  items.some((item) => Predicate.isObject(item) && Predicate.isString(item["id"]) && isPosition(item["id"]))

/**
 * Messages are compared by their contents, because snapshots may lack some and events others. Other items are in the same order in
 * both.
 */
const isSame = ({ content, isComplete, type }: Known, item: Fields): boolean => {
  if (type !== item["type"]) return false
  switch (type) {
    case "userMessage":
      return content === contentOf(item)
    case "agentMessage":
      return isComplete ? contentOf(item) === content : contentOf(item).startsWith(content)
    default:
      return true
  }
}

const contentOf = ({ clientId, content, text, type }: Fields): string =>
  type === "agentMessage"
    ? Predicate.isString(text) ? text : ""
    : type === "userMessage"
    ? Predicate.isString(clientId) ? clientId : JSON.stringify(content)
    : ""
