/**
 * Goals: objectives that the agent pursues by itself, over several turns, until they are reached. `thread.startGoal` sets one.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { callerOf, nameCaller, naming } from "./base/caller.ts"
import type { Checks } from "./base/options.ts"
import type { Services as Capability } from "./capabilities/Services.ts"
import { check } from "./model/errors/check.ts"
import {
  CodexTimeoutError,
  InvalidInputError,
  type RequestError,
  type RunError,
  type StartTurnError,
  ThreadBusyError
} from "./model/errors/CodexError.ts"
import type * as Limits from "./model/turns/Limits.ts"
import type { TurnResult } from "./model/turns/TurnResult.ts"
import type { TurnOptions } from "./Options.ts"
import * as optionChecks from "./options/checks.ts"
import * as Turn from "./Turn.ts"
import { GoalTurns } from "./wire/GoalTurns.ts"
import type { StartedTurn } from "./wire/Router.ts"
import type { TurnControl } from "./wire/RunningTurn.ts"
import { stopTimeout } from "./wire/TurnControls.ts"
import type { ThreadRequest } from "./wire/TurnStarts.ts"

/**
 * A handle of a goal in progress: a {@link Turn.Turn} that stands for one or more turns of the server.
 *
 * It has the id of the first of these turns. `stream` emits one `turn/started`, one `turn/completed`, and no `thread/goal/*`.
 * `run` returns the items of all turns, the usage of the last one and of the whole thread, and the time from the first start to
 * the last end, in the server's whole seconds. `steer` reaches the running turn, or the next one. `interrupt` pauses the goal,
 * then interrupts the running turn. The thread is busy until the goal has ended.
 *
 * The goal ends with the turn in which it is reached, paused, blocked, cleared or out of budget. {@link StoredGoal.read} returns
 * which of these it was. It fails with `TurnFailedError` if a turn fails.
 *
 * @category models
 */
export interface Goal extends Turn.Turn {}

/**
 * Options of a goal.
 *
 * @category models
 */
export interface GoalOptions {
  /** The number of tokens after which the server ends the goal. Default: no limit. */
  readonly tokenBudget?: number | undefined
  /** The behaviour while another turn of the thread runs: `"wait"` for its end, or `"fail"` with `ThreadBusyError`. Default: `"wait"`. */
  readonly whenBusy?: "wait" | "fail" | undefined
  /** Limits of the whole goal. Missing fields fall back to the limits of the thread, then of the Layer. Default: none. */
  readonly limits?: Limits.Limits | undefined
  /**
   * The fate of the goal's sub-agents when the goal is stopped: `"stop"` interrupts them too, `"leave"` lets them continue.
   * Default: `"stop"`.
   */
  readonly subagents?: "stop" | "leave" | undefined
  /** The time limit for the server to start the first turn. Default: 30 seconds. */
  readonly startTimeout?: Duration.Input | undefined
}

/**
 * The stored goal of a thread, in progress or not. A thread has at most one; it remains stored after it is reached.
 *
 * @category models
 */
export interface StoredGoal {
  /** Returns the goal with its `objective`, `status` and `tokensUsed` (`thread/goal/get`), or null if there is none. */
  readonly read: Effect.Effect<Protocol.ThreadGoal | null, RequestError>
  /** Pauses the goal after the running turn (`thread/goal/set`). */
  readonly pause: Effect.Effect<Protocol.ThreadGoal, RequestError>
  /** Continues the goal, in the same way as `startGoal`, and returns its handle. */
  readonly resume: (options?: Omit<GoalOptions, "tokenBudget">) => Effect.Effect<Goal, StartTurnError>
  /** Removes the goal (`thread/goal/clear`). Returns false if there was none. A running turn continues to its end. */
  readonly clear: Effect.Effect<boolean, RequestError>
}

/** @internal The goal methods of a thread. */
export interface Goals {
  /** Sets a goal, and returns its handle when the first turn has started. */
  readonly start: (objective: string, options?: GoalOptions) => Effect.Effect<Goal, StartTurnError>
  /** Sets a goal, and waits for its end. */
  readonly run: (objective: string, options?: GoalOptions) => Effect.Effect<TurnResult, RunError>
  /** The stored goal. */
  readonly stored: StoredGoal
}

/** @internal The services that goals use. */
export interface Services extends Capability {
  /** Starts a turn of the thread by other means than a request of its own, when the thread is free and loaded. */
  readonly begin: (
    starting: Effect.Effect<StartedTurn, StartTurnError>,
    request: Omit<ThreadRequest, "threadId" | "agent" | "limits">,
    options?: Pick<TurnOptions, "limits" | "subagents">
  ) => Effect.Effect<StartedTurn, StartTurnError, Scope.Scope>
}

/** The fields of a new goal. Empty to continue the stored one. */
type Request = Pick<Protocol.ThreadGoalSetParams, "objective" | "tokenBudget">

/**
 * The time in which a turn may still start after the goal was paused between two turns. The server may have decided to start it
 * before, and then does so within milliseconds.
 */
const lateTurn = "500 millis"

