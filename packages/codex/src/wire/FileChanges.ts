/**
 * File changes that are in progress, by their items: the server asks for their approval by the id of the item alone.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Schemas from "@effect-codex/protocol/Schemas"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

type Changes = ReadonlyArray<Protocol.FileUpdateChange>

const isChanges = Schema.is(Schema.Array(Schema.suspend(Schemas.FileUpdateChange)))

/** The largest number of items that are kept: an interrupted turn may not report the end of its items. */
const maxItems = 256

export class FileChanges {
  private readonly items = new Map<string, Changes>()

  /** Records the start or the end of an item. Runs in the reader. */
  observe(threadId: string, method: "item/started" | "item/completed", item: unknown): void {
    if (!Predicate.isObject(item) || item["type"] !== "fileChange" || typeof item["id"] !== "string") return
    const key = keyOf(threadId, item["id"])
    this.items.delete(key)
    const changes = item["changes"]
    if (method === "item/completed" || !isChanges(changes)) return
    this.items.set(key, changes)
    for (const oldest of this.items.keys()) {
      if (this.items.size <= maxItems) break
      this.items.delete(oldest)
    }
  }

  /** Returns the changes of an item in progress. */
  get(threadId: string | undefined, itemId: string | undefined): Changes | undefined {
    return threadId === undefined || itemId === undefined ? undefined : this.items.get(keyOf(threadId, itemId))
  }

  /** Forgets all: the connection is lost, and the turns with it. */
  clear(): void {
    this.items.clear()
  }
}

const keyOf = (threadId: string, itemId: string): string => JSON.stringify([threadId, itemId])
