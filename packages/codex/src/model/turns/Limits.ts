/**
 * Limits of a turn, and the combination of those of a turn, its thread and its client.
 */
import * as Duration from "effect/Duration"
import * as options from "../../base/options.ts"

/**
 * Limits of a turn. A turn that reaches one is interrupted together with its sub-agents: `run` fails with `TurnLimitError`,
 * `stream` fails with it after its last event. A turn that completes in the meantime succeeds.
 *
 * Limits can be set for a turn, for a thread and for a Layer. The nearest setting wins, field by field; `Infinity` removes a
 * limit. The limits of a thread also apply to its forks, and those of a Layer to all its threads.
 *
 * @example
 * ```ts
 * import { Codex } from "effect-codex"
 *
 * // No turn takes longer than 10 minutes, or is silent for longer than a minute.
 * const layer = Codex.layer({ limits: { duration: "10 minutes", idle: "1 minute" } })
 * ```
 *
 * @category models
 */
export interface Limits {
  /**
   * The longest time without any event of the turn or its sub-agents. Waiting for a handler of this program, such as a person's
   * approval, does not count. Default: no limit.
   */
  readonly idle?: Duration.Input | undefined
  /** The longest time for the turn, including handlers, from its acceptance by the server on. Default: no limit. */
  readonly duration?: Duration.Input | undefined
  /**
   * The largest number of tokens, input and output together, in the model requests of the turn and its sub-agents. Best effort:
   * it is checked when the server reports usage, after each model request. Default: no limit.
   */
  readonly tokens?: number | undefined
  /** The largest number of model requests of the turn and its sub-agents. Best effort, like `tokens`. Default: no limit. */
  readonly steps?: number | undefined
}

/** The name of a limit. */
export type Limit = keyof Limits

/** A limit that a turn has reached. */
export interface Reached {
  /** The name of the limit. */
  readonly limit: Limit
  /** Its value: milliseconds for `idle` and `duration`, otherwise a number of tokens or model requests. */
  readonly allowed: number
  /** The use of the turn by then, in the same unit. */
  readonly used: number
}

/** The limits of one turn. */
export interface TurnLimits {
  /** {@link Limits.idle} in milliseconds. Like all fields, `Infinity` if there is no limit. */
  readonly idle: number
  /** {@link Limits.duration} in milliseconds. */
  readonly duration: number
  /** The value of {@link Limits.tokens}. */
  readonly tokens: number
  /** The value of {@link Limits.steps}. */
  readonly steps: number
}

const amount: options.Check = (value) =>
  typeof value === "number" && value > 0 ? undefined : "it is not a number above 0; Infinity removes the limit"

const checks: options.Checks<Limits> = {
  idle: options.timeout,
  duration: options.timeout,
  tokens: amount,
  steps: amount
}

/** Checks the option `limits`. */
export const check: options.Check = (value) => {
  const mistake = options.findMistake(value, checks)
  return mistake === undefined ? undefined : { ...mistake, field: `limits.${mistake.field}` }
}

const millisOf = (input: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(input))

/** Combines settings, the nearest first, to the limits of a turn. Returns undefined if there are none. */
export const resolve = (settings: ReadonlyArray<Limits | undefined>): TurnLimits | undefined => {
  const nearest = <L extends Limit>(field: L): Limits[L] | undefined =>
    settings.find((limits) => limits?.[field] !== undefined)?.[field]
  const limits = {
    idle: millisOf(nearest("idle") ?? Infinity),
    duration: millisOf(nearest("duration") ?? Infinity),
    tokens: nearest("tokens") ?? Infinity,
    steps: nearest("steps") ?? Infinity
  }
  return Object.values(limits).every((limit) => limit === Infinity) ? undefined : limits
}
