/**
 * The turns of a goal, combined into one. The server starts one turn after another until the goal ends; consumers see a single
 * turn with the id of the first.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import { ErrorCode } from "../base/JsonRpc.ts"
import { CodexConnectionError, CodexDecodeError, CodexRpcError, type RequestError } from "../model/errors/CodexError.ts"
import * as Notification from "../model/turns/Notification.ts"
import type { ChildTurns } from "./ChildTurns.ts"
import type { Caught, Follower } from "./Followers.ts"
import * as Place from "./Place.ts"
import { endOf, type History, startOf } from "./Rejoining.ts"
import { RunningTurn, type StartedTurn, undecodable } from "./RunningTurn.ts"
import type { Seen } from "./Seen.ts"
import type { ServerErrors } from "./ServerErrors.ts"
import { lostWith } from "./TurnEnds.ts"

type Completion = Notification.Known<"turn/completed">

export class GoalTurns implements Follower {
  private readonly threadId: string
  private readonly events: boolean
  private readonly firstTurn = Deferred.makeUnsafe<StartedTurn, RequestError>()

  /** The one turn; null until the first has started. */
  whole: RunningTurn | null = null
  private startedAt: number | null = null

  /** The turn that the server runs now. */
  private serverTurn: string | null = null
  /** The end of the last turn, or of the one that failed. */
  private completion: Completion | null = null

  /** True once the server has reported the goal, and once it has reported the end of the goal. */
  private isTold = false
  private isOver = false

  /** True while the goal is being interrupted: its end waits for that. */
  private interrupting = false
  private isInterrupted = false

  /** The error after which the goal can't be followed any more. */
  private failure: CodexConnectionError | CodexDecodeError | null = null

  /** Done at the next turn that starts or ends. */
  private change = Deferred.makeUnsafe<void>()

  private readonly errors: ServerErrors
  private readonly children: ChildTurns

  private readonly seen: Seen | null

  constructor(threadId: string, events: boolean, errors: ServerErrors, children: ChildTurns, seen: Seen | null) {
    this.seen = seen
    this.threadId = threadId
    this.events = events
    this.errors = errors
    this.children = children
  }

  /** The goal as one turn, when its first turn has started. */
  readonly first: Effect.Effect<StartedTurn, RequestError> = Deferred.await(this.firstTurn)

  /** The goal as one turn, while a turn of the server runs. */
  get running(): RunningTurn | null {
    return this.current === null ? null : this.whole
  }

  /** The turn that runs. */
  get current(): string | null {
    return this.serverTurn
  }

  /** True if the goal can be paused, because it has not ended. */
  get isActive(): boolean {
    return !this.isOver
  }

  /** The turn that runs, or the next one, but not `except`. Fails when the goal has ended. */
  readonly turn = (
    method: "turn/steer" | "turn/interrupt",
    except: string | null = null
  ): Effect.Effect<string, CodexRpcError | CodexConnectionError | CodexDecodeError> =>
    Effect.suspend(() => {
      if (this.failure !== null) return Effect.fail(this.failure)
      if (this.whole?.ended === true) return Effect.fail(noActiveTurn(method, this.threadId))
      if (this.serverTurn !== null && this.serverTurn !== except) return Effect.succeed(this.serverTurn)
      return Effect.andThen(Deferred.await(this.change), this.turn(method, except))
    })

  /** Interrupts the goal with `stop`. The goal ends after `stop`, as interrupted. */
  readonly interruptWith = <E>(stop: Effect.Effect<void, E>): Effect.Effect<void, E> =>
    Effect.suspend(() => {
      this.interrupting = true
      this.isInterrupted = true
      return Effect.onExit(stop, (exit) =>
        Effect.sync(() => {
          this.interrupting = false
          if (Exit.isFailure(exit)) this.isInterrupted = false
          this.settle()
        }))
    })

  conclude(isActive: boolean): void {
    if (this.running !== null || this.interrupting) return
    if (isActive) return this.whole?.lose(notContinued)
    this.isOver = true
    this.settle()
  }

  offer(raw: Notification.Raw, turnId: string | undefined): void {
    const { method, params } = raw
    // The goal may be between two turns, where nothing else would end it.
    if (Place.saysUnloaded(method, params)) return this.whole?.lose(lostWith(String(method)))
    switch (method) {
      case "turn/started":
      case "turn/completed":
      case "thread/goal/updated":
      case "thread/goal/cleared":
        return this.onBoundary(Notification.fromMessage(raw))
      default:
        if (turnId !== undefined && this.whole !== null) this.take(renamed(raw, turnId, this.whole.turnId), this.whole)
    }
  }

  /** A goal without a turn cannot be distinguished from another one, so it does not survive. */
  suspend(): boolean {
    return this.whole?.seen != null
  }

  /** Catches up with the turns since the latest that is known. */
  rejoined({ deliver, turns }: History): Caught | undefined {
    const { threadId, whole } = this
    if (whole === null || whole.seen === null) return undefined
    const { seen } = whole
    if (!seen.sameIds) {
      const detail = "servers before 0.169 do not tell which events of the goal this client has received"
      const reason = { _tag: "NotRejoined", detail } as const
      return { settle: () => this.fail(new CodexConnectionError({ reason })), endings: [] }
    }
    const known = this.serverTurn ?? this.completion?.params.turn.id
    const first = turns.findIndex(({ id }) => id === known)
    if (first < 0) return undefined
    let endings: ReadonlyArray<() => void> = []
    for (const { id, raw, status } of turns.slice(first)) {
      // A turn that ended before the next one began needs no usage of its own.
      for (const end of endings) end()
      if (id !== known) deliver(startOf(threadId, raw))
      if (id === known && this.serverTurn === null) continue
      seen.catchUp(threadId, raw, deliver)
      endings = status === "inProgress" ? [] : [() => {
        if (!seen.isAlive) deliver(endOf(threadId, raw))
      }]
    }
    return { settle: () => {}, endings }
  }

  fail(error: CodexConnectionError | CodexDecodeError): void {
    this.failure = error
    Deferred.doneUnsafe(this.firstTurn, Exit.fail(error))
    this.whole?.fail(error)
    this.changed()
  }

  private take(raw: Notification.Raw, whole: RunningTurn): void {
    if (whole.seen?.isCut !== true) whole.offer(raw)
    else for (const each of whole.seen.pass(raw)) whole.offer(each)
  }

  private onBoundary(event: Notification.Notification): void {
    switch (event.method) {
      case "turn/started":
        this.serverTurn = event.params.turn.id
        if (this.whole === null) this.begin(event)
        this.whole?.addRoot(event.params.turn.id)
        return this.changed()
      case "turn/completed":
        if (this.whole === null) return
        this.serverTurn = null
        if (this.completion?.params.turn.status !== "failed") this.completion = event
        if (event.params.turn.status === "interrupted") this.isInterrupted = true
        this.changed()
        return this.settle()
      case "thread/goal/updated":
        this.isTold = true
        this.isOver = event.params.goal.status !== "active"
        return this.settle()
      case "thread/goal/cleared":
        this.isOver = true
        return this.settle()
      case "$undecodable":
        return this.fail(undecodable(event, { threadId: this.threadId }))
    }
  }

  private begin(event: Notification.Known<"turn/started">): void {
    const turn = new RunningTurn(this.threadId, event.params.turn.id, this.errors, this.children)
    this.whole = turn
    turn.seen = this.seen
    this.startedAt = event.params.turn.startedAt ?? null
    const cursor = this.events ? turn.keepEvents().cursor() : null
    turn.offer(event.raw)
    turn.whenEnded(() => this.changed())
    Deferred.doneUnsafe(this.firstTurn, Exit.succeed({ turn, cursor }))
  }

  /** Ends the one turn if the goal has ended. */
  private settle(): void {
    const { completion, whole } = this
    if (whole === null || completion === null || this.serverTurn !== null || this.interrupting) return
    if (this.isOver || this.isInterrupted) {
      whole.offer(this.completed(completion, whole.turnId))
    } else if (!this.isTold) {
      this.fail(
        new CodexDecodeError({
          method: completion.method,
          issue: "a turn of the goal has ended, and the server has not told of the goal itself (thread/goal/updated)",
          raw: completion.raw,
          threadId: this.threadId
        })
      )
    }
  }

  /** The completion of the one turn, from that of the last. */
  private completed({ params: { turn }, raw }: Completion, id: string): Notification.Raw {
    const { startedAt } = this
    const completedAt = turn.completedAt ?? null
    const durationMs = startedAt === null || completedAt === null ? null : (completedAt - startedAt) * 1000
    const status = this.isInterrupted ? "interrupted" : turn.status
    const params = fieldsOf(raw["params"])
    return { ...raw, params: { ...params, turn: { ...fieldsOf(params["turn"]), id, status, startedAt, durationMs } } }
  }

  private changed(): void {
    const { change } = this
    this.change = Deferred.makeUnsafe()
    Deferred.doneUnsafe(change, Exit.void)
  }
}

/** The event under the id of the one turn. */
const renamed = (raw: Notification.Raw, turnId: string, as: string): Notification.Raw =>
  turnId === as ? raw : { ...raw, params: { ...fieldsOf(raw["params"]), turnId: as } }

const fieldsOf = (value: unknown): Notification.Raw => Predicate.isObject(value) ? value : {}

const notContinued =
  "The thread is idle, but the goal has not ended, and the server has started no further turn for it. "
  + "Continue it with `thread.goal.resume`, or clear it."

const noActiveTurn = (method: "turn/steer" | "turn/interrupt", threadId: string): CodexRpcError =>
  new CodexRpcError({
    reason: { _tag: "NoActiveTurn" },
    method,
    code: ErrorCode.invalidRequest,
    serverMessage: `no active turn to ${method.slice("turn/".length)}: the goal has ended`,
    threadId
  })
