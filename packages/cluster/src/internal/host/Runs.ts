/**
 * The runs of a thread: one after the other, each answered once.
 *
 * The history of the thread shows the outcome of a key. Absent: the turn never began. Completed or failed: that is the answer.
 * Interrupted: on request, which the index records first, or by a failure, which is never reported as a request.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import { InvalidInputError } from "effect-codex/CodexError"
import type { Input } from "effect-codex/Input"
import type { TurnOptions } from "effect-codex/Options"
import type { Turn } from "effect-codex/Turn"
import { fromTurn, type TurnResult } from "effect-codex/TurnResult"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import { type HostedError, ThreadUnavailableError, TurnCutOffError } from "../model/errors.ts"
import type { Cursor, OnCutOff, RunAnswer } from "../model/rpcs.ts"
import { abandon, type Activation, durably, isLoss, outlast } from "./Activation.ts"
import { find, type Found, maxAttempts, messageId } from "./keys.ts"
import * as Measures from "./Measures.ts"
import type { Opened, Opening } from "./Opening.ts"

/** The most answers that an activation keeps. */
const keptAnswers = 100

/** A run as it was asked for. */
export interface Asked {
  readonly turnKey: string
  readonly input: Input
  readonly options: TurnOptions
  readonly onCutOff: OnCutOff
}

/** A turn that runs, or is about to. */
export interface Running {
  readonly turnKey: string
  /** Waits until the server has accepted the turn. */
  readonly turn: Effect.Effect<Turn, HostedError>
}

/** The runs of one activation. */
export interface Runs {
  readonly run: (asked: Asked) => Effect.Effect<RunAnswer, HostedError>
  /** Interrupts the running turn, or the turn of a key. The wish is durable before the turn is interrupted. */
  readonly interrupt: (turnKey: string | null) => Effect.Effect<void, HostedError>
  /** The running turn, if there is one. */
  readonly running: () => Running | undefined
  /** The number of runs that wait. */
  readonly queued: () => number
}

const continuation =
  "Your previous turn was cut off: the machine that ran it failed. The user did not interrupt it. Commands that were running then "
  + "were aborted, and may have had effects. Check what has been done, then finish the task."

/** Refuses input without a message of the user, because the key of a run is stored in that message. */
const checkInput = (input: Input): Effect.Effect<void, InvalidInputError> =>
  (Array.isArray(input) && input.length === 0)
    || (typeof input === "object" && "type" in input && input.type === "externalMessage")
    ? Effect.fail(
      new InvalidInputError({
        field: "input",
        detail:
          "a turn of a hosted thread begins with a message of the user; an empty list or an external message has none"
      })
    )
    : Effect.void

/** Returns the answer to a run that was interrupted before its turn began. */
const neverBegun = (threadId: string): TurnResult => ({
  threadId,
  id: "",
  status: "interrupted",
  error: null,
  startedAt: null,
  completedAt: null,
  durationMs: null,
  finalResponse: null,
  items: [],
  usage: null,
  subagents: { running: 0, stopped: 0 }
})

