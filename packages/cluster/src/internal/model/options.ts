/**
 * Options of hosted turns, and their form on the wire.
 */
import type * as Options from "effect-codex/Options"
import type * as Output from "effect-codex/Output"
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import type { OnCutOff } from "./rpcs.ts"

/** Options that only a thread on this machine can have. */
type LocalOption = "whenBusy" | "buffer" | "startTimeout" | "output" | "clientUserMessageId"

/** Options of a run that the host does not pass on to Codex. */
interface HostedOptions {
  /**
   * The key of the run. Runs of one thread with the same key are one run: its turn starts once, and all callers receive its
   * answer, even later and on other machines. At most 255 characters. Default: a random key.
   */
  readonly turnKey?: string | undefined
  /**
   * The handling of a turn that a failure cut off: `"fail"` with `TurnCutOffError`, `"continue"` with a turn that tells the
   * model what happened, or `"rerun"` the same input. With the last two, commands of the first turn may run twice; at most
   * three turns are started. Default: `"fail"`.
   */
  readonly onCutOff?: OnCutOff | undefined
}

/**
 * Options of `run`, `turn` and `stream` of a hosted thread: those of a turn, `turnKey` and `onCutOff`. Runs of a thread wait for
 * each other.
 *
 * @category models
 */
export interface HostedTurnOptions extends Omit<Options.TurnOptions, LocalOption>, HostedOptions {
  /** A Schema for the final answer, which makes the run a typed one. Default: none. */
  readonly output?: undefined
}

/**
 * {@link HostedTurnOptions} with a Schema for the final answer, which is decoded where `run` is called.
 *
 * @category models
 */
export interface TypedHostedTurnOptions<A, RD = never> extends Omit<HostedTurnOptions, "output" | "outputSchema"> {
  /** A Schema for the final answer. The model must follow it, and the answer is decoded with it. */
  readonly output: Output.OutputSchema<A, RD>
}

const names = ["idle", "duration", "tokens", "steps"] as const

/** JSON has no infinity. */
const infinite = "infinite"

// The two durations have no other type in `Options.TurnOptions`.
const encodeLimit = (name: typeof names[number], value: unknown): unknown => {
  const number = name === "idle" || name === "duration" ? Duration.toMillis(value as Duration.Input) : value
  return number === Infinity ? infinite : number
}

/** Converts options to JSON. */
export const toWire = (options: object): unknown => {
  if (!Predicate.hasProperty(options, "limits") || !Predicate.isObject(options.limits)) return options
  const limits: Record<string, unknown> = { ...options.limits }
  for (const name of names) if (limits[name] !== undefined) limits[name] = encodeLimit(name, limits[name])
  return { ...options, limits }
}

/** Reads options from JSON. The SDK checks them. */
export const fromWire = (json: unknown): Options.TurnOptions => {
  if (!Predicate.isObject(json)) return {}
  const { limits, ...rest } = { ...json, limits: undefined, ...json } as Record<string, unknown>
  if (!Predicate.isObject(limits)) return rest
  return {
    ...rest,
    limits: Object.fromEntries(
      Object.entries(limits).map(([name, value]) => [name, value === infinite ? Infinity : value])
    )
  }
}
