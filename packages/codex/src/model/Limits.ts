/**
 * Limits of a turn, and how those of a turn, its thread and its client combine.
 */
import * as Duration from "effect/Duration"
import * as options from "../base/options.ts"

/**
 * Limits of a turn. A turn that reaches one is interrupted together with its sub-agents: `run` fails with `TurnLimitError`,
 * `stream` fails with it after its last event. A turn that completes in the meantime succeeds.
 *
 * Limits can be set for a turn, for a thread and for a Layer. The nearest setting wins, field by field; `Infinity` takes a
 * limit away. A thread's limits hold for the turns of its forks too, and those of a Layer for all its threads.
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
   * How long nothing may arrive from the turn or its sub-agents. Waiting for a handler of this program, such as a person's
   * approval, does not count. Default: no limit.
   */
  readonly idle?: Duration.Input | undefined
  /** How long the turn may take, handlers included, from the moment when the server has accepted it. Default: no limit. */
  readonly duration?: Duration.Input | undefined
  /**
   * How many tokens the model requests of the turn and its sub-agents may use, input and output together. Best effort: it
   * is checked when the server reports usage, after each model request. Default: no limit.
   */
  readonly tokens?: number | undefined
  /** How many model requests the turn and its sub-agents may make. Best effort, as `tokens`. Default: no limit. */
  readonly steps?: number | undefined
}

/** The name of a limit. */
export type Limit = keyof Limits

/** The limits of one turn. */
export interface TurnLimits {
  /** As {@link Limits.idle}, in milliseconds. `Infinity` if there is no limit, as for all of them. */
  readonly idle: number
  /** As {@link Limits.duration}, in milliseconds. */
  readonly duration: number
  /** As {@link Limits.tokens}. */
  readonly tokens: number
  /** As {@link Limits.steps}. */
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

/** The limits that hold, from settings with the nearest first; undefined if there are none. */
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
