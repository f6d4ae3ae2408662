/**
 * The place in the program at which a function was called, for the stacks of errors that arise elsewhere: an error of the server is
 * created in the reader of its connection, whose stack names no caller.
 */
import * as Effect from "effect/Effect"

/** The number of frames that are added: the caller, and the functions that called it. */
const frames = 5

/** Errors whose stacks name a caller already: several callers may receive the same error. */
const named = new WeakSet<Error>()

/** The place at which a function was called. */
export interface Caller {
  /** Adds the place to the stack of an error, unless that names a caller already. */
  readonly name: (error: unknown) => void
}

/** Returns the place at which `callee` is being called. Undefined where the engine does not capture stacks. */
export const callerOf = (callee: Function): Caller | undefined => {
  if (typeof Error.captureStackTrace !== "function") return undefined
  const limit = Error.stackTraceLimit
  const above: { stack?: string } = {}
  Error.stackTraceLimit = frames
  Error.captureStackTrace(above, callee)
  Error.stackTraceLimit = limit
  return {
    name: (error) => {
      if (!(error instanceof Error) || named.has(error)) return
      named.add(error)
      // The engine formats a stack when it is first read, so a place that is not needed costs little.
      const { stack = "" } = above
      error.stack = `${error.stack}${stack.slice(stack.indexOf("\n"))}`
    }
  }
}

/** Adds the place at which `callee` is being called to the stack of an error that the effect fails with. */
export const nameCaller = <A, E, R>(callee: Function, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  naming(callerOf(callee), effect)

/** Adds a place to the stack of an error that the effect fails with. */
export const naming = <A, E, R>(caller: Caller | undefined, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  caller === undefined ? effect : Effect.tapError(effect, (error) => Effect.sync(() => caller.name(error)))
