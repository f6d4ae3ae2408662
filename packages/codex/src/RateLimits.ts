/**
 * Usage limits of the account: how much of each is used, and when it resets. `codex.rateLimits` has them.
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
 *   yield* codex.rateLimits.changes.pipe(
 *     Stream.runForEach(({ rateLimits }) => Console.log(`${rateLimits.primary?.usedPercent ?? 0} % used`))
 *   )
 * })
 * ```
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Services } from "./capabilities/Services.ts"
import type { RequestError } from "./model/errors/CodexError.ts"
import { changes, outdated } from "./wire/changes.ts"

/**
 * The usage limits of the account. Both members fail with reason `InvalidRequest` without a ChatGPT login.
 *
 * @category models
 */
export interface RateLimits {
  /**
   * Reads the limits (`account/rateLimits/read`): `rateLimits` is the main limit, with its windows `primary` and `secondary`, and
   * `rateLimitsByLimitId` has all of them.
   */
  readonly current: Effect.Effect<Protocol.GetAccountRateLimitsResponse, RequestError>
  /**
   * Emits the limits, then the new ones after each change (`account/rateLimits/updated`), login, logout and new connection. Fails
   * when no other connection follows.
   */
  readonly changes: Stream.Stream<Protocol.GetAccountRateLimitsResponse, RequestError>
}

/** @internal The limits of a client. */
export const make = (services: Services): RateLimits => {
  const current = services.client.request("account/rateLimits/read", {})
  return {
    current,
    changes: changes(services, {
      read: current,
      next: (limits, event) =>
        event.method === "account/rateLimits/updated"
          ? merge(limits, event.params.rateLimits)
          : event.method === "account/updated"
          ? outdated
          : undefined
    })
  }
}

/** The limit that an update without an id means. */
const mainLimit = "codex"

/** Applies an update. It is sparse: what it leaves out, or has as null, stays. */
const merge = (
  limits: Protocol.GetAccountRateLimitsResponse,
  update: Protocol.RateLimitSnapshot
): Protocol.GetAccountRateLimitsResponse => {
  const id = update.limitId ?? mainLimit
  const known = Object.fromEntries(Object.entries(update).filter(([, value]) => value !== null && value !== undefined))
  const { rateLimits, rateLimitsByLimitId } = limits
  return {
    ...limits,
    ...(id === (rateLimits.limitId ?? mainLimit) ? { rateLimits: { ...rateLimits, ...known } } : {}),
    ...(rateLimitsByLimitId === undefined || rateLimitsByLimitId === null
      ? {}
      : { rateLimitsByLimitId: { ...rateLimitsByLimitId, [id]: { ...rateLimitsByLimitId[id], ...known } } })
  }
}
