/**
 * Skills that the server finds, in the Promise API.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as EffectSkills from "../Skills.ts"
import { iterable, promise, type SignalOptions } from "./Runner.ts"

/**
 * The skills of the server. `Input.skill` passes one to a turn.
 *
 * @category models
 */
export interface Skills {
  /** Reads the skills for each working directory, with the files that could not be read (`skills/list`). */
  readonly current: (
    options?: EffectSkills.SkillsOptions & SignalOptions
  ) => Promise<ReadonlyArray<Protocol.SkillsListEntry>>
  /**
   * Returns the skills, then the new ones after each change of their files and on each new connection. The server reports changes at
   * most every ten seconds.
   */
  readonly changes: (
    options?: EffectSkills.SkillsOptions & SignalOptions
  ) => AsyncIterable<ReadonlyArray<Protocol.SkillsListEntry>>
}

/** Returns the skills of a client. */
export const make = (skills: EffectSkills.Skills): Skills => ({
  current: ({ signal, ...options } = {}) => promise(skills.current(options), signal),
  changes: ({ signal, ...options } = {}) => iterable(skills.changes(options), signal)
})
