/**
 * The delivery of notifications: to the family, to the turn that a notification belongs to or the followers of its thread, and to
 * the consumers of notifications.
 *
 * It runs in the reader, for each message: no Effect, no closure, and one look-up each for the method and the turn.
 */
import * as Predicate from "effect/Predicate"
import * as JsonRpc from "../base/JsonRpc.ts"
import type * as Notification from "../model/turns/Notification.ts"
import * as Usage from "../model/turns/Usage.ts"
import * as Deltas from "./deltas.ts"
import { Family } from "./Family.ts"
import { type Follower, Followers } from "./Followers.ts"
import * as Kind from "./Kind.ts"
import * as Place from "./Place.ts"
import { RunningTurn } from "./RunningTurn.ts"
import { RunningTurns } from "./RunningTurns.ts"
import { Seen } from "./Seen.ts"
import type { Server } from "./Server.ts"
import type { ServerErrors } from "./ServerErrors.ts"
import { Subscriptions } from "./Subscriptions.ts"

/** The part of the client that ends turns whose end the server does not report. Runs in the reader. */
export interface Watch {
  /** Turns of this client run on the thread, but a notification with that method reports that none does. */
  readonly idle: (threadId: string, turns: ReadonlyArray<RunningTurn>, method: string) => void
  /** The thread is idle, and a goal that has not ended runs no turn. */
  readonly waiting: (threadId: string, goal: Follower) => void
  /** The turn has met an error, and the server tries again. */
  readonly retrying: (turn: RunningTurn, params: unknown) => void
  /** The turn has completed, but the answer that the agent has begun is not complete. */
  readonly unanswered: (turn: RunningTurn) => void
  /** The turn has completed after a lost connection. Its completion waits for its usage. */
  readonly unmeasured: (turn: RunningTurn) => void
}

export class Delivery {
  readonly turns = new RunningTurns()
  readonly family = new Family()
  readonly followers = new Followers()
  readonly subscriptions = new Subscriptions()

  server: Server | undefined
  watch: Watch | undefined
  /** True if other clients use the same server. */
  isShared = false
  /** True if turns outlive the connection in use. */
  serverContinues = false
  /** True if the history of a thread names items as events do. */
  sameIds = true

  private readonly errors: ServerErrors
  /** The number of running turns whose events are kept for a consumer. */
  private followed = 0
  /** Threads on which no turn runs, according to the chunk: the completion usually comes right after. */
  private readonly idle = new Map<string, string>()
  /** Turns that completed without an answer: it usually comes in the same chunk. */
  private readonly held: Array<RunningTurn> = []
  /** The latest turn of each thread that this client has not claimed, on a shared server. */
  private readonly unclaimed = new Map<string, string>()

  constructor(errors: ServerErrors) {
    this.errors = errors
  }

  /** Creates a record of the received part of a turn. Null if turns end with the connection in use. */
  seen(): Seen | null {
    return this.serverContinues ? this.newSeen() : null
  }

  /** As {@link seen}, on any connection. */
  newSeen(): Seen {
    return new Seen(this.sameIds)
  }

  /** Returns the tokens that a thread has used so far. Undefined if no report of them can be missed. */
  usedOn(threadId: string): Usage.Tokens | undefined {
    const used = this.serverContinues ? this.family.get(threadId)?.used : undefined
    return used === undefined ? undefined : Usage.totalOf(used)
  }

  /**
   * Returns true for a delta that nobody takes: the results of turns are made of completed items. Such a message is not even
   * parsed, which would cost more than everything else.
   */
  ignores(text: string): boolean {
    return this.followed === 0 && this.subscriptions.count === 0 && this.followers.isEmpty && !this.family.isWatched &&
      !this.serverContinues && Deltas.isDelta(text)
  }

  /** Returns the turn with these ids, which is claimed from now on. */
  claim(threadId: string, turnId: string): RunningTurn {
    return this.turns.get(threadId, turnId) ?? this.create(threadId, turnId)
  }

  /** Returns the turn of another client, to observe it. */
  observe(threadId: string, turnId: string): RunningTurn {
    const turn = this.claim(threadId, turnId)
    turn.isForeign = true
    turn.seen?.cut()
    return turn
  }

  /** Returns the turn of a thread that another client runs, as far as it is known. */
  foreign(threadId: string): string | undefined {
    return this.unclaimed.get(threadId) ?? this.turns.of(threadId).find(({ isForeign }) => isForeign)?.turnId
  }

  /** The running turns of a thread, with those of its goals. */
  turnsOf(threadId: string): ReadonlyArray<RunningTurn> {
    return [...this.turns.of(threadId), ...this.followers.running(threadId)]
  }

