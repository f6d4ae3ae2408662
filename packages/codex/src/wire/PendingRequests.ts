/**
 * The requests of one client that wait for their answers, by id.
 */
import * as Exit from "effect/Exit"
import type { Message } from "../base/JsonRpc.ts"
import type { CodexConnectionError, CodexRpcError } from "../model/CodexError.ts"
import type { ServerErrors } from "./ServerErrors.ts"

/** The answer to a request: its result as it was received, or why there is none. */
export type Answer = Exit.Exit<unknown, CodexRpcError | CodexConnectionError>

/** A request that waits for its answer. */
export interface Pending {
  readonly method: string
  /** Named in errors. */
  readonly threadId?: string | undefined
  /** Runs in the reader, before the next message is looked at. */
  readonly settle: (answer: Answer) => void
}

export class PendingRequests {
  /** Ids are unique over all connections of the client. */
  private lastId = 0
  private readonly waiting = new Map<number, Pending>()
  /** Takes results that come too late. */
  private readonly late = new Map<number, (result: unknown) => void>()

  private readonly errors: ServerErrors

  constructor(errors: ServerErrors) {
    this.errors = errors
  }

  get size(): number {
    return this.waiting.size
  }

  /** How many requests have timed out whose results would still be taken. */
  get lateSize(): number {
    return this.late.size
  }

  /** Registers a request before it is written, under an id of its own. */
  expect(pending: Pending): number {
    const id = ++this.lastId
    this.waiting.set(id, pending)
    return id
  }

  /** Nobody waits for this answer any more. A result that still comes, on this connection, goes to `late`. */
  forget(id: number, late?: (result: unknown) => void): void {
    if (this.waiting.delete(id) && late !== undefined) this.late.set(id, late)
  }

  /** Takes an answer; false if nobody waits for it. */
  answer(message: Message): boolean {
    const id = message["id"]
    const error = message["error"] ?? undefined
    if (typeof id !== "number") return false
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

  /** Fails everything that waits. */
  fail(error: CodexConnectionError): void {
    for (const pending of this.waiting.values()) pending.settle(Exit.fail(error))
    this.waiting.clear()
    this.late.clear()
  }
}
