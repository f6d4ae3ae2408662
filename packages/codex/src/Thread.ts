/**
 * A thread: a conversation with the agent, turn after turn.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CodexClient } from "./CodexClient.ts"
import * as Goal from "./Goal.ts"
import * as Input from "./Input.ts"
import {
  type CodexConnectionError,
  CodexTimeoutError,
  type OpenThreadError,
  type RequestError,
  type RunError,
  type StartTurnError,
  type StreamError,
  type ThreadError,
  type TurnError,
  type TypedRunError
} from "./model/CodexError.ts"
import * as Limits from "./model/Limits.ts"
import type * as Notification from "./model/Notification.ts"
import * as OutputCodec from "./model/OutputCodec.ts"
import * as Settings from "./model/Settings.ts"
import type { TurnResult } from "./model/TurnResult.ts"
import * as Options from "./Options.ts"
import * as OptionsInForce from "./OptionsInForce.ts"
import type * as Output from "./Output.ts"
import * as Turn from "./Turn.ts"
import { coalescing, sliding } from "./wire/eventBuffer.ts"
import type { Member } from "./wire/Family.ts"
import type { Router, StartedTurn } from "./wire/Router.ts"
import type { Agent } from "./wire/Telemetry.ts"
import type { AcquiredThread, ThreadRequest } from "./wire/TurnStarts.ts"

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
  /** The thread that has spawned this one as a sub-agent; undefined if it is none, or if that is not known. */
  readonly parentThreadId: string | undefined
  /** The name of the sub-agent; undefined if it has none, or if it is not known. */
  readonly agentName: string | undefined
  /** The role of the sub-agent; undefined if it has none, or if it is not known. */
  readonly agentRole: string | undefined
  /** The sandbox in force for the next turn; undefined on a handle from `codex.thread` until something is known. */
  readonly sandbox: Protocol.SandboxPolicy | undefined
  /** The approval policy in force for the next turn; undefined as with `sandbox`. */
  readonly approvalPolicy: Protocol.AskForApproval | undefined
  /** The model in force for the next turn; undefined as with `sandbox`. */
  readonly model: string | undefined
  /** The working directory in force for the next turn; undefined as with `sandbox`. */
  readonly cwd: string | undefined
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
  /**
   * The sub-agents that this thread has spawned: those that are known, then each new one, as handles. Sub-agents of
   * sub-agents are on the handles of those. What a sub-agent does is on its handle, not in the turns of this thread. The
   * stream does not end by itself; it fails when the connection is lost.
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
  /** The thread as the server has it (`thread/read`); with its turns and their items if `includeTurns`. */
  readonly read: (
    options?: { readonly includeTurns?: boolean | undefined }
  ) => Effect.Effect<Protocol.Thread, ThreadError>
  /** Names the thread (`thread/name/set`). */
  readonly setName: (name: string) => Effect.Effect<void, RequestError>
  /** Compacts the thread's history (`thread/compact/start`), after the turns that are waiting; succeeds when it is done. */
  readonly compact: Effect.Effect<void, OpenThreadError | TurnError>
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
   * import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
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

  const { family } = router

  /** The connection in which the thread is loaded. */
  let loaded = client.connections()

  /** Whether the server has the thread loaded on this connection, and sends its events. */
  const isLoaded = (connection: number): boolean => loaded === connection && client.isSubscribed(id)

  /** Resumes the thread: a restarted server knows no threads, and after `thread/unsubscribe` it sends no events of a turn. */
  const load = (connection: number): Effect.Effect<void, StartTurnError> =>
    Effect.gen(function*() {
      const before = family.get(id)
      const config = before?.openedWith.config
      const response = yield* client.request("thread/resume", {
        threadId: id,
        // The server stores all other options.
        ...(config === undefined || config === null ? {} : { config })
      })
      const inherited = before?.settings
      const changes = yield* OptionsInForce.bring(client, {}, response, { wasLoaded: false, inherited })
      const member = family.open(response.thread)
      member.settings = Settings.update(Settings.update(inherited, response), changes)
      loaded = connection
    })

  /** Starts a turn when the thread is free and loaded, and its sub-agents are within what the turn allows. */
  const startOn = (
    request: Omit<ThreadRequest, "threadId" | "agent" | "limits">,
    start: (thread: AcquiredThread) => Effect.Effect<StartedTurn, StartTurnError, Scope.Scope>,
    { limits, subagents }: Pick<Options.TurnOptions, "limits" | "subagents"> = {},
    params: object = {}
  ): Effect.Effect<StartedTurn, StartTurnError, Scope.Scope> =>
    Effect.flatMap(
      client.turns.acquire({
        ...request,
        threadId: id,
        agent: { ...agent, model },
        limits: Limits.resolve([limits, ...family.lineage(id).members.map(({ limits }) => limits), client.limits])
      }),
      (thread) => {
        let stopped = 0
        const connected = Effect.catch(client.connected, (error) => thread.prepare(Effect.fail(error)))
        const narrowed = Effect.map(client.subagents.narrow(id, params), (count) => {
          stopped += count
        })
        const attempt: Effect.Effect<StartedTurn, StartTurnError, Scope.Scope> = Effect.flatMap(connected, (asked) => {
          const ready = isLoaded(asked) ? narrowed : Effect.andThen(load(asked), narrowed)
          return Effect.catch(
            Effect.andThen(thread.prepare(ready), start(thread)),
            // The server was started again after it was asked, and so refused the turn.
            (error) =>
              error._tag === "CodexRpcError" && error.reason._tag === "ThreadNotFound" && asked !== client.connections()
                ? attempt
                : Effect.fail(error)
          )
        })
        return Effect.map(attempt, (started) => {
          started.turn.stoppedBefore = stopped
          started.turn.leavesSubagents = subagents === "leave"
          return started
        })
      }
    )

  /** A turn by its input. The scope stops it. */
  const start = (
    input: Input.Input,
    options: Options.TurnOptions = {},
    events: boolean
  ): Effect.Effect<StartedTurn, StartTurnError, Scope.Scope> =>
    Effect.gen(function*() {
      const what = yield* Input.toTurnParams(input, client.look)
      const how = yield* Options.turnParams(options)
      yield* Options.checkDirectory(options.cwd, client.look)
      const params = yield* Options.supported({ ...how, ...what, threadId: id }, client.metadata.serverVersion)
      model = options.model ?? model
      const { startTimeout: timeout, whenBusy } = options
      if (whenBusy === "steer") {
        const joined = yield* client.turns.join(id, params.input, events)
        if (joined !== undefined) return joined
      }
      const before = family.get(id)?.settings
      const request = { method: "turn/start", params, events, timeout } as const
      const started = yield* startOn(
        { whenBusy: whenBusy === "fail" ? "fail" : "wait", steerable: true },
        (thread) => thread.start(request),
        options,
        params
      )
      bound(started, options.buffer)
      const member = family.ensure(id)
      // Later servers have told by now what is in force.
      if (member.settings === before) member.settings = Settings.update(before, params)
      return started
    })

  const begin: Goal.Services["begin"] = (starting, request, options) =>
    startOn(request, (thread) => thread.begin(starting), options)

  const goals = Goal.make({ client, router, begin }, id)

  const runPlain = (input: Input.Input, options?: Options.TurnOptions) =>
    Effect.scoped(Effect.flatMap(start(input, options, false), ({ turn }) => Deferred.await(turn.result)))

  const turnPlain = (input: Input.Input, options?: Options.TurnOptions) =>
    Turn.start(client, start(input, options, true))

  /** A turn that is stopped with the scope. */
  const turnScoped = (input: Input.Input, options?: Options.TurnOptions) =>
    Effect.map(start(input, options, true), (started) => Turn.make(client, started))

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
  const startCompaction: Effect.Effect<StartedTurn, RequestError> = Effect.suspend(() => {
    const method = "thread/compact/start"
    const turn = Deferred.makeUnsafe<StartedTurn, CodexConnectionError>()
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

  const compact = begin(startCompaction, { steerable: false }).pipe(
    Effect.flatMap(({ turn }) => Deferred.await(turn.result)),
    Effect.scoped,
    Effect.asVoid,
    // It waits instead.
    Effect.catchTag("ThreadBusyError", Effect.die)
  )

  const review = (target: Protocol.ReviewTarget) => {
    const request = { method: "review/start", params: { threadId: id, target }, events: true } as const
    // The server does not steer a review.
    return Turn.start(client, startOn({ steerable: false }, (thread) => thread.start(request)))
  }

  /** The handle of a sub-agent. The server reports the name and role of some of them only when it is asked. */
  const childOf = (child: Member): Effect.Effect<Thread> => {
    const asked = child.agentName !== null && child.agentRole !== null ? Effect.void : Effect.ignore(
      Effect.map(
        client.request("thread/read", { threadId: child.threadId }, { timeout: "5 seconds" }),
        ({ thread }) => family.learn(thread)
      )
    )
    return Effect.map(asked, () => make({ client, router }, child.threadId, agent))
  }

  const children = Stream.callback<Member, CodexConnectionError>((queue) =>
    Effect.gen(function*() {
      const unwatch = family.watch(id, (child) => Queue.offerUnsafe(queue, child))
      yield* Effect.addFinalizer(() => Effect.sync(unwatch))
      for (const child of family.children(id)) Queue.offerUnsafe(queue, child)
      yield* Effect.flatMap(client.closed, (error) => Queue.fail(queue, error))
    })
  )

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
    children: Stream.mapEffect(children, childOf),
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

const bound = ({ turn }: StartedTurn, buffer: Options.Buffer | undefined): void => {
  if (buffer === "coalesce") turn.events?.setBound(coalescing)
  else if (typeof buffer === "object") turn.events?.setBound(sliding(buffer.sliding))
}
