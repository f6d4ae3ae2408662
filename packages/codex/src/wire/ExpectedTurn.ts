/**
 * A turn that a thread is expected to have: from before its start is written until it is claimed. The events of unknown turns of
 * the thread are kept until then.
 */
import * as Deferred from "effect/Deferred"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import type { CodexConnectionError } from "../model/errors/CodexError.ts"
import type * as Notification from "../model/turns/Notification.ts"
import * as Usage from "../model/turns/Usage.ts"
import type { Caught, Follower } from "./Followers.ts"
import * as Place from "./Place.ts"
import type { History, Snapshot } from "./Rejoining.ts"
import type { RunningTurn, StartedTurn } from "./RunningTurn.ts"
import type { Seen } from "./Seen.ts"

/** The functions of the router that an expected turn uses. */
export interface Routes {
  /** Follows the thread. Returns a function that ends it. */
  readonly follow: (follower: Follower) => () => void
  /** Returns the turn with this id, which receives its events from now on. */
  readonly turn: (turnId: string) => RunningTurn
  /** Passes a turn an event that was kept for it. */
  readonly offer: (turn: RunningTurn, event: Notification.Raw) => void
  /** Creates a record of the received part of a turn. */
  readonly seen: () => Seen
  /** The tokens that the thread has used so far, if they are known. */
  readonly used: () => Usage.Tokens | undefined
  /** Reports that no turn of the thread runs, after the last event of a turn. Takes the method of the notification that reported it. */
  readonly ended: (method: string) => void
  /** The error of the lost connection. */
  readonly failure: () => CodexConnectionError | undefined
}

/** Receives the turn, or the error if the connection is lost first. */
type OnTurn = (turn: Exit.Exit<StartedTurn, CodexConnectionError>) => void

/** The start of a turn that the server repeats in its history, so that it can be found after a lost connection. */
export interface Findable {
  /** The `clientUserMessageId` of the start. */
  readonly clientId: string
  /** True if the turn's events are wanted. */
  readonly events: boolean
}

/**
 * The outcome of a start whose response was lost with the connection: the turn, if the next connection shows it. Undefined if it has
 * not started; then it can be sent again.
 */
export type Outcome = StartedTurn | undefined

const gap = Symbol("gap")

/** A turn that is looked for in the history of the thread. */
interface Search {
  /** The outcome if another turn runs. */
  readonly busy: Exit.Exit<Outcome, CodexConnectionError>
  readonly outcome: Deferred.Deferred<Outcome, CodexConnectionError>
}

/** A turn whose id is not known yet. */
export class ExpectedTurn {
  private readonly routes: Routes
  /** The events of turns, and where some may be missing. */
  private readonly kept = new Map<string, Array<Notification.Raw | typeof gap>>()
  private readonly findable: Findable | undefined
  private onTurn: OnTurn | null = null
  private lost: Search | null = null
  /** The tokens of the thread before the turn. Reports that arrive until it is claimed may count its own. */
  private readonly usedBefore: Usage.Tokens | undefined
  /** The method of the notification that reported, after all events of turns, that no turn runs. */
  private endedBy: string | null = null

  /** Frees the events that were kept and not claimed. */
  readonly close: () => void

  constructor(routes: Routes, findable?: Findable) {
    this.routes = routes
    this.findable = findable
    this.usedBefore = routes.used()
    this.close = routes.follow({
      offer: (raw, turnId) => {
        if (turnId !== undefined) this.offer(raw, turnId)
        else if (Place.saysIdle(raw["method"], raw["params"])) this.endedBy = String(raw["method"])
      },
      fail: (error) => {
        this.kept.clear()
        this.onTurn?.(Exit.fail(error))
        this.settle(Exit.fail(error))
      },
      suspend: (error) => {
        if (findable === undefined) return false
        this.cut()
        // The outcome after an earlier loss does not apply to this one.
        if (this.lost === null || Deferred.isDoneUnsafe(this.lost.outcome)) {
          this.lost = { busy: Exit.fail(error), outcome: Deferred.makeUnsafe() }
        }
        return true
      },
      rejoined: (history) => this.find(history)
    })
  }

