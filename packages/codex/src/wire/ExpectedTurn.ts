/**
 * A turn that a thread is expected to have: from before its start is written until it is claimed. The events of unknown turns of
 * the thread are kept until then.
 */
import * as Exit from "effect/Exit"
import type { CodexConnectionError } from "../model/CodexError.ts"
import type * as Notification from "../model/Notification.ts"
import * as Place from "./Place.ts"
import type { Follower, StartedTurn } from "./Router.ts"
import type { RunningTurn } from "./RunningTurn.ts"

/** The functions of the Router that an expected turn uses. */
export interface Routes {
  /** Follows the thread. Returns a function that ends it. */
  readonly follow: (follower: Follower) => () => void
  /** Returns the turn with this id, which receives its events from now on. */
  readonly turn: (turnId: string) => RunningTurn
  /** Reports that no turn of the thread runs, after the last event of a turn: the method of the notification that said so. */
  readonly ended: (method: string) => void
  /** The error of the lost connection. */
  readonly failure: () => CodexConnectionError | undefined
}

/** Receives the turn, or the error if the connection is lost first. */
type OnTurn = (turn: Exit.Exit<StartedTurn, CodexConnectionError>) => void

/** A turn whose id is not known yet. */
export class ExpectedTurn {
  private readonly routes: Routes
  private readonly kept = new Map<string, Array<Notification.Raw>>()
  private onTurn: OnTurn | null = null
  /** The method of the notification that said, after all events of turns, that no turn runs. */
  private endedBy: string | null = null

  /** Frees the events that were kept and not claimed. */
  readonly close: () => void

  constructor(routes: Routes) {
    this.routes = routes
    this.close = routes.follow({
      offer: (raw, turnId) => {
        if (turnId !== undefined) this.offer(raw, turnId)
        else if (Place.saysIdle(raw["method"], raw["params"])) this.endedBy = String(raw["method"])
      },
      fail: (error) => {
        this.kept.clear()
        this.onTurn?.(Exit.fail(error))
      }
    })
  }

  /**
   * Claims the next turn of the thread that starts without a request of its own, such as a compaction; without its events.
   * `onTurn` receives it in the reader.
   */
  adopt(onTurn: OnTurn): void {
    this.onTurn = onTurn
  }

  /** Claims the turn with this id, and the events that arrived before. Must be called in the reader, when it parses the response. */
  claim(turnId: string, events: boolean): StartedTurn {
    const turn = this.routes.turn(turnId)
    const cursor = events ? turn.keepEvents().cursor() : null
    for (const raw of this.kept.get(turnId) ?? []) turn.offer(raw)
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
    if (events === undefined) this.kept.set(turnId, [raw])
    else events.push(raw)
  }
}
