/**
 * A thread: a conversation with the agent, turn after turn.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { CodexClient } from "./CodexClient.ts"
import * as Goal from "./Goal.ts"
import * as Input from "./Input.ts"
import {
  type CodexConnectionError,
  CodexTimeoutError,
  type RequestError,
  type RunError,
  type StartTurnError,
  type StreamError,
  type ThreadError,
  type TurnError,
  type TypedRunError
} from "./model/CodexError.ts"
import type * as Notification from "./model/Notification.ts"
import * as OutputCodec from "./model/OutputCodec.ts"
import type { TurnResult } from "./model/TurnResult.ts"
import * as Options from "./Options.ts"
import type * as Output from "./Output.ts"
import * as Turn from "./Turn.ts"
import { coalescing, sliding } from "./wire/eventBuffer.ts"
import type { Claimed, Router } from "./wire/Router.ts"
import type { Agent } from "./wire/Telemetry.ts"
import type { Restore, TurnBeginning } from "./wire/TurnStarts.ts"

/**
 * A thread. A handle: cheap, bound to its client, and one of any number for the same thread. Its Effects need no services.
 *
 * Turns of one thread run one after the other, whatever handle starts them: a second `run` waits for the first, unless
 * `whenBusy` says otherwise. Different threads run at the same time.
 *
 * @category models
 */
export interface Thread {
  readonly id: string
  /**
   * Runs a turn to its end. Interrupting it, also by `Effect.timeout` or `Effect.race`, interrupts the turn on the server
   * and waits until it has ended. Fails with `TurnFailedError` if the turn failed; an interrupted turn is a result.
   *
   * @example
   * ```ts
   * import * as Effect from "effect/Effect"
   * import { Codex } from "effect-codex"
   *
   * const program = Effect.gen(function*() {
   *   const codex = yield* Codex.Codex
   *   const thread = yield* codex.threadStart()
   *   const result = yield* thread.run("Say hello in one sentence.", { sandbox: "readOnly" })
   *   return result.finalResponse
   * })
   * ```
   */
  readonly run: {
    /** With `output`, a Schema: the final answer decoded, as `result.output`. */
    <A, RD = never>(
      input: Input.Input,
      options: Options.TypedTurnOptions<A, RD>
    ): Effect.Effect<Output.TypedResult<A>, TypedRunError, RD>
    (input: Input.Input, options?: Options.TurnOptions): Effect.Effect<TurnResult, RunError>
  }
  /** Starts a turn and gives its handle: to stream it, to steer it, to interrupt it. It goes on if the handle is dropped. */
  readonly turn: {
    <A, RD = never>(
      input: Input.Input,
      options: Options.TypedTurnOptions<A, RD>
    ): Effect.Effect<Turn.TypedTurn<A, RD>, StartTurnError>
    (input: Input.Input, options?: Options.TurnOptions): Effect.Effect<Turn.Turn, StartTurnError>
  }
  /**
   * The events of a turn that starts when the stream is run. A consumer that leaves early, or is interrupted, interrupts
   * the turn; the stream then ends when the turn has. With `output`, a Schema, the last event is `$output` with the
   * decoded answer.
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
  /** Every notification of this thread, of its turns too, from the moment the stream is run. */
  readonly notifications: Stream.Stream<Notification.Notification, CodexConnectionError>
  /** The thread as the server has it (`thread/read`); with its turns and their items if `includeTurns`. */
  readonly read: (
    options?: { readonly includeTurns?: boolean | undefined }
  ) => Effect.Effect<Protocol.Thread, ThreadError>
  /** Names the thread (`thread/name/set`). */
  readonly setName: (name: string) => Effect.Effect<void, RequestError>
  /** Compacts the thread's history (`thread/compact/start`), after the turns that are waiting; succeeds when it is done. */
  readonly compact: Effect.Effect<void, ThreadError | TurnError>
  /** Starts a review (`review/start`): a turn like any other. */
  readonly review: (target: Protocol.ReviewTarget) => Effect.Effect<Turn.Turn, StartTurnError>
  /**
   * Gives the thread a goal of 1 to 4000 characters, in place of any it has, and gives its handle when its first turn has
   * started. It goes on if the handle is dropped. Needs a thread that is not ephemeral and, with some versions, the
   * feature `goals` in Codex's configuration.
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
   * Pursues a goal to its end: as `startGoal`, then `run`. Interrupting it pauses the goal, interrupts the turn that runs,
   * and waits until it has ended.
   */
  readonly runGoal: (
    objective: string,
    options?: Goal.GoalOptions
  ) => Effect.Effect<TurnResult, RunError>
  /** The goal that the thread has: to read, pause, resume and clear it. */
  readonly goal: Goal.StoredGoal
}

