/**
 * The contract of the index of hosted threads.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/**
 * A failure of the index: of its database, or of a row that is not what it should be.
 *
 * @category errors
 */
export class ThreadIndexError extends Schema.TaggedError<ThreadIndexError>("@effect-codex/cluster/ThreadIndexError")(
  "ThreadIndexError",
  {
    /** The operation that failed. */
    operation: Schema.String,
    /** The error underneath. */
    cause: Schema.optionalKey(Schema.Defect())
  }
) {
  override get message(): string {
    return `Hosted threads could not use their database (${this.operation}).`
  }
}

/**
 * The progress of a thread, as far as it decides whether its file must exist:
 *
 * - `new`: it never began a turn, so it has no file.
 * - `beginning`: its first turn may have begun.
 * - `begun`: its first turn has ended, so it has a file.
 *
 * @category models
 */
export type Progress = "new" | "beginning" | "begun"

/**
 * The record of a thread in the index.
 *
 * @category models
 */
export interface IndexedThread {
  /** The name of the thread. */
  readonly name: string
  /** Codex's id of the thread; null until it was made. */
  readonly threadId: string | null
  /** How often the thread was opened. */
  readonly epoch: number
  /** The runner that holds the thread, as `host:port`; null if the last one has released it. */
  readonly owner: string | null
  readonly progress: Progress
}

/**
 * The index of hosted threads: which Codex thread belongs to a name, who holds it, and which interrupts were asked for. Small and
 * durable; the conversations themselves are Codex's files.
 *
 * @category services
 */
export class ThreadIndex extends Context.Service<ThreadIndex, {
  /** Returns the record of a thread, or undefined for an unknown name. */
  readonly get: (name: string) => Effect.Effect<IndexedThread | undefined, ThreadIndexError>
  /** Begins a new epoch of a thread, with a new owner. Returns the thread with the new epoch and the owner before. */
  readonly open: (name: string, owner: string) => Effect.Effect<IndexedThread, ThreadIndexError>
  /**
   * Records the Codex thread of a name, or its progress. Returns false, and records nothing, if the thread has a newer epoch: then
   * another runner has opened it.
   */
  readonly record: (
    name: string,
    epoch: number,
    change: { readonly threadId?: string; readonly progress?: Progress }
  ) => Effect.Effect<boolean, ThreadIndexError>
  /** Records that the owner of an epoch has released the thread. */
  readonly release: (name: string, epoch: number) => Effect.Effect<void, ThreadIndexError>
  /** Records that the turn of a key is to be interrupted. */
  readonly want: (name: string, turnKey: string) => Effect.Effect<void, ThreadIndexError>
  /** Returns the keys whose turns are to be interrupted. */
  readonly wanted: (name: string) => Effect.Effect<ReadonlyArray<string>, ThreadIndexError>
  /** Records runs whose answers are about to be deleted from the cluster's storage: their keys stay known. */
  readonly retire: (
    runs: ReadonlyArray<{ readonly name: string; readonly turnKey: string }>
  ) => Effect.Effect<void, ThreadIndexError>
  /** Returns whether the answer of a run may have been deleted, so that only the history of the thread knows it. */
  readonly isRetired: (name: string, turnKey: string) => Effect.Effect<boolean, ThreadIndexError>
  /**
   * Forgets the Codex thread of a name, its interrupts and its retired runs. The old file stays, and the epochs go on. The next
   * opening starts a new Codex thread: at once, if a runner waits for the old one; not before it is released, if a runner has it
   * open.
   */
  readonly forget: (name: string) => Effect.Effect<void, ThreadIndexError>
}>()("@effect-codex/cluster/ThreadIndex") {}
