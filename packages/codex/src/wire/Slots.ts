/**
 * The limit of requests in flight. The server queues about 128 messages and drops further ones, including its own refusals, so
 * that such a request would never get a response.
 */
import * as Effect from "effect/Effect"
import { Waiters } from "../base/Waiters.ts"

/**
 * Requests that stay open for as long as something runs, those that feed it, and those that end or change a turn: they are in
 * flight besides the others, and never wait for them.
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

/** Whether a request of this method takes a slot. */
export const takesSlot = (method: string): boolean => !unlimited.has(method)

export class Slots {
  private readonly limit: number
  private readonly waiters = new Waiters()
  /** Requests that wait for their answer. */
  private live = 0
  /** Requests that nobody waits for any more, but which the server may not have read: their bytes are still ours. */
  private unread = 0

  constructor(limit: number) {
    this.limit = limit
  }

  /** One slot is always left for a request whose answer shows that the server has read the others. */
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

  /** Nobody waits for the answer any more. Returns a function that frees the slot, for when the server has read the request. */
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
