/**
 * Hooks: commands of the user's configuration that the server runs at certain points, such as before a tool call. `codex.hooks`
 * lists them, and reports their runs.
 *
 * The runs of a turn's hooks are also among its events: `hook/started` and `hook/completed`.
 *
 * @example
 * ```ts
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import { Codex } from "effect-codex"
 *
 * const program = Effect.gen(function*() {
 *   const codex = yield* Codex.Codex
 *   yield* codex.hooks.runs.pipe(
 *     Stream.runForEach(({ params: { run } }) => Console.log(`${run.eventName}: ${run.status}`))
 *   )
 * })
 * ```
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { anything, type Checks } from "./base/options.ts"
import type { Services } from "./capabilities/Services.ts"
import { check } from "./model/errors/check.ts"
import type { CodexConnectionError, RequestError, UnsupportedByServerError } from "./model/errors/CodexError.ts"
import type * as Notification from "./model/turns/Notification.ts"
import { supported } from "./options/supported.ts"
import { onAnyConnection } from "./wire/changes.ts"

/**
 * The start or the end of a hook's run. `params.run` has its event, its status and its output; `params.threadId` and
 * `params.turnId` name the thread and the turn for which it runs.
 *
 * @category models
 */
export type HookRun = Extract<Notification.Notification, { readonly method: "hook/started" | "hook/completed" }>

/**
 * Options of listing hooks.
 *
 * @category models
 */
export interface HooksOptions {
  /** The working directories for which to look. Default: that of the server. */
  readonly cwds?: ReadonlyArray<string> | undefined
  /** A loaded thread whose hooks are listed, in place of `cwds`. Requires Codex 0.169 or later. */
  readonly threadId?: string | undefined
}

/**
 * The hooks of the server.
 *
 * @category models
 */
export interface Hooks {
  /**
   * Lists the configured hooks for each working directory, with warnings and errors (`hooks/list`). The server runs a hook only if
   * its `trustStatus` is `"trusted"` or `"managed"`.
   */
  readonly list: (
    options?: HooksOptions
  ) => Effect.Effect<ReadonlyArray<Protocol.HooksListEntry>, RequestError | UnsupportedByServerError>
  /**
   * The runs of hooks on all threads, from the moment the stream is run. Continues on the next connection, without the
   * runs in between. Fails when no other connection follows.
   */
  readonly runs: Stream.Stream<HookRun, CodexConnectionError>
}

/** Returns true for the start and the end of a hook's run. */
export const isRun = (event: Notification.Notification): event is HookRun =>
  event.method === "hook/started" || event.method === "hook/completed"

const optionChecks: Checks<HooksOptions> = { cwds: anything, threadId: anything }

/** @internal The hooks of a client. */
export const make = ({ client, router }: Services): Hooks => ({
  list: (options = {}) =>
    Effect.gen(function*() {
      yield* check(options, optionChecks)
      const params = yield* supported(options, client.metadata.serverVersion, "hooks/list")
      const { data } = yield* client.request("hooks/list", params)
      return data
    }),
  runs: onAnyConnection(client, Stream.filter(router.notifications, isRun))
})
