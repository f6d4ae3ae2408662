/**
 * A handle of a hosted thread, over the requests of a client.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type { TypedRunError } from "effect-codex/CodexError"
import type * as Input from "effect-codex/Input"
import * as Output from "effect-codex/Output"
import type { TurnResult } from "effect-codex/TurnResult"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { HostedError } from "../model/errors.ts"
import type { HostedEvent } from "../model/events.ts"
import { checkNames } from "../model/names.ts"
import { type HostedTurnOptions, toWire, type TypedHostedTurnOptions } from "../model/options.ts"
import type { Cursor, Location, RunAnswer } from "../model/rpcs.ts"
import * as Calls from "./Calls.ts"
import * as Following from "./Following.ts"
import * as HostedTurn from "./HostedTurn.ts"

/**
 * A handle of a thread on the cluster, by its name. A plain value: its methods need no services.
 *
 * The thread is created at its first turn or `read`, on the machine to which its name is assigned. It moves when machines fail,
 * leave or join; the handle stays the same. Names have at most 255 characters.
 *
 * @category models
 */
export interface HostedThread {
  readonly name: string
  /**
   * Runs a turn, and returns its result. The request is stored before it is handled, so the run continues without this program,
   * and the same `turnKey` returns the same answer. Interrupting the fiber interrupts the turn, and waits for its end for at
   * most three seconds. That is recorded, so no runner continues it; later calls with the same key return a result with status
   * `"interrupted"`, whose `id` is empty if the turn never began.
   *
   * Fails with `TurnCutOffError` if a failure cut the turn off (see `onCutOff`), with `ThreadUnavailableError` if the thread cannot
   * be reached, and otherwise like `run` of a Codex thread. A result that was found in the thread's history has `usage` null.
   *
   * @example
   * ```ts
   * import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
   * import * as Effect from "effect/Effect"
   *
   * const program = Effect.gen(function*() {
   *   const threads = yield* HostedThreads.HostedThreads
   *   const thread = threads.thread("ticket-4711")
   *   const result = yield* thread.run("Fix the bug.", { turnKey: "job-1", onCutOff: "continue" })
   *   return result.finalResponse
   * })
   * ```
   */
  readonly run: {
    /** With a Schema in `output`, `result.output` is the decoded final answer. */
    <A, RD = never>(
      input: Input.Input,
      options: TypedHostedTurnOptions<A, RD>
    ): Effect.Effect<Output.TypedResult<A>, HostedError | TypedRunError, RD>
    (input: Input.Input, options?: HostedTurnOptions): Effect.Effect<TurnResult, HostedError>
  }
  /** Starts a run, and returns its handle when its turn has begun. The run continues without the handle. */
  readonly turn: {
    <A, RD = never>(
      input: Input.Input,
      options: TypedHostedTurnOptions<A, RD>
    ): Effect.Effect<HostedTurn.TypedHostedTurn<A, TypedRunError, RD>, HostedError | TypedRunError>
    (input: Input.Input, options?: HostedTurnOptions): Effect.Effect<HostedTurn.HostedTurn, HostedError>
  }
  /**
   * Starts a run when the stream is run, and emits its events, with those of the host. With the `turnKey` of a turn that runs or has
   * ended, it begins with the first event of that turn, if the host still has it. A consumer that stops early, or is interrupted,
   * interrupts the turn. With a Schema in `output`, the last event is `$output` with the decoded answer.
   */
  readonly stream: {
    <A, RD = never>(
      input: Input.Input,
      options: TypedHostedTurnOptions<A, RD>
    ): Stream.Stream<HostedEvent | Output.OutputEvent<A>, HostedError | TypedRunError, RD>
    (input: Input.Input, options?: HostedTurnOptions): Stream.Stream<HostedEvent, HostedError>
  }
  /** Sends more input to the running turn (`turn/steer`). It is not stored: if the turn is cut off, the input is gone. */
  readonly steer: (
    input: Input.Input,
    options?: { readonly turnKey?: string | undefined }
  ) => Effect.Effect<void, HostedError>
  /**
   * Interrupts the running turn, or the run of a key, running or waiting. The request is stored before the turn is interrupted,
   * so no runner continues it. Without a key it fails with reason `NotRunning` if no turn runs.
   */
  readonly interrupt: (options?: { readonly turnKey?: string | undefined }) => Effect.Effect<void, HostedError>
  /** Reads the thread from its server (`thread/read`). With `includeTurns`, the result has its turns and their items. */
  readonly read: (
    options?: { readonly includeTurns?: boolean | undefined }
  ) => Effect.Effect<Protocol.Thread, HostedError>
  /**
   * Emits every notification of the thread, and the events of the host, from the moment the stream is run or after a cursor. It
   * continues across moves and lost connections: in order, without gaps or duplicates within an epoch; a new epoch begins with
   * `$moved`.
   */
  readonly notifications: (
    options?: { readonly from?: Cursor | undefined }
  ) => Stream.Stream<HostedEvent, HostedError>
  /**
   * Answers a request of the server that arrived as `$asked`, with the response of its method. Returns false if no answer is
   * needed any more. Needs a host with `serverRequests: "clients"`.
   */
  readonly answer: (requestId: string, response: unknown) => Effect.Effect<boolean, HostedError>
  /** The runner of the thread and its state there. */
  readonly where: Effect.Effect<Location, HostedError>
}

