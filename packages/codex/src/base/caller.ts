/**
 * The place in the program from which a function was called, for the stacks of errors that arise elsewhere: an error of the
 * server is created in the reader of its connection, whose stack leads nowhere.
 */
import * as Effect from "effect/Effect"

/** So many frames name the caller, and who called it. */
const frames = 5

/** Errors whose stacks name a caller already: several may wait for the same one. */
const named = new WeakSet<Error>()

/** The stack above a function that is being called; undefined where the engine does not capture stacks. */
const stackAbove = (callee: Function): { readonly stack?: string } | undefined => {
  if (typeof Error.captureStackTrace !== "function") return undefined
  const limit = Error.stackTraceLimit
  const above: { stack?: string } = {}
  Error.stackTraceLimit = frames
  Error.captureStackTrace(above, callee)
  Error.stackTraceLimit = limit
  return above
}

/** Adds the place at which `callee` is being called to the stack of an error that the effect fails with. */
export const nameCaller = <A, E, R>(callee: Function, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const above = stackAbove(callee)
  return above === undefined ? effect : Effect.tapError(effect, (error) =>
    Effect.sync(() => {
      if (!(error instanceof Error) || named.has(error)) return
      named.add(error)
      const { stack = "" } = above
      // The text of a stack is made when it is read, so that one which is not needed costs little.
      error.stack = `${error.stack}${stack.slice(stack.indexOf("\n"))}`
    }))
}