  /** Waits until the next connection shows whether the turn has started. Use it when the response to the start was lost. */
  get outcome(): Effect.Effect<Outcome, CodexConnectionError> | undefined {
    return this.lost === null ? undefined : Deferred.await(this.lost.outcome)
  }

  /** Looks for the turn when the thread is resumed the next time. It was started earlier, or never. */
  search(): Effect.Effect<Outcome, CodexConnectionError> {
    const outcome = Deferred.makeUnsafe<Outcome, CodexConnectionError>()
    this.lost = { busy: Exit.succeed(undefined), outcome }
    return Deferred.await(outcome)
  }

  /**
   * Claims the next turn of the thread that the server starts by itself, such as a compaction, without its events.
   * `onTurn` receives it in the reader.
   */
  adopt(onTurn: OnTurn): void {
    this.onTurn = onTurn
  }

  /** Claims the turn with this id, and the events that arrived before. Must be called in the reader, when it parses the response. */
  claim(turnId: string, events: boolean, usedBefore = this.usedBefore): StartedTurn {
    const turn = this.routes.turn(turnId)
    turn.isForeign = false
    // The history has what is missing, even if no other connection follows.
    if (this.lost !== null && !turn.hasStarted) turn.seen ??= this.routes.seen()
    turn.usedBefore = usedBefore
    const cursor = events ? turn.keepEvents().cursor() : null
    for (const event of this.kept.get(turnId) ?? (this.lost === null ? [] : [gap])) {
      if (event === gap) {
        turn.seen?.cut()
        turn.missUsage()
      } else this.routes.offer(turn, event)
    }
    this.close()
    if (this.endedBy !== null) this.routes.ended(this.endedBy)
    const failure = this.routes.failure()
    if (failure !== undefined) turn.fail(failure)
    return { turn, cursor }
  }

  private offer(raw: Notification.Raw, turnId: string): void {
    this.endedBy = null
    if (this.onTurn !== null && raw["method"] === "turn/started") {
      const turn = this.routes.turn(turnId)
      turn.offer(raw)
      this.close()
      return this.onTurn(Exit.succeed({ turn, cursor: null }))
    }
    const events = this.kept.get(turnId)
    if (events === undefined) this.kept.set(turnId, this.lost === null ? [raw] : [gap, raw])
    else events.push(raw)
  }

  private cut(): void {
    for (const events of this.kept.values()) events.push(gap)
  }

  /** Looks for the turn in the history of the thread. */
  private find({ isWhole, looks, turns }: History): Caught | undefined {
    const { findable, lost } = this
    if (findable === undefined || lost === null) return nothing
    const found = turns.findLast((turn) => hasMessage(turn, findable.clientId))
    if (found !== undefined) {
      const started = this.claim(
        found.id,
        findable.events,
        isWhole && turns[0] === found ? Usage.none : this.usedBefore
      )
      return { settle: () => this.settle(Exit.succeed(started)), endings: [] }
    }
    if (!isWhole) return undefined
    const running = turns.find(({ status }) => status === "inProgress")
    // The server may have read the start and not begun the turn, or begun it and not noted the message.
    const isUndecided = running === undefined ? looks === 0 : looks < maxLooks && !running.items.some(isUserMessage)
    if (isUndecided) {
      this.cut()
      return { settle: () => {}, endings: [], isPending: true }
    }
    // Starting it now would steer the turn that another client has started meanwhile.
    const outcome = running === undefined ? Exit.succeed(undefined) : lost.busy
    return { settle: () => this.settle(outcome), endings: [] }
  }

  private settle(exit: Exit.Exit<Outcome, CodexConnectionError>): void {
    if (this.lost !== null) Deferred.doneUnsafe(this.lost.outcome, exit)
  }
}

const nothing: Caught = { settle: () => {}, endings: [] }

/** How often the history is read while a running turn has no message yet. */
const maxLooks = 40

const isUserMessage = (item: unknown): item is Notification.Raw =>
  Predicate.isObject(item) && item["type"] === "userMessage"

const hasMessage = ({ items }: Snapshot, clientId: string): boolean =>
  items.some((item) => isUserMessage(item) && item["clientId"] === clientId)
