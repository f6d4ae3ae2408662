/**
 * The requests of one client that wait for their responses, by id.
 */
import * as Exit from "effect/Exit"
import type { Message } from "../base/JsonRpc.ts"
import type { CodexConnectionError, CodexRpcError } from "../model/errors/CodexError.ts"
import type { ServerErrors } from "./ServerErrors.ts"

/** The answer to a request: its result as it was received, or the error. */
export type Answer = Exit.Exit<unknown, CodexRpcError | CodexConnectionError>

/** A request that waits for its answer. */
export interface Pending {
  readonly method: string
  /** Named in errors. */
  readonly threadId?: string | undefined
  /** Runs in the reader, before the next message. */
  readonly settle: (answer: Answer) => void
}

/** Callbacks for a request whose caller has gone. */
export interface Forgotten {
  /** Takes a result that still comes, on this connection. */
  readonly late?: ((result: unknown) => void) | undefined
  /** Runs when the server has shown that it has read the request: it answered this one or a later one, or is gone. */
  readonly read?: (() => void) | undefined
}

/** The number of timed-out requests that are remembered because their results would still be used. */
const maxLate = 256

/** The waiting requests, and those that are remembered although their callers have gone. */
export class PendingRequests {
  /** Ids are unique over all connections of the client. */
  private lastId = 0
  /** The latest request that the server is known to have read. */
  private lastRead = 0
  private readonly waiting = new Map<number, Pending>()
  /** Receivers of results that arrive too late: the latest {@link maxLate}. */
  private readonly late = new Map<number, (result: unknown) => void>()
  /** Runs when the server has shown that it has read a request whose caller has gone. */
  private readonly unread = new Map<number, () => void>()

  private readonly errors: ServerErrors

  constructor(errors: ServerErrors) {
    this.errors = errors
  }

  get size(): number {
    return this.waiting.size
  }

  /** The number of timed-out requests whose results would still be used. */
  get lateSize(): number {
    return this.late.size
  }

  /** Registers a request before it is written, and returns its id. */
  expect(pending: Pending): number {
    const id = ++this.lastId
    this.waiting.set(id, pending)
    return id
  }

  /** Calls back when the server has shown that it has read a request: at once if it has. */
  whenRead(id: number, read: () => void): void {
    if (id <= this.lastRead) read()
    else this.unread.set(id, read)
  }

  /** Removes a request whose caller has gone. */
  forget(id: number, { late, read }: Forgotten = {}): void {
    if (!this.waiting.delete(id)) return
    if (read !== undefined) this.whenRead(id, read)
    if (late === undefined) return
    this.late.set(id, late)
    for (const oldest of this.late.keys()) {
      if (this.late.size <= maxLate) break
      this.late.delete(oldest)
    }
  }

  /** Accepts a response. Returns false if no request waits for it. */
  answer(message: Message): boolean {
    const id = message["id"]
    const error = message["error"] ?? undefined
    if (typeof id !== "number" || !(id <= this.lastId)) return false
    this.readUpTo(id)
    const pending = this.waiting.get(id)
    if (pending !== undefined) {
      this.waiting.delete(id)
      try {
        pending.settle(
          error === undefined ? Exit.succeed(message["result"]) : Exit.fail(this.errors.rpc(pending, error))
        )
      } catch (defect) {
        // One answer that cannot be handled fails its request, and nothing else.
        pending.settle(Exit.die(defect))
      }
      return true
    }
    const late = this.late.get(id)
    if (late !== undefined) {
      this.late.delete(id)
      if (error === undefined) late(message["result"])
    }
    return false
  }

  /** Fails all waiting requests. */
  fail(error: CodexConnectionError): void {
    // Settling a request resumes its caller at once, so the maps must be empty by then.
    const waiting = Array.from(this.waiting.values())
    this.waiting.clear()
    this.late.clear()
    for (const pending of waiting) pending.settle(Exit.fail(error))
    this.readUpTo(this.lastId)
  }

  /** Notes that the server has read a request, and all before it: it reads them in the order in which they were written. */
  private readUpTo(id: number): void {
    if (id > this.lastRead) this.lastRead = id
    if (this.unread.size === 0) return
    for (const [before, read] of this.unread) {
      if (before > id) continue
      this.unread.delete(before)
      read()
    }
  }
}
