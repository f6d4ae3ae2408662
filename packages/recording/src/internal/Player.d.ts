import { type Difference } from "./difference.ts"
import type { Masker } from "./Masker.ts"
import { type Script } from "./Script.ts"
/** What the client said is not what was recorded, or what was recorded is not said. */
export interface Problem {
  readonly detail: string
  readonly line?: number
  readonly differences?: ReadonlyArray<Difference>
}
export interface Options {
  readonly masker: Masker
  readonly ignore: {
    readonly [method: string]: ReadonlyArray<string>
  }
  /** The server says something. */
  readonly say: (text: string) => void
  /**
   * Delays a step that is `millis` recorded milliseconds after the one before it, and then calls `proceed`; false if it
   * needs no delay.
   */
  readonly delay: (millis: number, proceed: () => void) => boolean
  /** All was said. */
  readonly finished: () => void
}
export declare class Player {
  private readonly script
  private readonly options
  /** All asks before this one were asked. */
  private asked
  /** Requests of the server that were said, and have no answer yet, by their id. */
  private readonly questions
  /** Requests of the client that wait for their answer. */
  private readonly waiting
  /** Turns that have begun, and not ended. */
  private readonly turns
  /** Lanes that pause. */
  private readonly delayed
  /** When something was said last, by either side. */
  private heard
  constructor(script: Script, options: Options)
  start(): void
  /** Takes what the client says, and what is wrong with it otherwise. */
  accept(text: string): Problem | undefined
  /**
   * Why the client, which waits, will wait for ever: the server says nothing before it is asked something else. Undefined
   * if it does not wait, or has been silent for no longer than the recorded program and `patience`, in milliseconds.
   */
  stall(patience: number): Problem | undefined
  /** The ask at which a lane stops, and how long the recorded program had let pass before it. */
  private blockOf
  private acceptRequest
  private acceptAnswer
  private take
  private differs
  /**
   * A lane that was the same up to here, and goes on as this message does. Threads that were started alike are told apart
   * only by what they are asked, and which of them comes first is chance.
   */
  private twinOf
  private advanceAll
  /** Says what can be said in a lane. */
  private advance
  private say
}
// # sourceMappingURL=Player.d.ts.map
