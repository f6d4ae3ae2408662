/**
 * Options of hosted turns, and their form on the wire.
 */
import { InvalidInputError } from "effect-codex/CodexError"
import type * as Options from "effect-codex/Options"
import type * as Output from "effect-codex/Output"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
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
 * each other. Through a gateway, the host refuses some of them: see `allow` of `ThreadGateway.GatewayOptions`.
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

/** The names of the options that travel with a run. */
type Name = Exclude<keyof Options.TurnOptions, LocalOption>

/**
 * The options that travel with a run, and who decides about them where a gateway lies between the client and the host. Clients
 * choose the form of the answer. The rest belongs to the host: what a turn may do, where it does it, what it costs, and the
 * instructions, limits and attribution of the operator.
 */
const deciders = {
  additionalContext: "host",
  approvalMode: "host",
  approvalPolicy: "host",
  approvalsReviewer: "host",
  collaborationMode: "host",
  cwd: "host",
  cyberAccessProgram: "host",
  disabledPluginIds: "host",
  effort: "host",
  environments: "host",
  limits: "host",
  model: "host",
  multiAgentMode: "host",
  outputSchema: "client",
  parentTurnId: "host",
  permissions: "host",
  personality: "client",
  responsesapiClientMetadata: "host",
  responsesapiClientMetadataPatch: "host",
  rootTurnId: "host",
  runtimeWorkspaceRoots: "host",
  sandbox: "host",
  sandboxPolicy: "host",
  serviceTier: "host",
  serviceTierForTurn: "host",
  subagents: "client",
  summary: "client",
  turnTrigger: "host"
} as const satisfies Record<Name, "client" | "host">

/**
 * An option of a run that a client of a gateway cannot set, unless the gateway allows it: every option of a turn but
 * `outputSchema`, `personality`, `subagents` and `summary`.
 *
 * @category models
 */
export type ProtectedOption = { [N in Name]: (typeof deciders)[N] extends "host" ? N : never }[Name]

/**
 * The options of a run as its client sent them. Their values are unchecked.
 *
 * @category models
 */
export type SentOptions = { readonly [N in Name]?: unknown }

const isName = (name: string): name is Name => Object.hasOwn(deciders, name)

const invalid = (field: string, detail: string) => Effect.fail(new InvalidInputError({ field, detail }))

/** Reads the options that a client sent. Fails with `InvalidInputError` for those that a hosted thread does not have. */
const sent = (json: unknown): Effect.Effect<SentOptions, InvalidInputError> => {
  if (!Predicate.isObject(json)) return invalid("options", "they are not an object; send {} for none")
  const options: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(json)) {
    if (value === undefined) continue
    if (!isName(name)) return invalid(name, "a hosted thread has no such option; leave it out")
    options[name] = value
  }
  return Effect.succeed(options)
}

/**
 * Checks the options that a client of a gateway sent. Fails with `InvalidInputError` for one that the host decides, unless it is
 * allowed.
 */
export const checkSent = (
  json: unknown,
  allowed: ReadonlyArray<string>
): Effect.Effect<void, InvalidInputError> =>
  Effect.flatMap(sent(json), (options) => {
    const refused = Object.keys(options).find((name) =>
      !(isName(name) && (deciders[name] === "client" || allowed.includes(name)))
    )
    return refused === undefined ? Effect.void : invalid(
      refused,
      `the host decides it, and this gateway does not let its clients set it; leave it out, or add ${
        JSON.stringify(refused)
      } to \`allow\` of the gateway`
    )
  })

const limitNames = ["idle", "duration", "tokens", "steps"] as const

/** JSON has no infinity. */
const infinite = "infinite"

// The two durations have no other type in `Options.TurnOptions`.
const encodeLimit = (name: typeof limitNames[number], value: unknown): unknown => {
  const number = name === "idle" || name === "duration" ? Duration.toMillis(value as Duration.Input) : value
  return number === Infinity ? infinite : number
}

/** Converts options to JSON. */
export const toWire = (options: object): unknown => {
  if (!Predicate.hasProperty(options, "limits") || !Predicate.isObject(options.limits)) return options
  const limits: Record<string, unknown> = { ...options.limits }
  for (const name of limitNames) if (limits[name] !== undefined) limits[name] = encodeLimit(name, limits[name])
  return { ...options, limits }
}

const decodeLimits = (limits: unknown): unknown =>
  Predicate.isObject(limits)
    ? Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, value === infinite ? Infinity : value]))
    : limits

/** Reads options from JSON. Fails with `InvalidInputError` for those that a hosted thread does not have. */
export const fromWire = (json: unknown): Effect.Effect<Options.TurnOptions, InvalidInputError> =>
  Effect.map(
    sent(json),
    ({ limits, ...rest }) =>
      // The SDK checks the values.
      ({ ...rest, ...(limits !== undefined && { limits: decodeLimits(limits) }) }) as Options.TurnOptions
  )
