/**
 * Threads of the Promise API.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as EffectCheckpoint from "../Checkpoint.ts"
import type { GoalOptions } from "../Goal.ts"
import type * as Input from "../Input.ts"
import type * as Notification from "../model/turns/Notification.ts"
import type { TurnResult } from "../model/turns/TurnResult.ts"
import type { OutputEvent, TypedResult } from "../options/OutputCodec.ts"
import type * as EffectThread from "../Thread.ts"
import * as BackgroundTerminals from "./BackgroundTerminals.ts"
import * as Checkpoint from "./Checkpoint.ts"
import { type TurnOptions, type TypedTurnOptions, withTurnOptions } from "./Options.ts"
import { iterable, promise, type SignalOptions } from "./Runner.ts"
import * as ThreadQueue from "./ThreadQueue.ts"
import * as Turn from "./Turn.ts"

/**
 * A handle of a thread. Turns of one thread run one after the other; different threads run concurrently.
 *
 * @category models
 */
export interface Thread {
  readonly id: string
  /** The id of the thread that spawned this one as a sub-agent. Undefined if it is no sub-agent, or if that is unknown. */
  readonly parentThreadId: string | undefined
  /** The name of the sub-agent. Undefined if it has none, or if it is unknown. */
  readonly agentName: string | undefined
  /** The role of the sub-agent. Undefined if it has none, or if it is unknown. */
  readonly agentRole: string | undefined
  /** The sandbox in force for the next turn. Undefined on a handle from `codex.thread` until the server reports it. */
  readonly sandbox: Protocol.SandboxPolicy | undefined
  /** The approval policy in force for the next turn. Undefined like `sandbox`. */
  readonly approvalPolicy: Protocol.AskForApproval | undefined
  /** The model in force for the next turn. Undefined like `sandbox`. */
  readonly model: string | undefined
  /** The working directory in force for the next turn. Undefined like `sandbox`. */
  readonly cwd: string | undefined
  /**
   * Runs a turn (`turn/start`), and returns its result. Aborting the signal interrupts the turn on the server. Rejects with
   * `TurnFailedError` if the turn fails, and with `TurnLimitError` if it reaches a limit. A turn that is interrupted in another way
   * resolves with status `"interrupted"`.
   *
   * @example
   * ```ts
   * import type { Thread } from "effect-codex/promises"
   * import { z } from "zod"
   *
   * const count = async (thread: Thread, signal: AbortSignal) => {
   *   const result = await thread.run("How many tests are there?", { signal, output: z.object({ tests: z.number() }) })
   *   return result.output.tests
   * }
   * ```
   */
  readonly run: {
    /** With a Schema in `output`, `result.output` is the decoded final answer. */
    <A>(input: Input.Input, options: TypedTurnOptions<A>): Promise<TypedResult<A>>
    (input: Input.Input, options?: TurnOptions): Promise<TurnResult>
  }
  /**
   * Starts a turn, and returns its handle, which streams, steers or interrupts it. The turn continues without the handle. Aborting
   * the signal interrupts it.
   */
  readonly turn: {
    <A>(input: Input.Input, options: TypedTurnOptions<A>): Promise<Turn.TypedTurn<A>>
    (input: Input.Input, options?: TurnOptions): Promise<Turn.Turn>
  }
  /**
   * Finds a turn of this thread that was started with this `clientUserMessageId`, and returns its handle: a program that was
   * restarted continues with the turn of the one before. Resolves with undefined if the thread has no such turn.
   */
  readonly findTurn: (clientUserMessageId: string, options?: SignalOptions) => Promise<Turn.Turn | undefined>
  /**
   * Starts a turn when a loop over it begins, and yields its events. Leaving the loop interrupts the turn. With a Schema in
   * `output`, the last event is `$output` with the decoded answer.
   */
  readonly stream: {
    <A>(input: Input.Input, options: TypedTurnOptions<A>): AsyncIterable<Notification.Notification | OutputEvent<A>>
    (input: Input.Input, options?: TurnOptions): AsyncIterable<Notification.Notification>
  }
  /** Every notification of this thread, including those of its turns, from the moment a loop begins. */
  readonly notifications: AsyncIterable<Notification.Notification>
  /** A handle for each sub-agent of this thread: first the known ones, then each new one. Leave the loop to end it. */
  readonly children: AsyncIterable<Thread>
  /** Reads the thread from the server (`thread/read`). With `includeTurns`, the result has its turns and their items. */
  readonly read: (options?: { readonly includeTurns?: boolean | undefined }) => Promise<Protocol.Thread>
  /** Sets the name of the thread (`thread/name/set`). */
  readonly setName: (name: string) => Promise<void>
  /** Compacts the history of the thread (`thread/compact/start`) after the turns that wait already, and waits for its end. */
  readonly compact: (options?: SignalOptions) => Promise<void>
  /** Starts a review (`review/start`), and returns the handle of its turn. A review cannot be steered. */
  readonly review: (target: Protocol.ReviewTarget, options?: SignalOptions) => Promise<Turn.Turn>
  /** Sets a goal (`thread/goal/set`), and returns the handle of its turns when the first has started. `interrupt` pauses it. */
  readonly startGoal: (objective: string, options?: GoalOptions & SignalOptions) => Promise<Turn.Turn>
  /** Pursues a goal to its end. Aborting the signal pauses the goal, and interrupts the running turn. */
  readonly runGoal: (objective: string, options?: GoalOptions & SignalOptions) => Promise<TurnResult>
  /** The stored goal of the thread. */
  readonly goal: StoredGoal
  /** The queue of the thread: input that the server turns into turns by itself. */
  readonly queue: ThreadQueue.ThreadQueue
  /** Makes a checkpoint of the conversation, and optionally of the files. Waits for a running turn. */
  readonly checkpoint: (
    options?: EffectCheckpoint.CheckpointOptions & SignalOptions
  ) => Promise<Checkpoint.Checkpoint>
  /** Commands of the agent that run on in the background. */
  readonly backgroundTerminals: BackgroundTerminals.BackgroundTerminals
}