/** What a handle is bound to. */
export interface Services {
  readonly client: CodexClient["Service"]
  readonly router: Router["Service"]
}

/**
 * The handle of a thread that is loaded in the connected server, or of which the caller says so. `agent` is who runs its
 * turns, for those who observe them.
 */
export const make = ({ client, router }: Services, id: string, agent: Agent = {}): Thread => {
  /** The model of a turn is that of the later ones, too. */
  let { model } = agent

  /** The connection in which the thread is loaded. */
  let loaded = client.connections()

  /**
   * Starts a turn on a thread that is loaded, by what is prepared first. A server that was started again knows no threads: they
   * are resumed on their next use.
   */
  const onLoaded = (
    start: (common: Pick<TurnBeginning, "prepare" | "agent">) => Effect.Effect<Claimed, StartTurnError>
  ): Effect.Effect<Claimed, StartTurnError> =>
    Effect.suspend(() => {
      let asked = loaded
      const prepare = Effect.flatMap(client.connected, (connection) => {
        asked = connection
        if (loaded === connection) return Effect.void
        return Effect.map(client.request("thread/resume", { threadId: id }), () => {
          loaded = connection
        })
      })
      return Effect.retry(start({ prepare, agent: { ...agent, model } }), {
        // It was started again after it was asked, and so refused the turn.
        while: (error) =>
          error._tag === "CodexRpcError" && error.reason._tag === "ThreadNotFound" && asked !== client.connections()
      })
    })

  /** Starts a turn. What it is bound to, such as its stop on interruption, has to follow before interruption is on again. */
  const start = (
    input: Input.Input,
    options: Options.TurnOptions = {},
    events: boolean,
    restore: Restore
  ): Effect.Effect<Claimed, StartTurnError> =>
    Effect.gen(function*() {
      const what = yield* Input.toTurnParams(input, client.look)
      const how = yield* Options.turnParams(options)
      const params = yield* Options.supported({ ...how, ...what, threadId: id }, client.metadata.serverVersion)
      model = options.model ?? model
      const claimed = yield* onLoaded((common) =>
        client.turns.start({
          ...common,
          method: "turn/start",
          params,
          events,
          whenBusy: options.whenBusy,
          timeout: options.startTimeout
        }, restore)
      )
      if (claimed.owned) bound(claimed, options.buffer)
      return claimed
    })

  /** Starts a turn in some other way than by a request. As with {@link start}, what it is bound to has to follow. */
  const begin = (
    beginning: Omit<TurnBeginning, "prepare" | "agent">,
    restore: Restore
  ): Effect.Effect<Claimed, StartTurnError> =>
    onLoaded((common) => client.turns.begin({ ...beginning, ...common }, restore))

  const goals = Goal.make({ client, router, begin }, id)

  const runPlain = (input: Input.Input, options?: Options.TurnOptions) =>
    client.turns.run((restore) => start(input, options, false, restore))

  const turnPlain = (input: Input.Input, options?: Options.TurnOptions) =>
    Turn.start(client, (restore) => start(input, options, true, restore))

  /** A turn that is stopped with the scope. */
  const turnScoped = (input: Input.Input, options?: Options.TurnOptions) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        start(input, options, true, restore),
        (claimed) => Effect.as(Effect.addFinalizer(() => client.turns.abandon(claimed)), Turn.make(client, claimed))
      )
    )

  function run<A, RD>(
    input: Input.Input,
    options: Options.TypedTurnOptions<A, RD>
  ): Effect.Effect<Output.TypedResult<A>, TypedRunError, RD>
  function run(input: Input.Input, options?: Options.TurnOptions): Effect.Effect<TurnResult, RunError>
  function run<A, RD>(input: Input.Input, options?: Options.TurnOptions | Options.TypedTurnOptions<A, RD>) {
    if (!isTyped(options)) return runPlain(input, options)
    return Effect.flatMap(typed(options), ({ output, plain }) => Effect.flatMap(runPlain(input, plain), output.decode))
  }

  function turn<A, RD>(
    input: Input.Input,
    options: Options.TypedTurnOptions<A, RD>
  ): Effect.Effect<Turn.TypedTurn<A, RD>, StartTurnError>
  function turn(input: Input.Input, options?: Options.TurnOptions): Effect.Effect<Turn.Turn, StartTurnError>
  function turn<A, RD>(input: Input.Input, options?: Options.TurnOptions | Options.TypedTurnOptions<A, RD>) {
    if (!isTyped(options)) return turnPlain(input, options)
    return Effect.flatMap(
      typed(options),
      ({ output, plain }) =>
        Effect.map(turnPlain(input, plain), (turn) => ({ ...turn, run: Effect.flatMap(turn.run, output.decode) }))
    )
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
    if (!isTyped(options)) return Stream.unwrap(Effect.map(turnScoped(input, options), (turn) => turn.stream))
    return Stream.unwrap(
      Effect.flatMap(
        typed(options),
        ({ output, plain }) =>
          Effect.map(turnScoped(input, plain), (turn) =>
            Stream.concat(
              turn.stream,
              Stream.fromEffect(Effect.map(Effect.flatMap(turn.run, output.decode), ({ output, ...result }) => ({
                method: "$output" as const,
                output,
                result
              })))
            ))
      )
    )
  }

  /** Starts a compaction. The server answers at once; then it begins a turn, which nothing but its events tells. */
  const startCompaction: Effect.Effect<Claimed, RequestError> = Effect.suspend(() => {
    const method = "thread/compact/start"
    const turn = Deferred.makeUnsafe<Claimed, CodexConnectionError>()
    const expected = router.expectTurn(id)
    expected.adopt((exit) => Deferred.doneUnsafe(turn, exit))
    return client.request(method, { threadId: id }).pipe(
      Effect.andThen(Effect.timeoutOrElse(Deferred.await(turn), {
        duration: compactionStarts,
        orElse: () =>
          Effect.fail(
            new CodexTimeoutError({ method, timeoutMs: Duration.toMillis(compactionStarts), threadId: id })
          )
      })),
      Effect.ensuring(Effect.sync(expected.close))
    )
  })

  const compact = client.turns.run((restore) =>
    begin({ threadId: id, begin: startCompaction, steerable: false }, restore)
  ).pipe(
    Effect.asVoid,
    // It waits instead.
    Effect.catchTag("ThreadBusyError", Effect.die)
  )

  const review = (target: Protocol.ReviewTarget) =>
    Turn.start(client, (restore) =>
      onLoaded((common) =>
        client.turns.start({
          ...common,
          method: "review/start",
          params: { threadId: id, target },
          events: true
        }, restore)
      ))

  return {
    id,
    run,
    turn,
    stream,
    notifications: router.thread(id),
    read: (options) =>
      Effect.map(
        client.request("thread/read", { threadId: id, includeTurns: options?.includeTurns }),
        ({ thread }) => thread
      ),
    setName: (name) => Effect.asVoid(client.request("thread/name/set", { threadId: id, name })),
    compact,
    review,
    startGoal: goals.start,
    runGoal: goals.run,
    goal: goals.stored
  }
}

/** How long the server may take to begin a compaction that it has accepted. */
const compactionStarts = Duration.seconds(30)

const isTyped = <A, RD>(
  options: Options.TurnOptions | Options.TypedTurnOptions<A, RD> | undefined
): options is Options.TypedTurnOptions<A, RD> =>
  options !== undefined && "output" in options && options.output !== undefined

/** The options without the Schema, and what the Schema comes to. */
const typed = <A, RD>({ output, ...options }: Options.TypedTurnOptions<A, RD>) =>
  Effect.map(OutputCodec.make(output), (output) => ({ output, plain: { ...options, outputSchema: output.jsonSchema } }))

const bound = ({ queue }: Claimed, buffer: Options.Buffer | undefined): void => {
  if (buffer === "coalesce") queue.events?.setBound(coalescing)
  else if (typeof buffer === "object") queue.events?.setBound(sliding(buffer.sliding))
}
