/**
 * Scoped acquisitions whose result outlives their caller.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

/** Runs an acquisition in a scope that only its failure or interruption closes. */
export const detached = <A, E, R>(
  acquisition: Effect.Effect<A, E, R | Scope.Scope>
): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
  Effect.uninterruptibleMask((interruptibly) =>
    Effect.flatMap(Scope.make(), (scope) =>
      Effect.onError(
        interruptibly(Scope.provide(acquisition, scope)),
        (cause) => Scope.close(scope, Exit.failCause(cause))
      ))
  )
