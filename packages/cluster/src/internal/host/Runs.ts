/**
 * The runs of a thread: one after the other, each answered once.
 *
 * The history of the thread tells what became of a key. Absent: the turn never began. Completed or failed: that is the answer.
 * Interrupted: by somebody's wish, which the index records before it is sent, or by a failure, which is never passed off as a wish.
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
import { checkNames } from "../model/names.ts"
import type { OnCutOff, RunAnswer } from "../model/rpcs.ts"
import { abandon, type Activation, durably } from "./Activation.ts"
import { find, type Found, maxAttempts, messageId } from "./keys.ts"
import * as Measures from "./Measures.ts"
import type { Opened, Opening } from "./Opening.ts"

/** The most answers that an activation keeps. */
const keptAnswers = 100

/** The number of losses of the server after which a run fails with the last of them. */
const maxLosses = 8

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

/** A key that can be found again needs a message of the user in which it stands. */
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

  /** Runs one turn to its end. Fails if it was lost. */
  const attempt = (opened: Opened, { input, options, turnKey }: Asked, number: number) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const accepted = yield* Deferred.make<Turn, HostedError>()
        running = { turnKey, turn: Deferred.await(accepted) }
        log.add({ method: "$turnStarted", turnKey, attempt: number })
        // The start is not interrupted: the server would be told to stop the turn, as if somebody wished it.
        const turn = yield* opened.thread.turn(input, { ...options, clientUserMessageId: messageId(turnKey, number) })
          .pipe(
            Effect.onExit((exit) => Deferred.done(accepted, exit))
          )
        opened.turn = turn
        const result = yield* Measures.turn(restore(turn.run)).pipe(
          // It runs on where its handler is interrupted.
          Effect.onExit((exit) =>
            Effect.sync(() => {
              if (Exit.isSuccess(exit) || !Cause.hasInterrupts(exit.cause)) opened.turn = undefined
            })
          ),
          // After a loss the events have no end.
          Effect.tapError((error) => isLoss(error) ? Effect.void : restore(opening.seen(turn.id)))
        )
        yield* restore(opening.seen(turn.id))
        return result
      }).pipe(
        Effect.map((result) => ({ result, end: log.add({ method: "$turnEnded", turnKey }) })),
        // After a loss the run goes on in the next epoch.
        Effect.tapError((error) =>
          Effect.sync(() => isLoss(error) ? undefined : log.add({ method: "$turnEnded", turnKey }))
        ),
        Effect.onExit(() =>
          Effect.sync(() => {
            running = undefined
          })
        )
      )
    )

  const cutOff = (threadId: string, turnKey: string, attempts: number, turn: Protocol.Turn) =>
    new TurnCutOffError({ thread: name, turnKey, threadId, turnId: turn.id, attempts, items: turn.items })

  /** Waits for the end of a turn that its server still runs, after the connection to it was lost. */
  const settled = (threadId: string, turn: Protocol.Turn): Effect.Effect<Protocol.Turn, HostedError> =>
    turn.status !== "inProgress" ? Effect.succeed(turn) : Effect.sleep("500 millis").pipe(
      Effect.andThen(
        codex.client.request("thread/turns/list", { threadId, limit: 20, sortDirection: "desc", itemsView: "full" })
      ),
      Effect.flatMap(({ data }) =>
        settled(threadId, data.find(({ id }) => id === turn.id) ?? { ...turn, status: "interrupted" })
      )
    )

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

  /** Finds what became of a key, and begins a turn for it unless that is the answer. Fails if the server is lost. */
  const once = (asked: Asked): Effect.Effect<RunAnswer, HostedError> =>
    Effect.gen(function*() {
      const { onCutOff, turnKey } = asked
      yield* recorded
      const opened = yield* opening.get
      const threadId = opened.thread.id
      const known = find([...ended.values(), ...opened.turns], turnKey) ?? (yield* retired(threadId, turnKey))
      let number = 1
      if (known === undefined) {
        if (wanted.has(turnKey)) return { result: neverBegun(threadId), end: null }
      } else {
        yield* begun(opened)
        const turn = yield* settled(threadId, known.turn)
        if (turn.status !== "interrupted") return { result: yield* fromTurn(threadId, turn), end: null }
        yield* readWanted
        if (wanted.has(turnKey)) return { result: yield* fromTurn(threadId, turn), end: null }
        if (onCutOff === "fail" || known.attempt >= maxAttempts) {
          return yield* cutOff(threadId, turnKey, known.attempt, turn)
        }
        number = known.attempt + 1
      }
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
      const { end, result } = yield* attempt(opened, { ...asked, input }, number).pipe(
        Effect.tapError((error) => {
          if (isLoss(error)) return Effect.void
          if (error._tag === "TurnFailedError") return begun(opened)
          // The history calls a turn at its limit interrupted, like one that a failure cut off.
          if (error._tag === "TurnLimitError") return Effect.andThen(begun(opened), want(turnKey))
          // The turn was refused, so the thread still has no file.
          return isFirst ? refused(opened) : Effect.void
        })
      )
      if (result.status === "interrupted" && !wanted.has(turnKey)) {
        remember(messageId(turnKey, number), result)
        return yield* once(asked)
      }
      yield* begun(opened)
      return { result, end }
    })

  /** Answers a run. After a loss of the server it looks anew what became of the key. */
  const answer = (asked: Asked, losses = 0): Effect.Effect<RunAnswer, HostedError> =>
    Effect.catchIf(once(asked), (error) => isLoss(error) && losses < maxLosses, () =>
      Effect.suspend(() => {
        const opened = opening.current()
        if (opened !== undefined) opening.lost(opened)
        return Effect.andThen(Effect.sleep(Math.min(100 * 2 ** losses, 2_000)), answer(asked, losses + 1))
      }))

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
          return Effect.andThen(leave, answer(asked)).pipe(
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
    run: (asked) =>
      checkNames(name, asked.turnKey).pipe(Effect.andThen(checkInput(asked.input)), Effect.andThen(run(asked))),
    interrupt: (turnKey) =>
      Effect.flatMap(checkNames(name, turnKey), (): Effect.Effect<void, HostedError> => {
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

/** True if the server was lost, so that nobody knows what became of the turn until the thread was opened anew. */
const isLoss = (error: HostedError): boolean =>
  error._tag === "CodexConnectionError" || error._tag === "CodexConnectError" || error._tag === "CodexTimeoutError"
  || (error._tag === "CodexRpcError" && error.reason._tag === "ThreadNotFound")
