/**
 * A running turn: its result, folded while events pass, and its events for their consumers.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Deferred from "effect/Deferred"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import { Broadcast, type Cursor } from "../base/Broadcast.ts"
import {
  CodexConnectionError,
  CodexDecodeError,
  type RequestError,
  type TurnError,
  TurnLimitError,
  type TurnStreamError
} from "../model/errors/CodexError.ts"
import type { Reached } from "../model/turns/Limits.ts"
import * as Notification from "../model/turns/Notification.ts"
import * as TurnResult from "../model/turns/TurnResult.ts"
import type * as Usage from "../model/turns/Usage.ts"
import type { ChildTurns, Snapshot } from "./ChildTurns.ts"
import * as Kind from "./Kind.ts"
import type { Seen } from "./Seen.ts"
import type { ServerErrors } from "./ServerErrors.ts"

/** Steers and interrupts a turn that consists of several turns of the server. */
export interface TurnControl {
  readonly steer: (input: ReadonlyArray<Protocol.UserInputInput>) => Effect.Effect<void, RequestError>
  readonly interrupt: Effect.Effect<void, RequestError>
}

/** The events of a turn, from the point on at which its starter joined. */
export type TurnCursor = Cursor<Notification.Notification, TurnStreamError>

/** A turn, with its events if its starter requested them. */
export interface StartedTurn {
  /** The events of the turn, and its result. */
  readonly turn: RunningTurn
  /** A cursor before the first event. Null if events were not requested. */
  readonly cursor: TurnCursor | null
}

export class RunningTurn {
  readonly threadId: string
  readonly turnId: string

  /** The turn's result, once it has ended. */
  readonly result = Deferred.makeUnsafe<TurnResult.TurnResult, TurnError>()

  /** Done when the turn's first event has arrived, or the turn has ended. The server refuses to steer or interrupt it before. */
  readonly started = Deferred.makeUnsafe<void>()

  /** Null for a turn that the server knows by its id. */
  control: TurnControl | null = null

  /** The events. Null until a consumer requests them. */
  events: Broadcast<Notification.Notification, TurnStreamError> | null = null

  /** Runs when a consumer requests the events for the first time. */
  onFollowed: (() => void) | null = null

  /** Runs in the reader when the turn has completed without an answer, which may still be on its way: {@link settle} ends it. */
  onHeld: (() => void) | null = null

  /** True for a turn of another client, which this one observes. */
  isForeign = false

  /** The tokens of the thread before the turn. Undefined if they are not known. */
  usedBefore: Usage.Tokens | undefined = undefined

  /** The received part of the turn. Null if the turn ends with the connection. */
  seen: Seen | null = null

  /** The error of the turn, whatever its completion reports. */
  verdict: Protocol.TurnError | null = null

  /** The event that completed the turn. A consumer that arrives after the end receives it. */
  completion: Notification.Notification | null = null

  /** How the events ended; null while the turn runs. */
  private exit: Exit.Exit<void, TurnStreamError> | null = null

  /** How the turn ended; null while it runs. */
  private outcome: Exit.Exit<TurnResult.TurnResult, TurnError> | null = null

  private readonly fold: TurnResult.Fold
  private held: Completion | null = null
  /** Messages of the agent that have begun, and are not complete. */
  private openMessages = 0
  private readonly onEnd: Array<(exit: Exit.Exit<TurnResult.TurnResult, TurnError>) => void> = []

  /** True if the turn has ended, in whatever way. */
  get ended(): boolean {
    return this.exit !== null
  }

  /** The server's turns that this turn stands for: sub-agents name one of them as their root. */
  readonly roots: Array<string>

  /** True if the turn's sub-agents continue when it is stopped. */
  leavesSubagents = false

  /** The number of sub-agents that were interrupted for this turn before it started. */
  stoppedBefore = 0

  /** The limit that the turn has reached: it is being interrupted. */
  limit: Reached | null = null

  private onUsage: (() => void) | undefined
  private readonly errors: ServerErrors
  private readonly children: ChildTurns
  private readonly holds: Array<() => void> = []

  constructor(threadId: string, turnId: string, errors: ServerErrors, children: ChildTurns) {
    this.threadId = threadId
    this.turnId = turnId
    this.roots = [turnId]
    this.errors = errors
    this.children = children
    this.fold = new TurnResult.Fold(threadId, turnId, () => this.subagents)
    children.claim(threadId, turnId)
  }

  /** The usage and the number of the turn's sub-agents so far. */
  get subagents(): Snapshot {
    const snapshot = this.children.snapshot(this.roots)
    return this.stoppedBefore === 0
      ? snapshot
      : { ...snapshot, stopped: snapshot.stopped + this.stoppedBefore }
  }

  /** Counts the sub-agents of another turn of the server for this turn, which ends later. */
  addRoot(turnId: string): void {
    if (!this.roots.includes(turnId)) this.roots.push(turnId)
    this.holds.push(this.children.watch(turnId, { used: () => this.onUsage?.() }))
  }

  /** Calls back whenever the turn or one of its sub-agents has used tokens. */
  watchUsage(onUsage: () => void): void {
    this.onUsage = onUsage
    this.holds.push(this.children.watch(this.turnId, { used: onUsage }))
  }

  /** The usage of the turn and its sub-agents so far. */
  get used(): { readonly tokens: number; readonly steps: number } {
    const { steps, usage } = this.subagents
    return {
      tokens: (this.fold.tokens?.totalTokens ?? 0) + usage.totalTokens,
      steps: this.fold.steps + steps
    }
  }