/** The schedule for sending a run again, which is safe: runs with the same key are one run. */
const again = Schedule.upTo(Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("2 seconds")]), {
  times: 10
})

const keyOf = (name: string, options: HostedTurnOptions) =>
  Effect.suspend(() => {
    const turnKey = options.turnKey ?? crypto.randomUUID()
    return Effect.as(checkNames(name, turnKey), turnKey)
  })

/** Creates the handle of a thread. Runs of `turn` belong to `scope`; `headers` go with each request. */
export const make = (
  name: string,
  client: Calls.Client,
  scope: Scope.Scope,
  headers: Headers.Headers = Headers.empty
): HostedThread => {
  /** Emits the events of the thread, from the turn of a key on, if the host has its events, or from now on. */
  const follow = (from: Cursor | null, turnKey: string | null = null) =>
    Following.follow(
      (from) => Calls.stream(name, client.Events({ thread: name, from, turnKey }, { headers })),
      from
    )

  /** Prepares a run. It has a fiber of its own, which outlives the caller. */
  const prepare = (
    input: Input.Input,
    options: HostedTurnOptions,
    turnKey: string
  ): Effect.Effect<Following.Run> =>
    Effect.map(Deferred.make<RunAnswer, HostedError>(), (answered) => {
      const { onCutOff = "fail", turnKey: _, ...rest } = options
      const answer = Deferred.await(answered)
      return {
        begin: Calls.call(
          name,
          client.Run({ thread: name, turnKey, input, options: toWire(rest), onCutOff }, { headers })
        ).pipe(
          Effect.retry({
            schedule: again,
            while: (error) => error._tag === "ThreadUnavailableError" && error.reason === "Unreachable"
          }),
          Effect.onExit((exit) => Deferred.done(answered, exit)),
          Effect.forkIn(scope),
          Effect.asVoid
        ),
        answer,
        stop: interrupt({ turnKey }).pipe(
          Effect.andThen(Effect.exit(answer)),
          Effect.timeoutOption("3 seconds"),
          Effect.ignore
        )
      }
    })

  const runPlain = (input: Input.Input, options: HostedTurnOptions = {}) =>
    Effect.gen(function*() {
      const { answer, begin, stop } = yield* prepare(input, options, yield* keyOf(name, options))
      // A run is interrupted with its caller.
      const { result } = yield* Effect.uninterruptibleMask((restore) =>
        Effect.andThen(begin, Effect.onInterrupt(restore(answer), () => stop))
      )
      return result
    })

  const turnPlain = (
    input: Input.Input,
    options: HostedTurnOptions = {}
  ): Effect.Effect<HostedTurn.HostedTurn, HostedError> =>
    Effect.gen(function*() {
      const turnKey = yield* keyOf(name, options)
      const { answer, begin } = yield* prepare(input, options, turnKey)
      let from: Cursor | null = null
      const begun = follow(null, turnKey).pipe(
        Stream.tap((event) =>
          Effect.sync(() => {
            from ??= event.cursor
          })
        ),
        Stream.takeUntil((event) => event.method === "$turnStarted" && event.turnKey === turnKey),
        Stream.runDrain
      )
      yield* begin
      yield* Effect.raceFirst(begun, Effect.exit(answer))
      const stream = Stream.suspend(() =>
        Following.ofRun(follow(from, turnKey), turnKey, { begin: Effect.void, answer, stop: Effect.void })
      )
      return {
        turnKey,
        ...HostedTurn.partsOf(stream),
        run: Effect.map(answer, ({ result }) => result),
        steer: (input) => steer(input, { turnKey }),
        interrupt: interrupt({ turnKey })
      }
    })

  /** Emits the events of a run, and then what `after` makes of its result. */
  const streamRun = <A, E, R>(
    input: Input.Input,
    options: HostedTurnOptions,
    after: (result: Effect.Effect<TurnResult, HostedError>) => Stream.Stream<A, E, R>
  ) =>
    Stream.unwrap(Effect.gen(function*() {
      const turnKey = yield* keyOf(name, options)
      const run = yield* prepare(input, options, turnKey)
      return Stream.concat(
        Following.ofRun(follow(null, turnKey), turnKey, run),
        after(Effect.map(run.answer, ({ result }) => result))
      )
    }))

  const steer: HostedThread["steer"] = (input, { turnKey = null } = {}) =>
    Calls.call(name, client.Steer({ thread: name, turnKey, input }, { headers }))

  const interrupt: HostedThread["interrupt"] = ({ turnKey = null } = {}) =>
    Calls.call(name, client.Interrupt({ thread: name, turnKey }, { headers }))

  function run<A, RD>(
    input: Input.Input,
    options: TypedHostedTurnOptions<A, RD>
  ): Effect.Effect<Output.TypedResult<A>, HostedError | TypedRunError, RD>
  function run(input: Input.Input, options?: HostedTurnOptions): Effect.Effect<TurnResult, HostedError>
  function run<A, RD>(input: Input.Input, options?: HostedTurnOptions | TypedHostedTurnOptions<A, RD>) {
    if (!isTyped(options)) return runPlain(input, options)
    return Effect.flatMap(typed(options), ({ output, plain }) => Effect.flatMap(runPlain(input, plain), output.decode))
  }

  function turn<A, RD>(
    input: Input.Input,
    options: TypedHostedTurnOptions<A, RD>
  ): Effect.Effect<HostedTurn.TypedHostedTurn<A, TypedRunError, RD>, HostedError | TypedRunError>
  function turn(input: Input.Input, options?: HostedTurnOptions): Effect.Effect<HostedTurn.HostedTurn, HostedError>
  function turn<A, RD>(input: Input.Input, options?: HostedTurnOptions | TypedHostedTurnOptions<A, RD>) {
    if (!isTyped(options)) return turnPlain(input, options)
    return Effect.flatMap(
      typed(options),
      ({ output, plain }) =>
        Effect.map(turnPlain(input, plain), (turn) => ({ ...turn, run: Effect.flatMap(turn.run, output.decode) }))
    )
  }

  function stream<A, RD>(
    input: Input.Input,
    options: TypedHostedTurnOptions<A, RD>
  ): Stream.Stream<HostedEvent | Output.OutputEvent<A>, HostedError | TypedRunError, RD>
  function stream(input: Input.Input, options?: HostedTurnOptions): Stream.Stream<HostedEvent, HostedError>
  function stream<A, RD>(input: Input.Input, options?: HostedTurnOptions | TypedHostedTurnOptions<A, RD>) {
    if (!isTyped(options)) return streamRun(input, options ?? {}, () => Stream.empty)
    return Stream.unwrap(
      Effect.map(
        typed(options),
        ({ output, plain }) =>
          streamRun(input, plain, (result) =>
            Stream.fromEffect(Effect.map(
              Effect.flatMap(result, output.decode),
              ({ output, ...result }) => ({ method: "$output" as const, output, result })
            )))
      )
    )
  }

  return {
    name,
    run,
    turn,
    stream,
    steer,
    interrupt,
    read: ({ includeTurns = false } = {}) => Calls.call(name, client.Read({ thread: name, includeTurns }, { headers })),
    notifications: ({ from } = {}) =>
      Stream.filter(
        follow(from ?? null),
        (event): event is HostedEvent => event.method !== "$here"
      ),
    answer: (requestId, answer) => Calls.call(name, client.Answer({ thread: name, requestId, answer }, { headers })),
    where: Calls.call(name, client.Where({ thread: name }, { headers }))
  }
}

const isTyped = <A, RD>(
  options: HostedTurnOptions | TypedHostedTurnOptions<A, RD> | undefined
): options is TypedHostedTurnOptions<A, RD> =>
  Predicate.isObject(options) && "output" in options && options.output !== undefined

/** Prepares the Schema of a typed run. */
const typed = <A, RD>({ output: schema, ...rest }: TypedHostedTurnOptions<A, RD>) =>
  Effect.map(Output.codec(schema), (output) => ({ output, plain: { ...rest, outputSchema: output.jsonSchema } }))