/**
 * The stored goal of a thread, in progress or not.
 *
 * @category models
 */
export interface StoredGoal {
  /** Returns the goal with its `objective`, `status` and `tokensUsed` (`thread/goal/get`), or null if there is none. */
  readonly read: () => Promise<Protocol.ThreadGoal | null>
  /** Pauses the goal after the running turn (`thread/goal/set`). */
  readonly pause: () => Promise<Protocol.ThreadGoal>
  /** Continues the goal, in the same way as `startGoal`, and returns its handle. */
  readonly resume: (options?: Omit<GoalOptions, "tokenBudget"> & SignalOptions) => Promise<Turn.Turn>
  /** Removes the goal (`thread/goal/clear`). Returns false if there was none. A running turn continues to its end. */
  readonly clear: () => Promise<boolean>
}

/** Returns the handle of a thread. */
export const make = (thread: EffectThread.Thread): Thread => {
  function run<A>(input: Input.Input, options: TypedTurnOptions<A>): Promise<TypedResult<A>>
  function run(input: Input.Input, options?: TurnOptions): Promise<TurnResult>
  function run<A>(input: Input.Input, options: TurnOptions | TypedTurnOptions<A> = {}): Promise<TurnResult> {
    const running = withTurnOptions(options, (typed) => thread.run(input, typed), (plain) => thread.run(input, plain))
    return promise(running, options.signal)
  }

  function turn<A>(input: Input.Input, options: TypedTurnOptions<A>): Promise<Turn.TypedTurn<A>>
  function turn(input: Input.Input, options?: TurnOptions): Promise<Turn.Turn>
  async function turn<A>(
    input: Input.Input,
    options: TurnOptions | TypedTurnOptions<A> = {}
  ): Promise<Turn.Turn> {
    const starting = withTurnOptions(
      options,
      (typed) => thread.turn(input, typed),
      (plain) => thread.turn(input, plain)
    )
    return Turn.make(await promise(starting, options.signal), options.signal)
  }

  function stream<A>(
    input: Input.Input,
    options: TypedTurnOptions<A>
  ): AsyncIterable<Notification.Notification | OutputEvent<A>>
  function stream(input: Input.Input, options?: TurnOptions): AsyncIterable<Notification.Notification>
  function stream<A>(
    input: Input.Input,
    options: TurnOptions | TypedTurnOptions<A> = {}
  ): AsyncIterable<Notification.Notification | OutputEvent<A>> {
    const events = withTurnOptions(
      options,
      (typed) => Effect.succeed(thread.stream(input, typed)),
      (plain) => Effect.succeed(thread.stream(input, plain))
    )
    return iterable(Stream.unwrap(events), options.signal)
  }

  return {
    id: thread.id,
    get parentThreadId() {
      return thread.parentThreadId
    },
    get agentName() {
      return thread.agentName
    },
    get agentRole() {
      return thread.agentRole
    },
    get sandbox() {
      return thread.sandbox
    },
    get approvalPolicy() {
      return thread.approvalPolicy
    },
    get model() {
      return thread.model
    },
    get cwd() {
      return thread.cwd
    },
    run,
    turn,
    findTurn: async (clientUserMessageId, { signal } = {}) => {
      const found = await promise(thread.findTurn(clientUserMessageId), signal)
      return found && Turn.make(found, signal)
    },
    stream,
    notifications: iterable(thread.notifications),
    children: iterable(Stream.map(thread.children, make)),
    read: (options) => promise(thread.read(options)),
    setName: (name) => promise(thread.setName(name)),
    compact: ({ signal } = {}) => promise(thread.compact, signal),
    review: async (target, { signal } = {}) => Turn.make(await promise(thread.review(target), signal), signal),
    startGoal: async (objective, { signal, ...options } = {}) =>
      Turn.make(await promise(thread.startGoal(objective, options), signal), signal),
    runGoal: (objective, { signal, ...options } = {}) => promise(thread.runGoal(objective, options), signal),
    goal: {
      read: () => promise(thread.goal.read),
      pause: () => promise(thread.goal.pause),
      resume: async ({ signal, ...options } = {}) =>
        Turn.make(await promise(thread.goal.resume(options), signal), signal),
      clear: () => promise(thread.goal.clear)
    },
    get queue() {
      return ThreadQueue.make(thread.queue)
    },
    checkpoint: async ({ signal, ...options } = {}) =>
      Checkpoint.make(await promise(thread.checkpoint(options), signal)),
    get backgroundTerminals() {
      return BackgroundTerminals.make(thread.backgroundTerminals)
    }
  }
}
