/** The log of a thread: its events as elements. */
import type * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import { element } from "./element.ts"

/** The log of one thread. */
export interface Log {
  readonly node: HTMLElement
  readonly show: (event: HostedThreads.HostedEvent) => void
  readonly note: (text: string, kind?: "note" | "failed") => void
}

/** Creates an empty log. */
export const make = (): Log => {
  const node = element("div", { className: "log", tabIndex: 0 })
  /** The elements of the items of this turn. */
  let items = new Map<string, HTMLElement>()
  /** The messages that are not complete. */
  const unfinished = new Set<string>()
  /** True between the move of a turn that was seen here and its continuation: its items are reported once more. */
  let isRepeated = false

  const add = (child: HTMLElement): HTMLElement => {
    const isAtEnd = node.scrollHeight - node.scrollTop - node.clientHeight < 40
    node.append(child)
    if (isAtEnd) node.scrollTop = node.scrollHeight
    return child
  }

  /** Shows the text of an item in its element, which is made at the first time. */
  const set = (id: string, className: string, text: (before: string) => string): void => {
    const isAtEnd = node.scrollHeight - node.scrollTop - node.clientHeight < 40
    const shown = items.get(id) ?? add(element("div", { className }))
    items.set(id, shown)
    shown.textContent = text(shown.textContent)
    if (isAtEnd) node.scrollTop = node.scrollHeight
  }

  const note: Log["note"] = (text, kind = "note") => void add(element("div", { className: kind }, text))

  const show = (event: HostedThreads.HostedEvent): void => {
    switch (event.method) {
      case "$turnStarted":
        items = new Map()
        isRepeated = false
        if (event.attempt > 1) note(`continues, attempt ${event.attempt}`)
        return
      case "$turnEnded":
        items = new Map()
        return
      case "$moved":
        note(`moved, epoch ${event.epoch}`)
        isRepeated = items.size > 0
        for (const id of unfinished) items.get(id)?.classList.replace("agent", "cut")
        unfinished.clear()
        return
      case "$missed":
        return note(`${event.count} events are gone`)
      case "item/agentMessage/delta":
        unfinished.add(event.params.itemId)
        return set(event.params.itemId, "agent", (before) => before + event.params.delta)
      case "item/started":
      case "item/completed": {
        const { item } = event.params
        if (isRepeated) return
        if (item.type === "userMessage") {
          const texts = item.content.map((part) => part.type === "text" ? part.text : `[${part.type}]`)
          // The words for the model after a failure are not the user's.
          if (!texts.join("").startsWith("Your previous turn was cut off")) set(item.id, "user", () => texts.join("\n"))
        } else if (item.type === "agentMessage" && item.text !== "") {
          unfinished.delete(item.id)
          set(item.id, "agent", () => item.text)
        } else if (item.type === "commandExecution") {
          set(item.id, "command", () => `$ ${item.command}\n${item.aggregatedOutput ?? ""}`.trimEnd())
        }
      }
    }
  }
  return { node, show, note }
}