  /** Delivers a notification. `text` is the line that contained it, or empty if there was none. */
  readonly notify = (raw: Notification.Raw, text: string): void => {
    const kind = Kind.of(raw["method"])
    const params = raw["params"]
    let threadId: string | undefined
    let turnId: string | undefined
    if (Predicate.isObject(params)) {
      threadId = Place.threadOf(kind.entry, params)
      turnId = Place.turnOf(kind.entry, params)
    }
    const turn = this.turns.get(threadId, turnId)
    if (turn === undefined || turn.seen === null || !turn.seen.isCut) {
      this.dispatch(raw, kind, text, threadId, turnId, turn)
    } else {
      const take = (event: Notification.Raw) =>
        this.dispatch(event, Kind.of(event["method"]), text, threadId, turnId, turn)
      this.filter(turn, turn.seen, raw, take)
    }
  }

  /** Delivers an event to its turn alone: one that was kept until the turn was claimed. */
  offer(turn: RunningTurn, raw: Notification.Raw): void {
    if (turn.seen?.isCut !== true) turn.offer(raw)
    else this.filter(turn, turn.seen, raw, (event) => turn.offer(event))
  }

  /** Notes that no turn runs on a thread. */
  setIdle(threadId: string, method: string): void {
    this.idle.set(threadId, method)
  }

  /** Ends a chunk: handles what it has left open. */
  endChunk(): void {
    if (this.idle.size > 0) {
      for (const [threadId, method] of this.idle) {
        const running = this.turnsOf(threadId)
        if (running.length > 0) this.watch?.idle(threadId, running, method)
        for (const goal of this.followers.waiting(threadId)) this.watch?.waiting(threadId, goal)
      }
      this.idle.clear()
    }
    if (this.held.length > 0) {
      for (const turn of this.held.splice(0)) {
        if (turn.isSpeaking && this.watch !== undefined) this.watch.unanswered(turn)
        else turn.settle()
      }
    }
  }

  /** Forgets what the lost connection reported, before the client reconnects. */
  suspend(): void {
    this.unclaimed.clear()
    this.family.suspend()
  }

  private create(threadId: string, turnId: string): RunningTurn {
    const turn = new RunningTurn(threadId, turnId, this.errors, this.family.turns)
    turn.seen = this.seen()
    turn.usedBefore = this.usedOn(threadId)
    this.turns.add(turn)
    this.unclaimed.delete(threadId)
    turn.onFollowed = () => {
      this.followed++
      turn.whenEnded(() => this.followed--)
    }
    turn.onHeld = () => this.held.push(turn)
    turn.whenEnded(() => this.server?.turnEnded(threadId, turnId))
    return turn
  }

  /** Passes on the events that consumers receive for an event after a cut. */
  private filter(turn: RunningTurn, seen: Seen, raw: Notification.Raw, take: (event: Notification.Raw) => void): void {
    for (const each of seen.pass(raw)) take(each)
    if (seen.completion === raw && !turn.ended) this.watch?.unmeasured(turn)
  }

  private dispatch(
    raw: Notification.Raw,
    kind: Kind.Kind,
    text: string,
    threadId: string | undefined,
    turnId: string | undefined,
    turn: RunningTurn | undefined
  ): void {
    // First, because consumers of the message may look at the family.
    if (threadId !== undefined && (kind.concernsFamily || this.family.isWatched)) {
      const params = raw["params"]
      if (Predicate.isObject(params)) this.family.observe(kind.method, params, threadId, turnId)
    }
    let event: Notification.Notification | undefined
    if (turn !== undefined) {
      event = turn.offer(raw, kind)
      if (kind.isError) this.onError([turn], raw["params"])
    } else this.onUnclaimed(raw, kind, text, threadId, turnId)
    if (this.subscriptions.count > 0) this.subscriptions.publish(raw, event, threadId, turnId)
  }

  /** Handles a notification that belongs to no claimed turn. */
  private onUnclaimed(
    raw: Notification.Raw,
    { method }: Kind.Kind,
    text: string,
    threadId: string | undefined,
    turnId: string | undefined
  ): void {
    const params = raw["params"]
    this.followers.offer(threadId, raw, turnId)
    if (turnId !== undefined) {
      if (this.isShared && threadId !== undefined) {
        if (method === "turn/started") this.unclaimed.set(threadId, turnId)
        else if (method === "turn/completed") this.unclaimed.delete(threadId)
      }
      if (method === "turn/completed") {
        this.server?.turnEnded(threadId, turnId)
        // After the followers, which read the usage of the turn. A claimed turn does this itself when it ends.
        this.family.turns.endRoot(turnId)
      } else if (method === "error" && threadId !== undefined) this.onError(this.turnsOf(threadId), params)
    } else if (method === "serverRequest/resolved") {
      const id = Predicate.isObject(params) ? JsonRpc.idOf(params["requestId"]) : undefined
      if (id !== undefined) this.server?.resolved(JsonRpc.idText(id, text, "params", "requestId"))
    } else if (threadId === undefined) {
      if (method === "account/rateLimits/updated") this.errors.rateLimits(params)
    } else if (Place.saysIdle(method, params)) this.setIdle(threadId, String(method))
  }

  private onError(turns: ReadonlyArray<RunningTurn>, params: unknown): void {
    if (!Predicate.isObject(params) || params["willRetry"] !== true) return
    for (const turn of turns) this.watch?.retrying(turn, params)
  }
}
