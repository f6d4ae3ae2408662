/**
 * Options of the Promise API: those of the Effect API, with async functions in place of Effects, and a signal.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Struct from "effect/Struct"
import type { InvalidInputError } from "../model/errors/CodexError.ts"
import type * as Options from "../Options.ts"
import type { SignalOptions } from "./Runner.ts"
import type { AnySchema } from "./Schemas.ts"
import { toEffectSchema } from "./Schemas.ts"
import { type Handlers, toEffectHandlers } from "./ServerRequests.ts"
import { type Tools, toToolkit } from "./Tools.ts"

/** Options that threads have in place of those of the Effect API. */
interface OwnThreadOptions extends SignalOptions {
  /** Handlers for the server's requests on this thread, as async functions, or a preset. Default: those of the client. */
  readonly serverRequests?: Handlers | undefined
  /**
   * Tools that the agent may call. A resumed or forked thread offers those that it was started with; there, `tools` has their
   * functions. Default: none.
   */
  readonly tools?: Tools | undefined
}

/**
 * Options of `threadStart`.
 *
 * @category models
 */
export interface ThreadStartOptions
  extends OwnThreadOptions, Omit<Options.ThreadStartOptions, "serverRequests" | "tools">
{}

/**
 * Options of `threadResume`.
 *
 * @category models
 */
export interface ThreadResumeOptions
  extends OwnThreadOptions, Omit<Options.ThreadResumeOptions, "serverRequests" | "tools">
{}

/**
 * Options of `threadFork`.
 *
 * @category models
 */
export interface ThreadForkOptions
  extends OwnThreadOptions, Omit<Options.ThreadForkOptions, "serverRequests" | "tools">
{}

/**
 * Options of `run`, `turn` and `stream`.
 *
 * @category models
 */
export interface TurnOptions extends Options.TurnOptions, SignalOptions {}

/**
 * {@link TurnOptions} with a Schema for the final answer.
 *
 * @category models
 */
export interface TypedTurnOptions<A> extends Omit<Options.TypedTurnOptions<A>, "output">, SignalOptions {
  /** A Schema for the final answer: an Effect Schema or a Standard Schema. The model must follow it. */
  readonly output: AnySchema<A>
}

/** Returns the options of a thread for the Effect API. */
export const toThreadOptions = Effect.fnUntraced(function*<
  O extends ThreadStartOptions | ThreadResumeOptions | ThreadForkOptions
>(options: O) {
  const { serverRequests, tools } = options
  return {
    ...Struct.omit(options, ["serverRequests", "signal", "tools"]),
    ...(serverRequests !== undefined && { serverRequests: toEffectHandlers(serverRequests) }),
    ...(tools !== undefined && { tools: yield* toToolkit(tools) })
  }
})

/**
 * Runs a method of the Effect API with the options of a turn: the overload that takes a Schema for the answer, or the other one.
 * They are two functions because a call cannot choose an overload at run time.
 */
export const withTurnOptions = <A, T, TE, P, PE>(
  options: TurnOptions | TypedTurnOptions<A>,
  typed: (options: Options.TypedTurnOptions<A>) => Effect.Effect<T, TE>,
  plain: (options: Options.TurnOptions) => Effect.Effect<P, PE>
): Effect.Effect<T | P, TE | PE | InvalidInputError> => {
  if (!isTyped(options)) return plain(Struct.omit(options, ["signal"]))
  const output = toEffectSchema(options.output, "output")
  if (Result.isFailure(output)) return Effect.fail(output.failure)
  return typed({ ...Struct.omit(options, ["signal"]), output: output.success })
}

const isTyped = <A>(options: TurnOptions | TypedTurnOptions<A>): options is TypedTurnOptions<A> =>
  options.output !== undefined
