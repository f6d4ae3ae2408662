/**
 * Errors of hosted threads, in addition to those of the SDK.
 */
import * as Protocol from "@effect-codex/protocol/Protocol"
import { CodexError } from "effect-codex/CodexError"
import * as Schema from "effect/Schema"

const name = (thread: string): string => JSON.stringify(thread)

/**
 * A turn that a failure cut off: its runner or its app-server ended in the middle of it, and nobody interrupted it.
 *
 * A run fails with this error if it has `onCutOff: "fail"`, or if its turn was cut off in every attempt. The thread holds the
 * completed items; commands that were running may have had effects. To continue, start a new run with a new key.
 *
 * @category errors
 */
export class TurnCutOffError extends Schema.TaggedError<TurnCutOffError>("@effect-codex/cluster/TurnCutOffError")(
  "TurnCutOffError",
  {
    /** The name of the thread. */
    thread: Schema.String,
    /** The key of the run. */
    turnKey: Schema.String,
    /** Codex's id of the thread. */
    threadId: Schema.String,
    /** Codex's id of the turn that was cut off last. */
    turnId: Schema.String,
    /** The number of turns that were started for this key. */
    attempts: Schema.Number,
    /** The items that the last turn had completed. Printing the error does not show them. */
    items: Schema.Array(Protocol.ThreadItem)
  }
) {
  override get message(): string {
    const run = `${JSON.stringify(this.turnKey)} on the thread ${name(this.thread)}`
    const after = `after ${this.items.length} completed items`
    const cut = this.attempts === 1
      ? `The turn ${this.turnId} of ${run} was cut off by a failure of its runner or app-server ${after}.`
      : `All ${this.attempts} turns of ${run} were cut off by failures of their runner or app-server, the last (${this.turnId}) ${after}.`
    return `${cut} Read the thread to see what was done, then run it again with a new turnKey, or use onCutOff: "continue".`
  }

  override toJSON(): object {
    const { _tag, attempts, message, thread, threadId, turnId, turnKey } = this
    return { _tag, message, thread, turnKey, threadId, turnId, attempts }
  }
}

/**
 * Reasons why a thread cannot be reached.
 *
 * - `LockedElsewhere`: another program, such as the Codex CLI, has the thread open.
 * - `MailboxFull`: its runner has too many waiting requests.
 * - `Storage`: the cluster's database failed, so the request was not accepted.
 * - `Unreachable`: no runner, or no gateway, answered. A run may have been accepted: send it again with the same key.
 * - `NotRunning`: the thread has no running turn to steer or to interrupt.
 * - `Refused`: the gateway does not let this client use the thread.
 *
 * @category errors
 */
export type UnavailableReason = typeof UnavailableReason.Type
/** The Schema of {@link UnavailableReason}. */
export const UnavailableReason = Schema.Literals([
  "LockedElsewhere",
  "MailboxFull",
  "Storage",
  "Unreachable",
  "NotRunning",
  "Refused"
])

const explanations: { readonly [R in UnavailableReason]: string } = {
  LockedElsewhere: "another program has it open. Close it there, then run again with a new turnKey",
  MailboxFull: "its runner has too many waiting requests. Try again later with the same turnKey",
  Storage: "the database of the cluster failed. Try again later with the same turnKey",
  Unreachable: "no runner answered. Try again with the same turnKey: an accepted run is not started twice",
  NotRunning: "no turn is running. Start one with run",
  Refused: "the gateway does not let this client use it"
}

/**
 * A thread that cannot be reached or used now.
 *
 * @category errors
 */
export class ThreadUnavailableError
  extends Schema.TaggedError<ThreadUnavailableError>("@effect-codex/cluster/ThreadUnavailableError")(
    "ThreadUnavailableError",
    {
      /** The name of the thread. */
      thread: Schema.String,
      reason: UnavailableReason,
      /** More about the reason, if there is more. */
      detail: Schema.optionalKey(Schema.String)
    }
  )
{
  override get message(): string {
    const detail = this.detail === undefined ? "" : ` (${this.detail})`
    return `The thread ${name(this.thread)} is unavailable${detail}: ${explanations[this.reason]}.`
  }

  /** True if the same call may succeed later. */
  get isRetryable(): boolean {
    return this.reason === "MailboxFull" || this.reason === "Storage" || this.reason === "Unreachable"
  }
}

/** The Schema of everything that a call on a hosted thread can fail with. */
export const HostedError = Schema.Union([...CodexError.members, TurnCutOffError, ThreadUnavailableError])

/** Anything that a call on a hosted thread can fail with. */
export type HostedError = typeof HostedError.Type
