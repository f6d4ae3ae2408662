/**
 * The limit of requests in flight. The server queues about 128 messages and drops further ones, including its own refusals, so
 * that such a request would never get a response.
 */
import * as Effect from "effect/Effect"
import { Waiters } from "../base/Waiters.ts"

/**
 * Requests that take no slot and never wait for one: those that stay open while a command runs, those that send it input, and those
 * that end or change a turn.
 */
const unlimited: ReadonlySet<string> = new Set([
  "command/exec",
  "command/exec/resize",
  "command/exec/terminate",
  "command/exec/write",
  "mcpServer/tool/call",
  "process/kill",
  "process/resizePty",
  "process/writeStdin",
  "turn/interrupt",
  "turn/steer"
])

/** Returns true if a request of this method takes a slot. */
export const takesSlot = (method: string): boolean => !unlimited.has(method)

export class Slots {
  private readonly limit: number
  private readonly waiters = new Waiters()
  /** Requests that wait for their answer. */
  private live = 0
  /** Requests whose callers have gone, but which the server may not have read yet. */
  private unread = 0

  constructor(limit: number) {
    this.limit = limit
  }

  /** Keeps one slot free for a request whose response shows that the server has read the others. */
  private get isFull(): boolean {
    return this.live + Math.min(this.unread, this.limit - 1) >= this.limit
  }

  /** Takes a slot if one is free. */
  tryTake(): boolean {
    if (this.isFull) return false
    this.live++
    return true
  }

  /** Takes a slot when one is free: first come, first served. Waiting can be interrupted. */
  readonly take: Effect.Effect<void> = Effect.suspend(() =>
    this.tryTake() ? Effect.void : this.waiters.wait(() => this.answered())
  )

  /** Frees the slot of a request that was answered, or not sent. */
  answered(): void {
    this.live--
    this.admit()
  }

  /** Notes that the caller has gone. Returns a function that frees the slot; call it when the server has read the request. */
  abandoned(): () => void {
    this.live--
    this.unread++
    this.admit()
    return () => {
      this.unread--
      this.admit()
    }
  }

  private admit(): void {
    while (this.tryTake()) {
      if (this.waiters.grant()) continue
      this.live--
      return
    }
  }
}
