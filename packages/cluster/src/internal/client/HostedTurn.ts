/**
 * A handle of a run of a hosted thread.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as Input from "effect-codex/Input"
import type { TypedResult } from "effect-codex/Output"
import type { TurnResult } from "effect-codex/TurnResult"
import type * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { HostedError } from "../model/errors.ts"
import type { HostedEvent } from "../model/events.ts"

/**
 * A handle of a run that was started with `turn`. The run continues without the handle, and without this program.
 *
 * @category models
 */
export interface HostedTurn {
  /** The key of the run. */
  readonly turnKey: string
  /**
   * Emits the events of the run, from the beginning of its first turn to its end. Any number of consumers read it, each at its
   * own pace; the host keeps a limited number of events.
   */
  readonly stream: Stream.Stream<HostedEvent, HostedError>
  /** Emits the text of the agent's messages in pieces. After a move, the pieces of the lost turn are gone. */
  readonly text: Stream.Stream<string, HostedError>
  /** Emits the completed items. After a move, those of the lost turn are emitted again. */
  readonly items: Stream.Stream<Protocol.ThreadItem, HostedError>
  /** Waits for the answer of the run. */
  readonly run: Effect.Effect<TurnResult, HostedError>
  /** Sends more input to the running turn. Fails with reason `NotRunning` if the turn is not running. */
  readonly steer: (input: Input.Input) => Effect.Effect<void, HostedError>
  /** Interrupts the turn, or the run before its turn begins. `run` then returns a result with status `interrupted`. */
  readonly interrupt: Effect.Effect<void, HostedError>
}

/**
 * A {@link HostedTurn} whose final answer is decoded with a Schema.
 *
 * @category models
 */
export interface TypedHostedTurn<out A, out E, out RD = never> extends Omit<HostedTurn, "run"> {
  /** Waits for the answer of the run, and decodes it. */
  readonly run: Effect.Effect<TypedResult<A>, HostedError | E, RD>
}

/** The parts of a turn that are read from its events. */
export const partsOf = (
  stream: Stream.Stream<HostedEvent, HostedError>
): Pick<HostedTurn, "stream" | "text" | "items"> => ({
  stream,
  text: Stream.filterMap(
    stream,
    (event) => event.method === "item/agentMessage/delta" ? Result.succeed(event.params.delta) : Result.failVoid
  ),
  items: Stream.filterMap(
    stream,
    (event) => event.method === "item/completed" ? Result.succeed(event.params.item) : Result.failVoid
  )
})
