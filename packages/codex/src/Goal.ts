/**
 * Goals: an objective that the agent pursues on its own, turn after turn, until it is reached.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { oneOf } from "./base/options.ts"
import type { CodexClient } from "./CodexClient.ts"
import { check } from "./model/check.ts"
import {
  CodexTimeoutError,
  InvalidInputError,
  type RequestError,
  type RunError,
  type StartTurnError,
  ThreadBusyError
} from "./model/CodexError.ts"
import * as Limits from "./model/Limits.ts"
import type { TurnResult } from "./model/TurnResult.ts"
import type { TurnOptions } from "./Options.ts"
import * as Turn from "./Turn.ts"
import { GoalTurns } from "./wire/GoalTurns.ts"
import type { Router, StartedTurn } from "./wire/Router.ts"
import type { TurnControl } from "./wire/RunningTurn.ts"
import { stopTimeout } from "./wire/TurnControls.ts"
import type { ThreadRequest } from "./wire/TurnStarts.ts"

/**
 * A goal that is being pursued: a {@link Turn.Turn} that may be many turns of the server.
 *
 * They share one id, that of the first of them. `stream` has one `turn/started` and one `turn/completed`, and no
 * `thread/goal/*`; `run` gives the items of all of them, the usage of the last and of the whole thread, and the time from
 * the first start to the last end, in the server's whole seconds. `steer` reaches the turn that runs, or the next one.
 * `interrupt` pauses the goal, then interrupts the turn that runs. The thread is busy until the goal has ended.
 *
 * It ends with the turn in which the goal is reached, paused, blocked, cleared or out of budget; the result does not say
 * which: see {@link StoredGoal.read}. It fails with `TurnFailedError` if a turn failed.
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
  /** How many tokens the goal may use before the server ends it. Default: no limit. */
  readonly tokenBudget?: number | undefined
  /** What to do while a turn of the thread runs: await its end (the default), or fail with `ThreadBusyError`. */
  readonly whenBusy?: "wait" | "fail" | undefined
  /** Limits of the whole goal; what they leave out, those of the thread and of the Layer say. Default: none. */
  readonly limits?: Limits.Limits | undefined
  /** What happens to the goal's sub-agents when it is stopped: `"stop"`, the default, or `"leave"`. */
  readonly subagents?: "stop" | "leave" | undefined
  /** How long the server may take to start the first turn. Default: 30 seconds. */
  readonly startTimeout?: Duration.Input | undefined
}

/**
 * The goal that a thread has, pursued or not. A thread has one at most; it stays when it is reached.
 *
 * @category models
 */
export interface StoredGoal {
  /** The goal, or null (`thread/goal/get`): its `objective`, `status` and `tokensUsed`. */
  readonly read: Effect.Effect<Protocol.ThreadGoal | null, RequestError>
  /** Stops pursuing the goal when the turn that runs has ended (`thread/goal/set`). */
  readonly pause: Effect.Effect<Protocol.ThreadGoal, RequestError>
  /** Pursues the goal again, by the same rules as `startGoal`. */
  readonly resume: (options?: Omit<GoalOptions, "tokenBudget">) => Effect.Effect<Goal, StartTurnError>
  /** Removes the goal (`thread/goal/clear`); false if there was none. A turn that runs goes on to its end. */
  readonly clear: Effect.Effect<boolean, RequestError>
}

/** What a thread can do with goals. */
export interface Goals {
  /** Gives the thread a goal, and gives its handle when the first turn has started. */
  readonly start: (objective: string, options?: GoalOptions) => Effect.Effect<Goal, StartTurnError>
  /** Gives the thread a goal, and waits until it has come to its end. */
  readonly run: (objective: string, options?: GoalOptions) => Effect.Effect<TurnResult, RunError>
  /** The goal that the server has stored for the thread. */
  readonly stored: StoredGoal
}

/** What goals are bound to. */
export interface Services {
  readonly client: CodexClient["Service"]
  readonly router: Router["Service"]
  /** Starts a turn of the thread by other means than a request of its own, when the thread is free and loaded. */
  readonly begin: (
    starting: Effect.Effect<StartedTurn, StartTurnError>,
    request: Omit<ThreadRequest, "threadId" | "agent" | "limits">,
    options?: Pick<TurnOptions, "limits" | "subagents">
  ) => Effect.Effect<StartedTurn, StartTurnError, Scope.Scope>
}

/** What is asked of the server: a new goal, or the one there is. */
type Request = Pick<Protocol.ThreadGoalSetParams, "objective" | "tokenBudget">

/**
 * How long a turn may still start after the goal was paused between two turns. The server may have decided on it before,
 * and then starts it within milliseconds.
 */
const lateTurn = "500 millis"

/** The goals of one thread. */
export const make = ({ begin, client, router }: Services, threadId: string): Goals => {
  const set = (params: Omit<Protocol.ThreadGoalSetParams, "threadId">) =>
    Effect.map(client.request("thread/goal/set", { threadId, ...params }), ({ goal }) => goal)

  const clear = Effect.map(client.request("thread/goal/clear", { threadId }), ({ cleared }) => cleared)

  const steerTurn = (turnId: string, input: ReadonlyArray<Protocol.UserInputInput>) =>
    Effect.asVoid(client.request("turn/steer", { threadId, expectedTurnId: turnId, input }))

  const interruptTurn = (turnId: string) => Effect.asVoid(client.request("turn/interrupt", { threadId, turnId }))

  /** Gives more input to the turn that runs. */
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

  /** Pauses the goal, and interrupts the turn that runs. */
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
      const turns = new GoalTurns(threadId, events, router.errors, router.family.turns)
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
        // What may have begun is not left to itself.
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
    return Effect.andThen(
      check({ limits, subagents }, { limits: Limits.check, subagents: oneOf("stop", "leave") }),
      begin(starting, { whenBusy, steerable: true }, { limits, subagents })
    )
  }

  return {
    start: (objective, options = {}) =>
      Effect.flatMap(requestOf(objective, options), (request) => Turn.start(client, pursue(request, options, true))),
    run: (objective, options = {}) =>
      requestOf(objective, options).pipe(
        Effect.flatMap((request) => pursue(request, options, false)),
        Effect.flatMap(({ turn }) => Deferred.await(turn.result)),
        Effect.scoped
      ),
    stored: {
      read: Effect.map(client.request("thread/goal/get", { threadId }), ({ goal }) => goal ?? null),
      pause: set({ status: "paused" }),
      resume: (options = {}) => Turn.start(client, pursue({}, options, true)),
      clear
    }
  }
}

/** A new goal as the server takes it. */
const requestOf = (
  objective: string,
  { tokenBudget }: GoalOptions
): Effect.Effect<Request, InvalidInputError> =>
  Effect.map(checked(objective), (objective) => tokenBudget === undefined ? { objective } : { objective, tokenBudget })

/** The server's limit, in characters. */
const maxLength = 4000

const checked = (objective: string): Effect.Effect<string, InvalidInputError> => {
  if (typeof objective !== "string") return invalid("it is not a string; say in words what is to be reached")
  const trimmed = objective.trim()
  if (trimmed === "") return invalid("it is empty; say what is to be reached")
  const length = Array.from(trimmed).length
  return length > maxLength
    ? invalid(`it has ${length} characters, and ${maxLength} are allowed; put the details into a file and name that`)
    : Effect.succeed(trimmed)
}

const invalid = (detail: string) => Effect.fail(new InvalidInputError({ field: "objective", detail }))
