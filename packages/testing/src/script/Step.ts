/**
 * Steps of scripted replies; the public module `Step` describes them.
 */
import * as Duration from "effect/Duration"
import type { Gate } from "./Gate.ts"

/** A {@link Gate} is a step itself; the others are made below. */
export type Step = Gate | Delay | Hang | Cut

/** Waits, by the clock. */
export interface Delay {
  readonly _tag: "Delay"
  /** How long. */
  readonly duration: Duration.Duration
}

/** Waits for ever. */
export interface Hang {
  readonly _tag: "Hang"
}

/** Breaks the connection. */
export interface Cut {
  readonly _tag: "Cut"
}

/**
 * Waits for that long. A test that wants an order of events wants a {@link Gate} instead.
 *
 * The wait uses the Clock of the program that built the model: under `it.effect` time stands still, use `it.live`.
 */
export const delay = (duration: Duration.Input): Delay => ({
  _tag: "Delay",
  duration: Duration.fromInputUnsafe(duration)
})

/** Sends nothing any more, and keeps the connection open until the client or the model's scope closes it. */
export const hang: Hang = { _tag: "Hang" }

/** Closes the connection without an end of the stream, after what came before it has been written. */
export const cut: Cut = { _tag: "Cut" }
