/**
 * Errors of threads: a busy one, its queue and its checkpoints.
 */
import * as Schema from "effect/Schema"
import { printable } from "../../base/printable.ts"
import { PrintedError } from "../../base/PrintedError.ts"
import * as messages from "./errorMessages.ts"
import { CheckpointReason } from "./errorReasons.ts"

/**
 * A thread with a running turn, when the caller chose not to wait (`whenBusy: "fail"`). Nothing was sent, unless `turnId` is set.
 *
 * @category errors
 */
export class ThreadBusyError extends PrintedError.extend<ThreadBusyError>("effect-codex/ThreadBusyError")({
  _tag: Schema.tag("ThreadBusyError"),
  /** The busy thread. */
  threadId: Schema.String,
  /** The turn to which the server has added the input, because another client started it at the same moment. */
  turnId: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return messages.threadBusy(this)
  }
}

/**
 * Input that left the queue of its thread without a turn, because it was removed, or because the thread was closed, archived or
 * deleted.
 *
 * @category errors
 */
export class QueuedTurnRemovedError
  extends PrintedError.extend<QueuedTurnRemovedError>("effect-codex/QueuedTurnRemovedError")({
    _tag: Schema.tag("QueuedTurnRemovedError"),
    /** The thread of the queue. */
    threadId: Schema.String,
    /** The id of the queued turn. */
    queuedTurnId: Schema.String
  })
{
  override get message(): string {
    return printable(
      `Queued turn ${this.queuedTurnId} of thread ${this.threadId} left the queue before it started. `
        + "Add its input again if it is still needed."
    )
  }
}

/**
 * A checkpoint that could not be made or restored. Neither the conversation nor the files were changed.
 *
 * @category errors
 */
export class CheckpointError extends PrintedError.extend<CheckpointError>("effect-codex/CheckpointError")({
  _tag: Schema.tag("CheckpointError"),
  /** The thread of the checkpoint. */
  threadId: Schema.String,
  /** The reason why it was prevented. */
  reason: CheckpointReason
}) {
  override get message(): string {
    return printable(checkpointMessage(this.threadId, this.reason))
  }
}

/** At most so many files are listed in a message; the field has all. */
const maxListed = 20

const checkpointMessage = (threadId: string, reason: CheckpointReason): string => {
  switch (reason._tag) {
    case "NotARepository":
      return `Thread ${threadId} works in ${reason.directory}, which is in no git work tree. `
        + "Run `git init` there, or make the checkpoint without `files`."
    case "UnsavedFiles": {
      const more = reason.files.length - maxListed
      return `Restoring the checkpoint would discard changes of ${
        reason.files.length === 1 ? "1 file" : `${reason.files.length} files`
      } of thread ${threadId}, `
        + `which are in no commit and no checkpoint: ${reason.files.slice(0, maxListed).join(", ")}`
        + `${more > 0 ? ` and ${more} more` : ""}. Commit them, or restore with \`unsaved: "save"\`.`
    }
    case "NotInHistory":
      return `The conversation of thread ${threadId} does not contain this checkpoint any more, `
        + "because the thread was reverted to an earlier one."
    case "GitFailed":
      return `Git failed for a checkpoint of thread ${threadId}: ${reason.detail}`
  }
}
