/**
 * Gates of scripted replies; the public module `Gate` describes them.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

/**
 * A gate is closed until it is opened, and then stays open. Several replies may share a gate: `arrived` completes when the
 * first one reaches it, and `open` lets all of them pass.
 *
 * Order does not matter: you can open a gate before a reply arrives, or wait for `arrived` long afterwards. A gate that
 * stays closed holds its reply until the client disconnects or the model's scope closes.
 */
export interface Gate {
  readonly _tag: "Gate"
  /** Waits until a reply has reached the gate. By then, everything before the gate in the script has been written. */
  readonly arrived: Effect.Effect<void>
  /** Lets all current and future replies pass. */
  readonly open: Effect.Effect<void>
  /** Completes `arrived`, then waits for `open`. A script needs only the gate; use this in fakes of your own. */
  readonly pass: Effect.Effect<void>
}

/** Creates a closed gate without an Effect, for scripts that are built as plain data. */
export const makeUnsafe = (): Gate => {
  const arrived = Deferred.makeUnsafe<void>()
  const opened = Deferred.makeUnsafe<void>()
  return {
    _tag: "Gate",
    arrived: Deferred.await(arrived),
    open: Effect.asVoid(Deferred.succeed(opened, void 0)),
    pass: Effect.andThen(Deferred.succeed(arrived, void 0), Deferred.await(opened))
  }
}

/** Creates a closed gate. */
export const make: Effect.Effect<Gate> = Effect.sync(makeUnsafe)
