/**
 * Skills that the server finds: instructions in files called SKILL.md. `codex.skills` reads them, and `Input.skill` passes one to a
 * turn.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { Codex, Input, type Thread } from "effect-codex"
 *
 * const review = (thread: Thread.Thread) =>
 *   Effect.gen(function*() {
 *     const codex = yield* Codex.Codex
 *     const found = (yield* codex.skills.current()).flatMap(({ skills }) => skills)
 *     const skill = found.find(({ name }) => name === "review")
 *     return yield* thread.run(skill === undefined ? "Review." : [Input.skill(skill.name, skill.path), "Review."])
 *   })
 * ```
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import { anything, type Checks, flag } from "./base/options.ts"
import type { Services } from "./capabilities/Services.ts"
import { check } from "./model/errors/check.ts"
import type { RequestError } from "./model/errors/CodexError.ts"
import { changes, outdated } from "./wire/changes.ts"

/**
 * Options of reading skills.
 *
 * @category models
 */
export interface SkillsOptions {
  /** The working directories for which to look. Default: that of the server. */
  readonly cwds?: ReadonlyArray<string> | undefined
  /** Whether the server looks again, and does not answer from its cache. Default: false. */
  readonly forceReload?: boolean | undefined
}

/**
 * The skills of the server.
 *
 * @category models
 */
export interface Skills {
  /** Reads the skills for each working directory, with the files that could not be read (`skills/list`). */
  readonly current: (
    options?: SkillsOptions
  ) => Effect.Effect<ReadonlyArray<Protocol.SkillsListEntry>, RequestError>
  /**
   * Emits the skills, then the new ones after each change of their files (`skills/changed`) and on each new connection. The server
   * watches the directories of the user, and those of the threads that it has loaded; it reports changes at most every ten seconds.
   * Fails when no other connection follows.
   */
  readonly changes: (
    options?: SkillsOptions
  ) => Stream.Stream<ReadonlyArray<Protocol.SkillsListEntry>, RequestError>
}

const optionChecks: Checks<SkillsOptions> = { cwds: anything, forceReload: flag }

/** @internal The skills of a client. */
export const make = (services: Services): Skills => {
  const current = (options: SkillsOptions = {}) =>
    Effect.andThen(
      check(options, optionChecks),
      Effect.map(services.client.request("skills/list", options), ({ data }) => data)
    )
  return {
    current,
    changes: (options) =>
      changes(services, {
        read: current(options),
        next: (_, { method }) => method === "skills/changed" ? outdated : undefined
      })
  }
}
