/**
 * Threads: conversations with the agent that consist of turns. `codex.threadStart` creates one.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as BackgroundTerminals from "./BackgroundTerminals.ts"
import { type Caller, callerOf, nameCaller, naming } from "./base/caller.ts"
import { refuseAwait } from "./base/refuseAwait.ts"
import * as Children from "./capabilities/Children.ts"
import type { Services } from "./capabilities/Services.ts"
import * as ThreadTurns from "./capabilities/ThreadTurns.ts"
import * as Checkpoint from "./Checkpoint.ts"
import * as Goal from "./Goal.ts"
import type * as Input from "./Input.ts"
import { check } from "./model/errors/check.ts"
import {
  type CheckpointError,
  type CodexConnectionError,
  type OpenThreadError,
  type RequestError,
  type RunError,
  type StartTurnError,
  type StreamError,
  type ThreadBusyError,
  type ThreadError,
  type TurnError,
  type TypedRunError
} from "./model/errors/CodexError.ts"
import { saysUnstarted } from "./model/errors/Refusal.ts"
import type * as Notification from "./model/turns/Notification.ts"
import type { TurnResult } from "./model/turns/TurnResult.ts"
import type * as Options from "./Options.ts"
import * as optionChecks from "./options/checks.ts"
import * as OutputCodec from "./options/OutputCodec.ts"
import * as Params from "./options/params.ts"
import type * as Output from "./Output.ts"
import * as ThreadQueue from "./ThreadQueue.ts"
import * as Turn from "./Turn.ts"
import * as Compaction from "./wire/Compaction.ts"
import type { Agent } from "./wire/Telemetry.ts"

/**
 * A handle of a thread: a plain value that is bound to its client. Its methods need no services, and a thread can have any
 * number of handles.
 *
 * Turns of one thread run one after the other, whichever handle starts them: a second `run` waits for the first, unless the
 * option `whenBusy` changes that. Different threads run concurrently.
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
   * Runs a turn (`turn/start`), and returns its result. Interrupting its fiber, for example with `Effect.timeout` or
   * `Effect.race`, interrupts the turn on the server and waits for its end, for at most three seconds. Fails with
   * `TurnFailedError` if the turn fails, and with `TurnLimitError` if it reaches a limit. A turn that is interrupted in another
   * way succeeds with status `"interrupted"`.
   *
   * @example
   * ```ts
   * import * as Effect from "effect/Effect"
   * import { Codex } from "effect-codex"
   *
   * const program = Effect.gen(function*() {
   *   const codex = yield* Codex.Codex
   *   const thread = yield* codex.threadStart()
   *   const result = yield* thread.run("What does this project do?", { sandbox: "readOnly" })
   *   return result.finalResponse
   * })
   * ```
   */
  readonly run: {
    /** With a Schema in `output`, `result.output` is the decoded final answer. */
    <A, RD = never>(
      input: Input.Input,
      options: Options.TypedTurnOptions<A, RD>
    ): Effect.Effect<Output.TypedResult<A>, TypedRunError, RD>
    (input: Input.Input, options?: Options.TurnOptions): Effect.Effect<TurnResult, RunError>
  }
  /** Starts a turn, and returns its handle, which streams, steers or interrupts it. The turn continues without the handle. */
  readonly turn: {
    <A, RD = never>(
      input: Input.Input,
      options: Options.TypedTurnOptions<A, RD>
    ): Effect.Effect<Turn.TypedTurn<A, RD>, StartTurnError>
    (input: Input.Input, options?: Options.TurnOptions): Effect.Effect<Turn.Turn, StartTurnError>
  }
  /**
   * Finds a turn of this thread that was started with this `clientUserMessageId`, and returns its handle: a program that was
   * restarted continues with the turn of the one before, whether it runs or has ended. Returns undefined if the thread has no such
   * turn, so a program that was killed at any moment can start it once and only once. Requires Codex 0.150 or later.
   *
   * The handle emits the completed items of the turn first, then what follows. The turn is one of this client from then on: later
   * turns of the thread wait for it, and closing the Layer interrupts it unless `detach` is set. Resume the thread first, so that its
   * handlers and tools answer.
   *
   * @example
   * ```ts
   * import * as Effect from "effect/Effect"
   * import { Codex } from "effect-codex"
   *
   * const resumed = (threadId: string, clientUserMessageId: string) =>
   *   Effect.gen(function*() {
   *     const codex = yield* Codex.Codex
   *     const thread = yield* codex.threadResume(threadId)
   *     const turn = (yield* thread.findTurn(clientUserMessageId))
   *       ?? (yield* thread.turn("Run the tests.", { clientUserMessageId }))
   *     return yield* turn.run
   *   })
   * ```
   */
  readonly findTurn: (clientUserMessageId: string) => Effect.Effect<Turn.Turn | undefined, StartTurnError>
  /**
   * Starts a turn when the stream is run, and emits its events. A consumer that stops early, or is interrupted, interrupts the
   * turn, and the stream ends after the turn. With a Schema in `output`, the last event is `$output` with the decoded answer.
   */
  readonly stream: {
    <A, RD = never>(
      input: Input.Input,
      options: Options.TypedTurnOptions<A, RD>
    ): Stream.Stream<
      Notification.Notification | Output.OutputEvent<A>,
      TypedRunError,
      RD
    >
    (
      input: Input.Input,
      options?: Options.TurnOptions
    ): Stream.Stream<Notification.Notification, StreamError>
  }
  /** Every notification of this thread, including those of its turns, from the moment the stream is run. */
  readonly notifications: Stream.Stream<Notification.Notification, CodexConnectionError>
  /**
   * Emits a handle for each sub-agent of this thread: first the known ones, then each new one. The handle of a sub-agent emits
   * its own sub-agents, and the events of its turns, which are not among the events of this thread. The stream does not end by
   * itself; it fails when the connection is lost.
   *
   * @example
   * ```ts
   * import * as Console from "effect/Console"
   * import * as Stream from "effect/Stream"
   * import type { Thread } from "effect-codex"
   *
   * const logged = (thread: Thread.Thread) =>
   *   Stream.runForEach(thread.children, (child) => Console.log(`${child.agentName} works for ${child.parentThreadId}`))
   * ```
   */
  readonly children: Stream.Stream<Thread, CodexConnectionError>
  /** Reads the thread from the server (`thread/read`). With `includeTurns`, the result has its turns and their items. */
  readonly read: (
    options?: { readonly includeTurns?: boolean | undefined }
  ) => Effect.Effect<Protocol.Thread, ThreadError>
  /** Sets the name of the thread (`thread/name/set`). */
  readonly setName: (name: string) => Effect.Effect<void, RequestError>
  /** Compacts the history of the thread (`thread/compact/start`) after the turns that wait already, and waits for its end. */
  readonly compact: Effect.Effect<void, OpenThreadError | TurnError>
  /** Starts a review (`review/start`), and returns the handle of its turn. A review cannot be steered. */
  readonly review: (target: Protocol.ReviewTarget) => Effect.Effect<Turn.Turn, StartTurnError>
  /**
   * Sets a goal of 1 to 4000 characters (`thread/goal/set`), which replaces any other goal of the thread. Returns its handle
   * when its first turn has started; the goal continues without the handle. Requires a thread that is not ephemeral and, with
   * some versions, the feature `goals` in Codex's configuration.
   *
   * @example
   * ```ts
   * import * as Console from "effect/Console"
   * import * as Effect from "effect/Effect"
   * import * as Stream from "effect/Stream"
   * import { Codex } from "effect-codex"
   *
   * const program = Effect.gen(function*() {
   *   const codex = yield* Codex.Codex
   *   const thread = yield* codex.threadStart({ sandbox: "workspaceWrite" })
   *   const goal = yield* thread.startGoal("All tests of this project pass.")
   *   yield* Stream.runForEach(goal.text, Console.log)
   *   return yield* thread.goal.read
   * })
   * ```
   */
  readonly startGoal: (objective: string, options?: Goal.GoalOptions) => Effect.Effect<Goal.Goal, StartTurnError>
  /**
   * Pursues a goal to its end: `startGoal`, then `run` of its handle. An interruption pauses the goal, interrupts the running
   * turn, and waits until that has ended.
   */
  readonly runGoal: (
    objective: string,
    options?: Goal.GoalOptions
  ) => Effect.Effect<TurnResult, RunError>
  /** The stored goal of the thread: reads, pauses, resumes and clears it. */
  readonly goal: Goal.StoredGoal
  /** The queue of the thread: input that the server turns into turns by itself. */
  readonly queue: ThreadQueue.ThreadQueue
  /** The background terminals of the thread: commands that run on after the agent has stopped waiting for them. */
  readonly backgroundTerminals: BackgroundTerminals.BackgroundTerminals
  /** Makes a checkpoint: a point of the conversation, and optionally of the files, to which the thread can be returned. */
  readonly checkpoint: (
    options?: Checkpoint.CheckpointOptions
  ) => Effect.Effect<Checkpoint.Checkpoint, ThreadError | ThreadBusyError | CheckpointError>
}

