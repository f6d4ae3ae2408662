/**
 * Checkpoints: points of a conversation, and optionally of its files, to which a thread can be returned.
 */
import * as Effect from "effect/Effect"
import type { Services } from "./capabilities/Services.ts"
import { check } from "./model/errors/check.ts"
import {
  CheckpointError,
  InvalidInputError,
  type ThreadBusyError,
  type ThreadError
} from "./model/errors/CodexError.ts"
import * as optionChecks from "./options/checks.ts"
import { supportedMethod } from "./options/supported.ts"
import { gated } from "./wire/gated.ts"
import * as WorkTree from "./wire/WorkTree.ts"

/**
 * Options of `thread.checkpoint`.
 *
 * @category models
 */
export interface CheckpointOptions {
  /**
   * Whether the files of the git work tree belong to the checkpoint: all of them except ignored ones, in the whole work tree that
   * contains the thread's directory. Default: false.
   */
  readonly files?: boolean | undefined
  /** The behaviour while a turn of the thread runs: `"wait"` for its end, or `"fail"` with `ThreadBusyError`. Default: `"wait"`. */
  readonly whenBusy?: "wait" | "fail" | undefined
}

/**
 * Options of `restore`.
 *
 * @category models
 */
export interface RestoreOptions {
  /**
   * The behaviour if the files have changes that are in no commit of the branch and in no checkpoint of the thread: `"fail"` with
   * `CheckpointError` and reason `UnsavedFiles`, or `"save"` them below a ref first. Default: `"fail"`.
   */
  readonly unsaved?: "fail" | "save" | undefined
  /** As in {@link CheckpointOptions}. */
  readonly whenBusy?: "wait" | "fail" | undefined
}

/**
 * The result of `restore`.
 *
 * @category models
 */
export interface Restored {
  /** The ref of the commit that holds the files as they were before. Undefined if everything was stored already. */
  readonly saved: string | undefined
}

/**
 * A point to which a thread can be returned, any number of times.
 *
 * @category models
 */
export interface Checkpoint {
  readonly threadId: string
  /** The last turn before the point. Null if there was none. */
  readonly turnId: string | null
  /** The ref of the commit with the files. Undefined without `files`. It stays until you delete it (`git update-ref -d`). */
  readonly ref: string | undefined
  /**
   * Removes all later turns from the conversation (`thread/revert`), and puts the files back, if they belong to the checkpoint: both
   * or neither. An interruption waits for its end. Leaves files outside the work tree, ignored files and the contents of
   * submodules unchanged.
   */
  readonly restore: (
    options?: RestoreOptions
  ) => Effect.Effect<Restored, ThreadError | ThreadBusyError | CheckpointError>
}

/** @internal Returns the function that makes checkpoints of one thread. */
export const make = (
  { client, router }: Services,
  threadId: string
) => {
  const request = gated(client)

  /** Reads a page of turns, the latest first. */
  const latest = (limit: number, cursor: string | null) =>
    request("thread/turns/list", { threadId, limit, cursor, sortDirection: "desc" })

  const read = Effect.map(client.request("thread/read", { threadId }), ({ thread }) => thread)

  /** Returns the id of the last turn. The server refuses to list the turns of a thread that never had one. */
  const lastTurn = latest(1, null).pipe(
    Effect.map(({ data }) => data[0]?.id ?? null),
    Effect.catchTag(
      "CodexRpcError",
      (error) => Effect.flatMap(read, ({ preview }) => preview === "" ? Effect.succeed(null) : Effect.fail(error))
    )
  )

  /** Returns the first turn after another one, or null if there is none. */
  const firstAfter = (
    turnId: string | null,
    found: string | null = null,
    cursor: string | null = null
  ): Effect.Effect<string | null, ThreadError | CheckpointError> =>
    Effect.flatMap(latest(pageSize, cursor), ({ data, nextCursor = null }) => {
      const index = data.findIndex(({ id }) => id === turnId)
      const later = index < 0 ? data : data.slice(0, index)
      const first = later.at(-1)?.id ?? found
      if (index >= 0 || (nextCursor === null && turnId === null)) return Effect.succeed(first)
      if (nextCursor === null) {
        return Effect.fail(new CheckpointError({ threadId, reason: { _tag: "NotInHistory" } }))
      }
      return firstAfter(turnId, first, nextCursor)
    })

  const directory = Effect.suspend(() => {
    const known = router.family.get(threadId)?.settings?.cwd
    return known === undefined
      ? Effect.map(read, ({ cwd }) => cwd)
      : Effect.succeed(known)
  })

  const revert = (beforeTurnId: string | null) =>
    beforeTurnId === null ? Effect.void : Effect.asVoid(request("thread/revert", { threadId, beforeTurnId }))

  const restore = (
    turnId: string | null,
    files: WorkTree.Snapshot | undefined,
    unsaved: "fail" | "save"
  ): Effect.Effect<Restored, ThreadError | CheckpointError> =>
    Effect.gen(function*() {
      const next = (yield* lastTurn) === turnId ? null : yield* firstAfter(turnId)
      if (files === undefined) return yield* Effect.as(Effect.uninterruptible(revert(next)), { saved: undefined })
      const saved = yield* WorkTree.make(client, threadId, files.root).restore(files, unsaved, revert(next))
      return { saved }
    })

  return (
    options: CheckpointOptions = {}
  ): Effect.Effect<Checkpoint, ThreadError | ThreadBusyError | CheckpointError> =>
    Effect.gen(function*() {
      yield* check(options, optionChecks.checkpoint)
      const { files = false, whenBusy = "wait" } = options
      yield* supportedMethod("thread/revert", client.metadata.serverVersion)
      const { saved, turnId } = yield* client.turns.exclusively(
        threadId,
        whenBusy,
        Effect.gen(function*() {
          const { ephemeral, historyMode } = yield* read
          if (ephemeral || historyMode === "legacy") {
            const kind = ephemeral ? "an ephemeral thread" : "a thread with `historyMode: \"legacy\"`"
            return yield* new InvalidInputError({
              field: "threadId",
              detail: `the server does not revert ${kind}, such as ${threadId}`
            })
          }
          const turnId = yield* lastTurn
          return { turnId, saved: files ? yield* WorkTree.make(client, threadId, yield* directory).save : undefined }
        })
      )
      return {
        threadId,
        turnId,
        ref: saved?.ref,
        restore: (options = {}) =>
          Effect.andThen(check(options, optionChecks.restore), () =>
            client.turns.exclusively(
              threadId,
              options.whenBusy ?? "wait",
              restore(turnId, saved, options.unsaved ?? "fail")
            ))
      }
    })
}

/** The number of turns on a page. */
const pageSize = 50
