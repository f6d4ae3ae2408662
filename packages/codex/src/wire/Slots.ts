/**
 * The limit of requests in flight. The server queues about 128 messages and drops further ones, including its own refusals, so
 * that such a request would never get a response.
 */
import * as Effect from "effect/Effect"
import { Waiters } from "../base/Waiters.ts"

/**
 * Requests that stay open while something runs, those that send it input, and those that end or change a turn. They are in flight
 * besides the others and never wait for their responses. Only {@link maxUnread} of them are sent before the server has read them.
 */
const open: ReadonlySet<string> = new Set([
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

/** The number of such requests that may be sent before the server has read them. */
const maxUnread = 16

/** The slots of one client. */
export class AllSlots {
  private readonly limited: Slots
  private readonly open: Slots
  private isProving = false

  /**
   * `prove` sends a request that the server answers at once. Its answer shows that the server has read those before, which may
   * stay open: without it, the next one would wait for the end of one of them.
   */
  constructor(limit: number, prove: Effect.Effect<void>, fork: (effect: Effect.Effect<void>) => void) {
    this.limited = new Slots(limit)
    this.open = new Slots(maxUnread, {
      onWait: () => {
        if (this.isProving) return
        this.isProving = true
        fork(Effect.ensuring(
          prove,
          Effect.sync(() => {
            this.isProving = false
            this.open.remind()
          })
        ))
      }
    })
  }

  /** Returns the slots that a request of this method takes one of. */
  of(method: string): Slots {
    return open.has(method) ? this.open : this.limited
  }
}

export class Slots {
  private readonly limit: number
  private readonly waiters = new Waiters()
  /** Requests that wait for their answer. */
  private live = 0
  /** Requests whose callers have gone, but which the server may not have read yet. */
  private unread = 0

  private readonly onWait: (() => void) | undefined

  /** With `onWait`, which runs when a request has to wait, a slot is free again when the server has read its request. */
  constructor(limit: number, { onWait }: { readonly onWait?: () => void } = {}) {
    this.limit = limit
    this.onWait = onWait
  }

  /** True if a request frees its slot when the server has read it, before it is answered. */
  get untilRead(): boolean {
    return this.onWait !== undefined
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
  readonly take: Effect.Effect<void> = Effect.suspend(() => {
    if (this.tryTake()) return Effect.void
    this.onWait?.()
    return this.waiters.wait(() => this.answered())
  })

  /** Calls `onWait` again if requests still wait. */
  remind(): void {
    if (this.waiters.size > 0) this.onWait?.()
  }

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
