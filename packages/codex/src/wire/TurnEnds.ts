/**
 * The end of turns whose completion does not arrive, and of turns that cannot continue.
 *
 * A turn usually ends with `turn/completed`. It also ends with its thread, and when the server reports that the thread is idle and
 * `thread/read` confirms it. Otherwise its callers would wait forever.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import type { Deadlines } from "../base/Deadlines.ts"
import { printable } from "../base/printable.ts"
import type { Hide } from "../base/secrets.ts"
import type { Follower } from "./Followers.ts"
import { afterUsage } from "./Rejoin.ts"
import type { Router, Watch } from "./Router.ts"
import type { RunningTurn } from "./RunningTurn.ts"
import type { Send, TurnControls } from "./TurnControls.ts"

/** The completion of a turn may arrive a little later than the report that its thread is idle. */
const completionComes = Duration.seconds(1)

/** A turn that was accepted may take a while to begin; its thread is idle until then. */
const turnBegins = Duration.seconds(5)

/** An answer that the agent has begun may be complete a little later than its turn. */
const answerComes = Duration.seconds(1)

/** Returns the message for a turn that ended with a notification of this method. */
export const lostWith = (method: string): string =>
  method === "thread/status/changed"
    ? "The thread is idle, but the server has not completed this turn. Run it again."
    : `The thread is not loaded any more (${method}), and this turn was not completed. Resume the thread and run it again.`

/** The message for a turn that runs without a login. */
const notLoggedIn = "No account is logged in, and the model provider needs an OpenAI account. "
  + "Log in with `codex.loginApiKey` or `codex.loginChatgpt`, or configure another `model_provider`."

/** The turns of one client whose completion may not arrive. */
export const make = ({ controls, deadlines, fork, router, send }: {
  readonly router: Router["Service"]
  readonly deadlines: Deadlines
  readonly send: Send
  readonly controls: TurnControls
  /** Runs an effect in the background. */
  readonly fork: (effect: Effect.Effect<void>) => void
}): Watch => {
  /** Turns that are being checked. */
  const suspects = new WeakSet<RunningTurn>()
  /** The checks of goals between two turns, each with a function that cancels it. Each turn of a goal begins a new one. */
  const goalChecks = new WeakMap<Follower, () => void>()
  /** Turns whose retries by the server have been logged. */
  const reported = new WeakSet<RunningTurn>()

  const ask = <A>(method: string, params: unknown, read: (result: unknown) => A) =>
    send(method, params, (result) => Exit.succeed(read(result)), { control: true, repeats: true })

  /** Ends a turn if its thread is still idle. The response is read in the reader, after all earlier messages. */
  const confirm = (turn: RunningTurn, method: string): Effect.Effect<void> => {
    const { threadId } = turn
    const lose = () => {
      if (router.turnsOf(threadId).includes(turn)) turn.lose(lostWith(method))
    }
    return ask("thread/read", { threadId }, (result) => {
      suspects.delete(turn)
      if (statusOf(result) !== "active") lose()
    }).pipe(
      Effect.catchTag("CodexRpcError", () => Effect.sync(lose)),
      Effect.ignore,
      Effect.ensuring(Effect.sync(() => suspects.delete(turn)))
    )
  }

  /** Ends a goal if its thread is still idle. */
  const confirmGoal = (threadId: string, goal: Follower, isCurrent: () => boolean): Effect.Effect<void> => {
    const conclude = (isActive: boolean) => {
      if (isCurrent()) goal.conclude?.(isActive)
    }
    return Effect.gen(function*() {
      const isActive = yield* ask("thread/goal/get", { threadId }, (result) => {
        const isActive = fieldOf(fieldOf(result, "goal"), "status") === "active"
        if (!isActive) conclude(false)
        return isActive
      })
      if (!isActive) return
      yield* ask("thread/read", { threadId }, (result) => {
        if (statusOf(result) !== "active") conclude(true)
      })
    }).pipe(
      Effect.catchTag("CodexRpcError", () => Effect.sync(() => conclude(true))),
      Effect.ignore
    )
  }

  /** Fails a turn that cannot succeed without a login. */
  const checkLogin = (turn: RunningTurn): Effect.Effect<void> =>
    Effect.gen(function*() {
      if (yield* ask("account/read", {}, isLoggedIn)) return
      // A provider other than the configured one may need no login.
      const provider = yield* ask("thread/read", { threadId: turn.threadId }, providerOf)
      if (provider !== "openai" || turn.ended) return
      turn.verdict = { message: notLoggedIn, codexErrorInfo: "unauthorized" }
      yield* controls.stop(turn)
    }).pipe(Effect.ignore)

  return {
    idle: (_, turns, method) => {
      for (const turn of turns) {
        if (method !== "thread/status/changed") turn.lose(lostWith(method))
        else if (!suspects.has(turn)) {
          suspects.add(turn)
          const cancel = deadlines.add(turn.hasStarted ? completionComes : turnBegins, () => {
            if (!turn.ended) fork(confirm(turn, method))
          })
          turn.whenEnded(cancel)
        }
      }
    },
    waiting: (threadId, goal) => {
      goalChecks.get(goal)?.()
      const cancel = deadlines.add(
        turnBegins,
        () => fork(confirmGoal(threadId, goal, () => goalChecks.get(goal) === cancel))
      )
      goalChecks.set(goal, cancel)
      goal.whole?.whenEnded(cancel)
    },
    retrying: (turn, params) => {
      if (reported.has(turn)) return
      reported.add(turn)
      const { threadId, turnId } = turn
      fork(Effect.andThen(
        Effect.logWarning(printable(
          `Turn ${turnId} of thread ${threadId} met an error, and the server tries again: ${
            errorOf(params, router.errors.hide)
          } `
            + "If this continues, check the network, the login (`codex.account`) and the model provider; "
            + "interrupt the turn, or run it with `Effect.timeout`, to give up."
        )),
        checkLogin(turn)
      ))
    },
    unmeasured: (turn) => {
      const complete = () => {
        if (turn.seen?.completion !== undefined && !turn.ended) router.deliver(turn.seen.completion)
      }
      const isMeasured = () => turn.seen?.isMeasured !== false
      const isCurrent = (response: unknown) => router.rejoining.completed(turn, response)
      fork(
        afterUsage(ask, turn.threadId, isCurrent, isMeasured, complete).pipe(
          // After another lost connection, the next one completes the turn.
          Effect.catch((error) => error._tag === "CodexConnectionError" ? Effect.void : Effect.sync(complete))
        )
      )
    },
    unanswered: (turn) => {
      turn.whenEnded(deadlines.add(answerComes, () => turn.settle()))
    }
  }
}

const fieldOf = (value: unknown, field: string): unknown => Predicate.isObject(value) ? value[field] : undefined

const statusOf = (result: unknown): unknown => fieldOf(fieldOf(fieldOf(result, "thread"), "status"), "type")

const providerOf = (result: unknown): unknown => fieldOf(fieldOf(result, "thread"), "modelProvider")

/** Returns false only if the server reports that a login is required and missing. */
const isLoggedIn = (result: unknown): boolean =>
  fieldOf(result, "requiresOpenaiAuth") !== true || (fieldOf(result, "account") ?? null) !== null

/** The error of an `error` notification, on one line. */
const errorOf = (params: unknown, hide: Hide): string => {
  const error = fieldOf(params, "error")
  const parts = [fieldOf(error, "message"), fieldOf(error, "additionalDetails")].filter((part) =>
    typeof part === "string"
  )
  return hide(parts.join(": ")).slice(0, 400).replaceAll(/\s+/g, " ").replace(/[^.]$/, "$&.")
}