  /** The events from now on. */
  keepEvents(): Broadcast<Notification.Notification, TurnStreamError> {
    if (this.events === null) {
      this.events = new Broadcast()
      this.onFollowed?.()
      if (this.exit !== null) this.events.end(this.exit)
    }
    return this.events
  }

  /** Runs when the turn has ended: at once if it has. */
  whenEnded(f: (exit: Exit.Exit<TurnResult.TurnResult, TurnError>) => void): void {
    if (this.outcome !== null) f(this.outcome)
    else this.onEnd.push(f)
  }

  /** The tokens of the whole turn so far. Null if the server did not report them. */
  get tokens(): Protocol.TokenUsageBreakdown | null {
    return this.fold.tokens
  }

  /** True if an event of the turn has arrived. */
  get hasStarted(): boolean {
    return Deferred.isDoneUnsafe(this.started)
  }

  /** True if the agent has begun a message that is not complete. */
  get isSpeaking(): boolean {
    return this.openMessages > 0
  }

  /** Takes one message of this turn. Returns it typed if that was needed. */
  offer(raw: Notification.Raw, kind: Kind.Kind = Kind.of(raw["method"])): Notification.Notification | undefined {
    if (!Deferred.isDoneUnsafe(this.started)) Deferred.doneUnsafe(this.started, Exit.void)
    if (kind.startsItem && isMessage(raw)) this.openMessages++
    if (this.seen !== null) this.seen.note(kind.method, raw["params"])
    if (this.events === null && !kind.concernsResult) return undefined
    const event = Notification.fromEntry(raw, kind.entry)
    if (event.method === "turn/completed") this.complete(event)
    else {
      this.events?.push(event)
      if (kind.concernsResult) this.add(event)
    }
    return event
  }

  /** Prepares for missing reports of usage: without one so far, counting starts from the thread's tokens before the turn. */
  missUsage(): void {
    if (this.usedBefore !== undefined) this.fold.startFrom(this.usedBefore)
  }

  /** Ends the turn as failed, by a completion that the server did not send. */
  lose(message: string): void {
    const turn = { id: this.turnId, items: [], itemsView: "notLoaded", status: "failed", error: { message } }
    this.offer({ method: "turn/completed", params: { threadId: this.threadId, turn } })
  }

  /** Ends a turn whose completion is held. */
  settle(): void {
    if (this.held !== null) this.finish(this.held)
  }

  /** Ends the turn without a completion, because the connection was lost or no caller waits any more. */
  fail(error: TurnStreamError): void {
    this.end(Exit.fail(error), Exit.fail(error))
  }

  /** Ends a turn that the server does not end although it was interrupted. */
  giveUp(): void {
    if (this.limit !== null) this.endAtLimit(this.limit, this.fold.partial())
    else this.fail(new CodexConnectionError({ reason: { _tag: "Disconnected" } }))
  }

  private endAtLimit(reached: Reached, result: TurnResult.TurnResult): void {
    const { threadId, turnId } = this
    const exit = Exit.fail(new TurnLimitError({ ...reached, threadId, turnId, result }))
    this.end(exit, exit)
  }

  private add(event: Notification.Notification): void {
    if (event.method === "$undecodable") {
      if (event.raw["method"] === "turn/completed") {
        this.fail(undecodable(event, { threadId: this.threadId, turnId: this.turnId }))
      }
      return
    }
    this.fold.add(event)
    if (event.method === "thread/tokenUsage/updated") return this.onUsage?.()
    if (event.method !== "item/completed" || event.params.item.type !== "agentMessage") return
    this.openMessages--
    if (this.held !== null && this.fold.hasAnswer(this.held.params.turn)) this.finish(this.held)
  }

  private complete(event: Completion): void {
    if (this.held !== null || this.ended) return
    const { turn } = event.params
    if (this.onHeld === null || turn.status !== "completed" || this.fold.hasAnswer(turn)) return this.finish(event)
    this.held = event
    this.onHeld()
  }

  private finish(event: Completion): void {
    this.completion = event
    this.events?.push(event)
    const completed = this.fold.complete(event.params.turn)
    const { limit, verdict } = this
    const result = verdict === null ? completed : { ...completed, status: "failed" as const, error: verdict }
    // A turn that completed before it was interrupted has succeeded.
    if (limit !== null && result.status === "interrupted") return this.endAtLimit(limit, result)
    this.end(
      Exit.void,
      result.status === "failed"
        ? Exit.fail(this.errors.turnFailed(result))
        : Exit.succeed(result)
    )
  }

  private end(events: Exit.Exit<void, TurnStreamError>, result: Exit.Exit<TurnResult.TurnResult, TurnError>): void {
    if (this.ended) return
    this.exit = events
    this.outcome = result
    Deferred.doneUnsafe(this.started, Exit.void)
    this.events?.end(events)
    for (const f of this.onEnd) f(result)
    for (const release of this.holds) release()
    for (const root of this.roots) this.children.endRoot(root)
    // Last, because it resumes the waiting callers at once, and they must find the thread free.
    Deferred.doneUnsafe(this.result, result)
  }
}

type Completion = Notification.Known<"turn/completed">

/** Returns true if the item is a message of the agent. Reads the raw event, because decoding it costs more. */
const isMessage = ({ params }: Notification.Raw): boolean => {
  const item = Predicate.isObject(params) ? params["item"] : undefined
  return Predicate.isObject(item) && item["type"] === "agentMessage"
}

/** The error of an event that could not be decoded. */
export const undecodable = (
  { issue, raw }: Notification.Undecodable,
  place: { readonly threadId?: string; readonly turnId?: string } = {}
): CodexDecodeError => new CodexDecodeError({ method: String(raw["method"]), issue, raw, ...place })
