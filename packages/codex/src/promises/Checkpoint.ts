/**
 * Checkpoints of threads, in the Promise API.
 */
import type * as EffectCheckpoint from "../Checkpoint.ts"
import { promise } from "./Runner.ts"

/**
 * A point to which a thread can be returned, any number of times.
 *
 * @category models
 */
export interface Checkpoint extends Omit<EffectCheckpoint.Checkpoint, "restore"> {
  /**
   * Removes all later turns from the conversation (`thread/revert`), and puts the files back, if they belong to the checkpoint: both
   * or neither. Rejects with `CheckpointError` and reason `UnsavedFiles` if files have changes that are stored nowhere.
   */
  readonly restore: (options?: EffectCheckpoint.RestoreOptions) => Promise<EffectCheckpoint.Restored>
}

/** Returns a checkpoint of the Promise API. */
export const make = ({ restore, ...checkpoint }: EffectCheckpoint.Checkpoint): Checkpoint => ({
  ...checkpoint,
  restore: (options) => promise(restore(options))
})
