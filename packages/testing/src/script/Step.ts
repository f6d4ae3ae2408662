/**
 * Steps of scripted replies; the public module `Step` describes them.
 */
import * as Duration from "effect/Duration"
import type { Gate } from "./Gate.ts"

/** A step: a {@link Gate}, a {@link delay}, a {@link hang} or a {@link cut}. */
export type Step = Gate | Delay | Hang | Cut

/** A step that waits for a fixed time. */
export interface Delay {
  readonly _tag: "Delay"
  /** The time to wait. */
  readonly duration: Duration.Duration
}

/** A step that waits forever. */
export interface Hang {
  readonly _tag: "Hang"
}

/** A step that breaks the connection. */
export interface Cut {
  readonly _tag: "Cut"
}

/**
 * Waits for a fixed time. To control the order of events, use a {@link Gate} instead.
 *
 * The wait uses the Clock of the program that built the model. Time stands still under `it.effect`, so use `it.live`.
 */
export const delay = (duration: Duration.Input): Delay => ({
  _tag: "Delay",
  duration: Duration.fromInputUnsafe(duration)
})

/** Stops sending, and keeps the connection open until the client or the model's scope closes it. */
export const hang: Hang = { _tag: "Hang" }

/** Closes the connection without ending the stream. Everything before the step is written first. */
export const cut: Cut = { _tag: "Cut" }