/**
 * @internal Returns the handle of a thread that is loaded in the connected server, or that the caller assumes to be loaded.
 * `agent` identifies the agent that runs its turns in spans and metrics.
 */
export const make = ({ client, router }: Services, id: string, agent: Agent = {}): Thread => {
  const { family } = router
  const turns = ThreadTurns.make({ client, router }, id, agent)
  const { begin, start } = turns

  const goals = Goal.make({ client, router, begin }, id)

  const runPlain = (input: Input.Input, options?: Options.TurnOptions) =>
    Effect.scoped(Effect.flatMap(start(input, options, false), ({ turn }) => Deferred.await(turn.result)))

  const turnPlain = (caller: Caller | undefined, input: Input.Input, options?: Options.TurnOptions) =>
    Turn.start(client, Turn.calledBy(caller, start(input, options, true)))

  /** A turn that is stopped with the scope. */
  const turnScoped = (caller: Caller | undefined, input: Input.Input, options?: Options.TurnOptions) =>
    Effect.map(Turn.calledBy(caller, start(input, options, true)), (started) => Turn.make(client, started))

  function run<A, RD>(
    input: Input.Input,
    options: Options.TypedTurnOptions<A, RD>
  ): Effect.Effect<Output.TypedResult<A>, TypedRunError, RD>
  function run(input: Input.Input, options?: Options.TurnOptions): Effect.Effect<TurnResult, RunError>
  function run<A, RD>(input: Input.Input, options?: Options.TurnOptions | Options.TypedTurnOptions<A, RD>) {
    const running = isTyped(options)
      ? Effect.flatMap(typed(options), ({ output, plain }) => Effect.flatMap(runPlain(input, plain), output.decode))
      : runPlain(input, options)
    return refuseAwait("thread.run", nameCaller(run, running))
  }

  function turn<A, RD>(
    input: Input.Input,
    options: Options.TypedTurnOptions<A, RD>
  ): Effect.Effect<Turn.TypedTurn<A, RD>, StartTurnError>
  function turn(input: Input.Input, options?: Options.TurnOptions): Effect.Effect<Turn.Turn, StartTurnError>
  function turn<A, RD>(input: Input.Input, options?: Options.TurnOptions | Options.TypedTurnOptions<A, RD>) {
    const caller = callerOf(turn)
    if (!isTyped(options)) return refuseAwait("thread.turn", turnPlain(caller, input, options))
    const starting = Effect.flatMap(
      typed(options),
      ({ output, plain }) =>
        Effect.map(turnPlain(caller, input, plain), (turn) => ({
          ...turn,
          run: naming(caller, Effect.flatMap(turn.run, output.decode))
        }))
    )
    return refuseAwait("thread.turn", starting)
  }

  function stream<A, RD>(
    input: Input.Input,
    options: Options.TypedTurnOptions<A, RD>
  ): Stream.Stream<
    Notification.Notification | Output.OutputEvent<A>,
    TypedRunError,
    RD
  >
  function stream(
    input: Input.Input,
    options?: Options.TurnOptions
  ): Stream.Stream<Notification.Notification, StreamError>
  function stream<A, RD>(input: Input.Input, options?: Options.TurnOptions | Options.TypedTurnOptions<A, RD>) {
    const caller = callerOf(stream)
    if (!isTyped(options)) return Stream.unwrap(Effect.map(turnScoped(caller, input, options), (turn) => turn.stream))
    return Stream.unwrap(
      Effect.flatMap(
        typed(options),
        ({ output, plain }) =>
          Effect.map(turnScoped(caller, input, plain), (turn) =>
            Stream.concat(
              turn.stream,
              Stream.fromEffect(
                Effect.map(naming(caller, Effect.flatMap(turn.run, output.decode)), ({ output, ...result }) => ({
                  method: "$output" as const,
                  output,
                  result
                }))
              )
            ))
      )
    )
  }

  const findTurn = (clientUserMessageId: string) =>
    refuseAwait(
      "thread.findTurn",
      Effect.map(turns.find(clientUserMessageId), (found) => found === undefined ? undefined : Turn.make(client, found))
    )

  const compact = Effect.suspend(() => begin(Compaction.start({ client, router }, id), { steerable: false })).pipe(
    Effect.flatMap(({ turn }) => Deferred.await(turn.result)),
    Effect.scoped,
    Effect.asVoid,
    // A compaction waits for a busy thread.
    Effect.catchTag("ThreadBusyError", Effect.die)
  )

  const readThread = (includeTurns: boolean | undefined) =>
    Effect.map(client.request("thread/read", { threadId: id, includeTurns }), ({ thread }) => thread)

  const review = (target: Protocol.ReviewTarget) =>
    Turn.start(client, Turn.calledBy(callerOf(review), turns.review(target)))

  return {
    id,
    get parentThreadId() {
      return family.get(id)?.parent ?? undefined
    },
    get agentName() {
      return family.get(id)?.agentName ?? undefined
    },
    get agentRole() {
      return family.get(id)?.agentRole ?? undefined
    },
    get sandbox() {
      return family.get(id)?.settings?.sandbox
    },
    get approvalPolicy() {
      return family.get(id)?.settings?.approvalPolicy
    },
    get model() {
      return family.get(id)?.settings?.model
    },
    get cwd() {
      return family.get(id)?.settings?.cwd
    },
    children: Stream.suspend(() =>
      Children.make({ client, router }, id, (childId) => make({ client, router }, childId, agent))
    ),
    run,
    turn,
    findTurn,
    stream,
    notifications: router.thread(id),
    read: (options = {}) =>
      check(options, optionChecks.read).pipe(
        Effect.andThen(readThread(options.includeTurns)),
        Effect.catchIf((error) => error._tag === "CodexRpcError" && saysUnstarted(error), () => readThread(false))
      ),
    setName: (name) => Effect.asVoid(client.request("thread/name/set", { threadId: id, name })),
    compact,
    review,
    startGoal: goals.start,
    runGoal: goals.run,
    goal: goals.stored,
    get queue() {
      return ThreadQueue.make({ client, router }, id)
    },
    get backgroundTerminals() {
      return BackgroundTerminals.make({ client, router }, id)
    },
    checkpoint: (options) => refuseAwait("thread.checkpoint", Checkpoint.make({ client, router }, id)(options))
  }
}

const isTyped = <A, RD>(
  options: Options.TurnOptions | Options.TypedTurnOptions<A, RD> | undefined
): options is Options.TypedTurnOptions<A, RD> =>
  Predicate.isObject(options) && "output" in options && options.output !== undefined

/** Prepares the Schema of a typed turn. Returns it with the options of a plain turn. */
const typed = Effect.fnUntraced(function*<A, RD>(options: Options.TypedTurnOptions<A, RD>) {
  yield* Params.checkTyped(options)
  const { output: schema, ...rest } = options
  const output = yield* OutputCodec.codec(schema)
  return { output, plain: { ...rest, outputSchema: output.jsonSchema } }
})
