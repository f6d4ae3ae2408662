/**
 * Hooks and their runs, in the Promise API.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as EffectHooks from "../Hooks.ts"
import { iterable, promise, type SignalOptions } from "./Runner.ts"

/**
 * The hooks of the server.
 *
 * @category models
 */
export interface Hooks {
  /** Lists the configured hooks for each working directory, with warnings and errors (`hooks/list`). */
  readonly list: (
    options?: EffectHooks.HooksOptions & SignalOptions
  ) => Promise<ReadonlyArray<Protocol.HooksListEntry>>
  /** The runs of hooks on all threads, from the moment a loop begins. Those between two connections are missing. */
  readonly runs: AsyncIterable<EffectHooks.HookRun>
}

/** Returns the hooks of a client. */
export const make = ({ list, runs }: EffectHooks.Hooks): Hooks => ({
  list: ({ signal, ...options } = {}) => promise(list(options), signal),
  runs: iterable(runs)
})
