/**
 * Usage limits of the account, in the Promise API.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as EffectRateLimits from "../RateLimits.ts"
import { iterable, promise, type SignalOptions } from "./Runner.ts"

/**
 * The usage limits of the account. Both members fail with reason `InvalidRequest` without a ChatGPT login.
 *
 * @category models
 */
export interface RateLimits {
  /** Reads the limits (`account/rateLimits/read`): `rateLimits` is the main limit, and `rateLimitsByLimitId` has all of them. */
  readonly current: (options?: SignalOptions) => Promise<Protocol.GetAccountRateLimitsResponse>
  /** The limits, then the new ones after each change, login, logout and new connection. */
  readonly changes: AsyncIterable<Protocol.GetAccountRateLimitsResponse>
}

/** Returns the limits of a client. */
export const make = ({ changes, current }: EffectRateLimits.RateLimits): RateLimits => ({
  current: ({ signal } = {}) => promise(current, signal),
  changes: iterable(changes)
})
