/**
 * The calls that a turn asks the program to answer, and whether the response that contains them is complete.
 */
import type * as Notification from "effect-codex/Notification"
import type * as Tool from "effect/ai/Tool"
import type { Draft } from "./Parts.ts"

export class Asked {
  /** The calls that wait for an answer. */
  readonly open = new Set<string>()
  private readonly raw: boolean
  private readonly seen = new Set<string>()
  /** The calls in the last response, in its order. */
  private readonly expected = new Set<string>()
  /** The parts of calls that came before others of the same response. */
  private readonly held = new Map<string, ReadonlyArray<Draft>>()
  private isComplete = false

  /** `raw`: whether the server reports each response of the model by itself. */
  constructor(raw: boolean) {
    this.raw = raw
  }

  add(event: Notification.Notification, tools: ReadonlyArray<Tool.Any>): void {
    if (event.method === "item/started" && event.params.item.type === "dynamicToolCall") {
      this.open.add(event.params.item.id)
      this.seen.add(event.params.item.id)
    }
    if (event.method === "rawResponse/completed") this.isComplete = true
    if (event.method === "rawResponseItem/completed" && event.params.item.type === "function_call") {
      const { call_id, name } = event.params.item
      // The first call of the next response.
      if (this.isComplete) this.expected.clear()
      this.isComplete = false
      if (tools.some((tool) => tool.name === name)) this.expected.add(call_id)
    }
  }

  /** Returns the parts that can follow, given those of a call: the server starts the calls of a response in any order. */
  inOrder(id: string, drafts: ReadonlyArray<Draft>): ReadonlyArray<Draft> {
    this.held.set(id, drafts)
    if (!this.expected.has(id)) return this.release(id)
    const parts: Array<Draft> = []
    for (const id of this.expected) {
      if (!this.seen.has(id)) break
      parts.push(...this.release(id))
    }
    return parts
  }

  /** Returns what still waits for other calls, which do not come any more. */
  flush(): ReadonlyArray<Draft> {
    return [...this.held.keys()].flatMap((id) => this.release(id))
  }

  private release(id: string): ReadonlyArray<Draft> {
    const drafts = this.held.get(id) ?? []
    this.held.delete(id)
    return drafts
  }

  /**
   * `"all"` if the model has spoken, and all its calls were asked; `"some"` if the turn may be waiting. Servers before 0.169
   * ask one call of a response after the other.
   */
  get state(): "none" | "some" | "all" {
    if (this.open.size === 0 || (this.raw && !this.isComplete)) return "none"
    return this.raw && [...this.expected].every((id) => this.seen.has(id)) ? "all" : "some"
  }
}
