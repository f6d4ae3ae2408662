/**
 * Gates of scripted replies; the public module `Gate` describes them.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

/**
 * A gate is closed until it is opened, once and for all. Several replies may share one: `arrived` ends with the first
 * that gets there, `open` lets all of them through.
 *
 * Nothing is lost by being early: opening a gate before anybody arrives, or awaiting it long after, both work. A gate
 * that stays closed holds its reply until the client disconnects or the model's scope closes.
 */
export interface Gate {
  readonly _tag: "Gate"
  /** Ends when a reply has reached the gate. Everything the script says before it has been written by then. */
  readonly arrived: Effect.Effect<void>
  /** Lets every reply through, now and later. */
  readonly open: Effect.Effect<void>
  /** What a reply does at the gate: announce itself and wait. For your own fakes; a script needs only the gate. */
  readonly pass: Effect.Effect<void>
}

/** A new closed gate, made without an Effect: for scripts that are built as plain data. */
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

/** A new closed gate. */
export const make: Effect.Effect<Gate> = Effect.sync(makeUnsafe)