/** @internal Returns the goal methods of one thread. */
export const make = ({ begin, client, router }: Services, threadId: string): Goals => {
  const set = (params: Omit<Protocol.ThreadGoalSetParams, "threadId">) =>
    Effect.map(client.request("thread/goal/set", { threadId, ...params }), ({ goal }) => goal)

  const clear = Effect.map(client.request("thread/goal/clear", { threadId }), ({ cleared }) => cleared)

  const steerTurn = (turnId: string, input: ReadonlyArray<Protocol.UserInputInput>) =>
    Effect.asVoid(client.request("turn/steer", { threadId, expectedTurnId: turnId, input }))

  const interruptTurn = (turnId: string) => Effect.asVoid(client.request("turn/interrupt", { threadId, turnId }))

  /** Sends more input to the running turn. */
  const steer = (turns: GoalTurns): TurnControl["steer"] => (input) =>
    Effect.flatMap(
      turns.turn("turn/steer"),
      (current) =>
        Effect.catchTag(steerTurn(current, input), "CodexRpcError", (error) => {
          // The server has begun the next turn already, or is between two.
          const { reason } = error
          if (reason._tag === "TurnMismatch") return steerTurn(reason.runningTurnId ?? current, input)
          if (reason._tag !== "NoActiveTurn") return Effect.fail(error)
          return Effect.flatMap(turns.turn("turn/steer", current), (next) => steerTurn(next, input))
        })
    )

  /** Pauses the goal, and interrupts the running turn. */
  const stop = (turns: GoalTurns): Effect.Effect<void, RequestError> =>
    Effect.gen(function*() {
      const pauses = turns.isActive
      if (pauses) yield* set({ status: "paused" })
      const { current } = turns
      const next = pauses
        ? Effect.flatMap(Effect.timeoutOption(turns.turn("turn/interrupt", current), lateTurn), (turnId) =>
          Option.match(turnId, { onNone: () => Effect.void, onSome: interruptTurn }))
        : Effect.void
      if (current === null) {
        return yield* next
      }
      yield* Effect.catchTag(interruptTurn(current), "CodexRpcError", (error) => {
        const { reason } = error
        if (reason._tag === "TurnMismatch") {
          return interruptTurn(reason.runningTurnId ?? current)
        }
        return reason._tag === "NoActiveTurn" ? next : Effect.fail(error)
      })
    })

  const pursue = (
    request: Request,
    { limits, startTimeout = "30 seconds", subagents, whenBusy }: GoalOptions,
    events: boolean
  ) => {
    const starting = Effect.gen(function*() {
      const { thread } = yield* client.request("thread/read", { threadId })
      // A turn that was not started here. The server would take the goal, and pursue it afterwards.
      if (thread.status.type === "active") return yield* new ThreadBusyError({ threadId })
      if (request.objective !== undefined) yield* clear
      const turns = new GoalTurns(threadId, events, router.errors, router.family.turns, router.seen())
      const unfollow = router.follow(threadId, turns)
      const started = yield* set({ ...request, status: "active" }).pipe(
        Effect.andThen(turns.first),
        Effect.timeoutOrElse({
          duration: startTimeout,
          orElse: () =>
            Effect.fail(
              new CodexTimeoutError({
                method: "thread/goal/set",
                timeoutMs: Duration.toMillis(Duration.fromInputUnsafe(startTimeout)),
                threadId
              })
            )
        }),
        // A turn may have started, so it is interrupted.
        Effect.tapCause(() =>
          Effect.ensuring(Effect.ignore(Effect.timeoutOption(stop(turns), stopTimeout)), Effect.sync(unfollow))
        )
      )
      const { turn } = started
      turn.whenEnded(unfollow)
      turn.control = {
        steer: steer(turns),
        interrupt: Effect.suspend(() => turn.ended ? Effect.void : turns.interruptWith(stop(turns)))
      }
      return started
    })
    return begin(starting, { whenBusy, steerable: true }, { limits, subagents })
  }

  const start: Goals["start"] = (objective, options = {}) => {
    const caller = callerOf(start)
    return Effect.flatMap(
      naming(caller, requestOf(objective, options)),
      (request) => Turn.start(client, Turn.calledBy(caller, pursue(request, options, true)))
    )
  }

  const run: Goals["run"] = (objective, options = {}) =>
    nameCaller(
      run,
      requestOf(objective, options).pipe(
        Effect.flatMap((request) => pursue(request, options, false)),
        Effect.flatMap(({ turn }) => Deferred.await(turn.result)),
        Effect.scoped
      )
    )

  const resume: StoredGoal["resume"] = (options = {}) => {
    const caller = callerOf(resume)
    return Effect.andThen(
      naming(caller, checkOptions(options)),
      () => Turn.start(client, Turn.calledBy(caller, pursue({}, options, true)))
    )
  }

  return {
    start,
    run,
    stored: {
      read: Effect.map(client.request("thread/goal/get", { threadId }), ({ goal }) => goal ?? null),
      pause: set({ status: "paused" }),
      resume,
      clear
    }
  }
}

/** Checks a new goal, and returns its fields. */
const requestOf = (
  objective: string,
  options: GoalOptions
): Effect.Effect<Request, InvalidInputError> =>
  Effect.andThen(checkOptions(options), () =>
    Effect.map(checked(objective), (objective) => {
      const { tokenBudget } = options
      return tokenBudget === undefined ? { objective } : { objective, tokenBudget }
    }))

const checkOptions = (options: GoalOptions) => {
  const checks: Checks<GoalOptions> = optionChecks.goal
  return check(options, checks)
}

/** The server's limit, in characters. */
const maxLength = 4000

const checked = (objective: string): Effect.Effect<string, InvalidInputError> => {
  if (typeof objective !== "string") return invalid("it is not a string; describe the objective in words")
  const trimmed = objective.trim()
  if (trimmed === "") return invalid("it is empty; describe the objective")
  const length = Array.from(trimmed).length
  return length > maxLength
    ? invalid(
      `it has ${length} characters, but only ${maxLength} are allowed; write the details to a file and mention the file`
    )
    : Effect.succeed(trimmed)
}

const invalid = (detail: string) => Effect.fail(new InvalidInputError({ field: "objective", detail }))
