/**
 * Background terminals of threads, in the Promise API.
 */
import type * as EffectTerminals from "../BackgroundTerminals.ts"
import { iterable, promise, type SignalOptions } from "./Runner.ts"

/**
 * The background terminals of a thread: commands of the agent that run on after it has stopped waiting for them. Requires Codex 0.140 or later.
 *
 * @category models
 */
export interface BackgroundTerminals {
  /** Returns the commands that run now, in no order (`thread/backgroundTerminals/list`). */
  readonly current: () => Promise<ReadonlyArray<EffectTerminals.BackgroundTerminal>>
  /** The commands that run now, then the new list each time a command starts or ends, and on each new connection. */
  readonly changes: AsyncIterable<ReadonlyArray<EffectTerminals.BackgroundTerminal>>
  /** Stops one command (`thread/backgroundTerminals/terminate`). Returns false if it does not run any more. */
  readonly stop: (processId: string) => Promise<boolean>
  /** Stops every command (`thread/backgroundTerminals/clean`). */
  readonly stopAll: () => Promise<void>
  /** Waits until no command runs. Returns at once if none does. */
  readonly settled: (options?: SignalOptions) => Promise<void>
}

/** Returns the background terminals of a thread. */
export const make = (terminals: EffectTerminals.BackgroundTerminals): BackgroundTerminals => ({
  current: () => promise(terminals.current),
  changes: iterable(terminals.changes),
  stop: (processId) => promise(terminals.stop(processId)),
  stopAll: () => promise(terminals.stopAll),
  settled: ({ signal } = {}) => promise(terminals.settled, signal)
})
