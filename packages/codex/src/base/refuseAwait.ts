/**
 * A guard against `await` on an Effect: without it, that would return the Effect, and run nothing.
 */
import type * as Effect from "effect/Effect"

/**
 * Makes `await` of an Effect reject with advice. `call` names the Effect in the message. The property is not part of the type, so
 * only a mistake meets it.
 */
export const refuseAwait = <A, E, R>(call: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  // oxlint-disable-next-line unicorn/no-thenable -- It is not for use: it refuses.
  Object.defineProperty(effect, "then", {
    value: (_: unknown, reject: (error: TypeError) => void) =>
      reject(
        new TypeError(
          `${call} returns an Effect, and \`await\` does not run it: use \`yield*\` in Effect.gen, `
            + "`await Effect.runPromise(...)`, or the functions of \"effect-codex/promises\""
        )
      )
  })