/** Creates the runs of an activation. */
export const make = Effect.fnUntraced(function*(activation: Activation, opening: Opening) {
  const { codex, index, isOwner, log, name } = activation
  const lock = yield* Semaphore.make(1)
  const answers = new Map<string, Exit.Exit<RunAnswer, HostedError>>()
  const wanted = new Set<string>()
  /** Turns that ended in this activation without an answer, by their messages. */
  const ended = new Map<string, Protocol.Turn>()
  let running: Running | undefined
  let queued = 0

  const readWanted = Effect.map(durably(index.wanted(name)), (keys) => {
    for (const key of keys) wanted.add(key)
  })

  /** The wishes of before this activation, read once. */
  const recorded = yield* Effect.cached(readWanted)

  const want = (turnKey: string) =>
    Effect.andThen(Effect.sync(() => wanted.add(turnKey)), durably(index.want(name, turnKey)))

  /**
   * Runs a turn to its end. `start` starts it, or returns the one that runs already. Returns undefined if the run was interrupted before
   * it began. Fails if the turn was lost.
   */
  const attempt = (
    opened: Opened,
    turnKey: string,
    { isRunning, number, start }: {
      readonly number: number
      readonly start: Effect.Effect<Turn, HostedError>
      readonly isRunning: boolean
    }
  ) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const accepted = yield* Deferred.make<Turn, HostedError>()
        const turn = Deferred.await(accepted)
        // From here on, an interruption finds the turn. Before, it is a wish.
        if (!isRunning && wanted.has(turnKey)) return undefined
        running = { turnKey, turn }
        opened.ending = Effect.flatMap(turn, (turn) => turn.run)
        log.add({ method: "$turnStarted", turnKey, attempt: number })
        // The start is not interrupted: the server would be told to stop the turn, as if somebody wished it.
        const { id, run } = yield* Effect.onExit(start, (exit) => Deferred.done(accepted, exit))
        const seen = opening.seen(id)
        const result = yield* Measures.turn(restore(run)).pipe(
          Effect.tapError((error) => {
            if (isLoss(error)) return Effect.void
            // The history calls a turn at its limit interrupted, like one that a failure cut off.
            const recorded = error._tag === "TurnLimitError" ? want(turnKey) : Effect.void
            // An end that cannot be read is not seen as one.
            const end = error._tag === "CodexDecodeError" ? Effect.void : seen
            return restore(Effect.all([end, begun(opened), recorded], { discard: true }))
          })
        )
        yield* restore(seen)
        return { result, end: log.add({ method: "$turnEnded", turnKey }) }
      }).pipe(
        // After a loss the run goes on in the next epoch.
        Effect.tapError((error) =>
          Effect.sync(() => isLoss(error) ? undefined : log.add({ method: "$turnEnded", turnKey }))
        ),
        Effect.onExit((exit) =>
          Effect.sync(() => {
            running = undefined
            // A turn runs on where its handler is interrupted.
            if (Exit.isSuccess(exit) || !Cause.hasInterrupts(exit.cause)) opened.ending = undefined
          })
        )
      )
    )

  const cutOff = (threadId: string, turnKey: string, attempts: number, turn: Protocol.Turn) =>
    new TurnCutOffError({ thread: name, turnKey, threadId, turnId: turn.id, attempts, items: turn.items })

  /** Finds a run whose answer has been deleted from the storage, anywhere in the history of the thread. */
  const retired = (threadId: string, turnKey: string): Effect.Effect<Found | undefined, HostedError> =>
    Effect.gen(function*() {
      if (!(yield* durably(index.isRetired(name, turnKey)))) return undefined
      let cursor: string | null | undefined
      do {
        const page: Protocol.ThreadTurnsListResponse = yield* codex.client.request("thread/turns/list", {
          threadId,
          limit: 100,
          sortDirection: "desc",
          itemsView: "full",
          ...(cursor && { cursor })
        })
        const found = find(page.data, turnKey)
        if (found !== undefined) return found
        cursor = page.nextCursor
      } while (cursor)
      return undefined
    })

  /** Finds the outcome of a key, and begins a turn for it unless that is the answer. Fails if the server is lost. */
  const once = (asked: Asked): Effect.Effect<RunAnswer, HostedError> =>
    Effect.gen(function*() {
      yield* recorded
      const opened = yield* opening.get
      return yield* Effect.tapError(onceOn(opened, asked), (error) =>
        Effect.sync(() => {
          if (isLoss(error)) opening.lost(opened)
        }))
    })

  const onceOn = (opened: Opened, asked: Asked): Effect.Effect<RunAnswer, HostedError> =>
    Effect.gen(function*() {
      const { onCutOff, turnKey } = asked
      const { thread } = opened
      const known = find([...ended.values(), ...opened.turns], turnKey) ?? (yield* retired(thread.id, turnKey))
      if (known === undefined) {
        return wanted.has(turnKey)
          ? { result: neverBegun(thread.id), end: null }
          : yield* beginTurn(opened, asked, 1)
      }
      yield* begun(opened)
      let { turn } = known
      if (turn.status === "inProgress") {
        // It has survived what was lost.
        const running = yield* thread.findTurn(messageId(turnKey, known.attempt))
        if (running !== undefined) return yield* joinTurn(opened, asked, known.attempt, running)
        turn = { ...turn, status: "interrupted" }
      }
      if (turn.status !== "interrupted") return { result: yield* fromTurn(thread.id, turn), end: null }
      yield* readWanted
      if (wanted.has(turnKey)) return { result: yield* fromTurn(thread.id, turn), end: null }
      if (onCutOff === "fail" || known.attempt >= maxAttempts) {
        return yield* cutOff(thread.id, turnKey, known.attempt, turn)
      }
      return yield* beginTurn(opened, asked, known.attempt + 1)
    })

  /** Begins a turn. */
  const beginTurn = (opened: Opened, asked: Asked, number: number): Effect.Effect<RunAnswer, HostedError> =>
    Effect.gen(function*() {
      const { onCutOff, options, turnKey } = asked
      if (!isOwner()) return yield* abandon
      const isFirst = opened.progress === "new"
      if (isFirst) {
        const isOurs = yield* durably(index.record(name, opened.epoch, { progress: "beginning" }))
        // Somebody has opened the thread since.
        if (!isOurs) {
          opening.lost(opened)
          return yield* once(asked)
        }
        opened.progress = "beginning"
      }
      const input = number > 1 && onCutOff === "continue" ? continuation : asked.input
      let hasStarted = false
      const start = Effect.tap(
        opened.thread.turn(input, { ...options, clientUserMessageId: messageId(turnKey, number) }),
        () =>
          Effect.sync(() => {
            hasStarted = true
          })
      )
      const attempted = yield* Effect.tapError(
        attempt(opened, turnKey, { number, start, isRunning: false }),
        // A refused turn leaves the thread without a file.
        (error) => isFirst && !hasStarted && isRefusal(error) ? refused(opened) : Effect.void
      )
      if (attempted !== undefined) return yield* judge(opened, asked, number, attempted)
      if (isFirst) yield* refused(opened)
      return yield* once(asked)
    })

  /** Waits for a turn that runs already. */
  const joinTurn = (opened: Opened, asked: Asked, number: number, turn: Turn): Effect.Effect<RunAnswer, HostedError> =>
    Effect.gen(function*() {
      yield* readWanted
      const start = Effect.suspend(() =>
        wanted.has(asked.turnKey) ? Effect.as(turn.interrupt, turn) : Effect.succeed(turn)
      )
      const attempted = yield* attempt(opened, asked.turnKey, { number, start, isRunning: true })
      return attempted === undefined ? yield* once(asked) : yield* judge(opened, asked, number, attempted)
    })

  /** Answers with the result of a turn, unless a failure has interrupted it. */
  const judge = (
    opened: Opened,
    asked: Asked,
    number: number,
    answer: { readonly result: TurnResult; readonly end: Cursor }
  ): Effect.Effect<RunAnswer, HostedError> => {
    const { result } = answer
    if (result.status !== "interrupted" || wanted.has(asked.turnKey)) return Effect.as(begun(opened), answer)
    remember(messageId(asked.turnKey, number), result)
    return once(asked)
  }

  /** Records, before the first turn is answered, that the thread has a file. */
  const begun = (opened: Opened): Effect.Effect<void> =>
    opened.progress !== "beginning" ? Effect.void : Effect.map(
      durably(index.record(name, opened.epoch, { progress: "begun" })),
      () => {
        opened.progress = "begun"
      }
    )

  /** Records that the first turn did not begin. */
  const refused = (opened: Opened): Effect.Effect<void> =>
    Effect.map(durably(index.record(name, opened.epoch, { progress: "new" })), () => {
      opened.progress = "new"
    })

  const remember = (id: string, { items, ...result }: TurnResult): void => {
    const hasMessage = items.some((item) => item.type === "userMessage" && item.clientId === id)
    ended.set(id, {
      id: result.id,
      status: result.status,
      error: result.error,
      items: hasMessage ? items : [{ type: "userMessage", id, clientId: id, content: [] }, ...items]
    })
  }

  const run = (asked: Asked) =>
    Effect.suspend(() => {
      queued += 1
      let waits = true
      const leave = Effect.suspend(() => {
        if (!waits) return Effect.void
        queued -= 1
        waits = false
        return Measures.waited
      })
      return Effect.andThen(
        Measures.waits,
        lock.withPermit(Effect.suspend(() => {
          const given = answers.get(asked.turnKey)
          if (given !== undefined) return given
          return Effect.andThen(leave, outlast(once(asked))).pipe(
            Effect.onExit((exit) =>
              Effect.suspend(() => {
                // A request can be delivered again to the activation that has answered it already.
                if (Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)) return Effect.void
                answers.set(asked.turnKey, exit)
                const [oldest] = answers.keys()
                if (answers.size > keptAnswers && oldest !== undefined) answers.delete(oldest)
                return Measures.answered(exit)
              })
            )
          )
        }))
      ).pipe(Effect.ensuring(leave))
    })

  const runs: Runs = {
    run: (asked) => Effect.andThen(checkInput(asked.input), run(asked)),
    interrupt: (turnKey) =>
      Effect.suspend((): Effect.Effect<void, HostedError> => {
        const now = running
        if (now !== undefined && (turnKey === null || turnKey === now.turnKey)) {
          return Effect.andThen(want(now.turnKey), Effect.flatMap(now.turn, (turn) => turn.interrupt))
        }
        return turnKey === null
          ? Effect.fail(new ThreadUnavailableError({ thread: name, reason: "NotRunning" }))
          : Effect.asVoid(want(turnKey))
      }),
    running: () => running,
    queued: () => queued
  }
  return runs
})

/** Returns true if the server did not begin the turn. A response that cannot be read may be that of a turn. */
const isRefusal = (error: HostedError): boolean => !isLoss(error) && error._tag !== "CodexDecodeError"
