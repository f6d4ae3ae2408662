/**
 * The turns that the server starts by itself from the queue of a thread.
 *
 * Input that this client has queued is recognised by its `clientUserMessageId`, which the first message of its turn repeats. Until
 * then the thread is busy: the server would add the input of another `turn/start` to the queued turn.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { type CodexConnectionError, QueuedTurnRemovedError, ThreadBusyError } from "../model/errors/CodexError.ts"
import type * as Notification from "../model/turns/Notification.ts"
import type { ExpectedTurn } from "./ExpectedTurn.ts"
import * as Place from "./Place.ts"
import type { History } from "./Rejoining.ts"
import type { Caught, Router, StartedTurn } from "./Router.ts"
import type { RunningTurn } from "./RunningTurn.ts"
import type { Send } from "./TurnControls.ts"

/** Input in a queue, or about to enter it. */
export interface Entry {
  readonly clientId: string
  /** The server's id of the input. Undefined until the server has accepted it. */
  id: string | undefined
  /** The turn of the input, when it has started. */
  readonly turn: Deferred.Deferred<StartedTurn, CodexConnectionError | QueuedTurnRemovedError>
  /** True if the latest list of the queue lacked it: it is about to start, or was removed elsewhere. */
  isMissing: boolean
}

export interface QueuedTurns {
  /** Waits until no queued turn runs or is about to start. With `"fail"`, fails instead of waiting. */
  readonly free: (threadId: string, whenBusy: "wait" | "fail") => Effect.Effect<void, ThreadBusyError>
  /** Returns true while a queued turn runs or is about to start. */
  readonly isDue: (threadId: string) => boolean
  /** Returns the queued turn that runs on a thread. */
  readonly running: (threadId: string) => RunningTurn | undefined
  /** Registers input before it is sent. */
  readonly expect: (threadId: string, clientId: string) => Entry
  /** Forgets input that the server has refused. */
  readonly forget: (threadId: string, entry: Entry) => void
  /** Compares the known input of a thread with its queue, and returns the entries in the order of the queue. */
  readonly listed: (threadId: string, queue: ReadonlyArray<Protocol.QueuedSubmission>) => ReadonlyArray<Entry>
  /** Returns the entry of input in the queue. */
  readonly known: (threadId: string, submission: Protocol.QueuedSubmission) => Entry
  /** Forgets input that was removed from the queue, by its id. */
  readonly removed: (threadId: string, id: string) => void
  /** Notes that a paused queue is about to continue. Returns a function that undoes this. */
  readonly resumed: (threadId: string) => () => void
}

/** The time after which a silent queue is read from the server. */
const askAgain = "5 seconds"

export const make = ({ onTurn, router, send }: {
  readonly router: Router["Service"]
  readonly send: Send
  /** Receives each queued turn when it has started. Runs in the reader. */
  readonly onTurn: (turn: RunningTurn) => void
}): QueuedTurns => {
  const queues = new Map<string, QueueFollower>()

  const queueOf = (threadId: string): QueueFollower => {
    const known = queues.get(threadId)
    if (known !== undefined) return known
    const queue = new QueueFollower(threadId, router, onTurn, () => {
      if (queues.get(threadId) === queue) queues.delete(threadId)
    })
    queues.set(threadId, queue)
    return queue
  }

  /** Returns true while the server continues the queue, which it does by itself except after an interrupted turn. */
  const isDue = (threadId: string): boolean => {
    const queue = queues.get(threadId)
    if (queue === undefined) return false
    if (queue.running !== null) return true
    return queue.hasEntries && !queue.isStalled && router.family.get(threadId)?.wasInterrupted !== true
  }

  const listed: QueuedTurns["listed"] = (threadId, queue) =>
    queue.length === 0 && !queues.has(threadId) ? [] : queueOf(threadId).listed(queue)

  /** Reads a silent queue from the server. If it still has its input, it is paused. */
  const refresh = (threadId: string): Effect.Effect<void> =>
    send("thread/queue/list", { threadId }, (result) => {
      listed(threadId, submissionsOf(result))
      const queue = queues.get(threadId)
      if (queue !== undefined) queue.isStalled = true
      return Exit.void
    }, { control: true }).pipe(
      Effect.catchCause(() =>
        Effect.sync(() => {
          const queue = queues.get(threadId)
          if (queue !== undefined) queue.isStalled = true
        })
      )
    )

  const free: QueuedTurns["free"] = (threadId, whenBusy) =>
    Effect.suspend(() => {
      const queue = queues.get(threadId)
      if (queue === undefined || !isDue(threadId)) return Effect.void
      if (whenBusy === "fail") return Effect.fail(new ThreadBusyError({ threadId }))
      return Effect.flatMap(Effect.timeoutOption(queue.change, askAgain), (changed) =>
        Effect.andThen(
          Option.isNone(changed) && queue.running === null ? refresh(threadId) : Effect.void,
          free(threadId, whenBusy)
        ))
    })

  return {
    free,
    isDue,
    running: (threadId) => queues.get(threadId)?.running ?? undefined,
    expect: (threadId, clientId) => queueOf(threadId).add(clientId),
    forget: (threadId, entry) => queues.get(threadId)?.delete(entry),
    listed,
    known: (threadId, submission) => queueOf(threadId).known(submission),
    removed: (threadId, id) => queues.get(threadId)?.remove(id),
    resumed: (threadId) => {
      const member = router.family.get(threadId)
      if (member?.wasInterrupted !== true) return () => {}
      member.wasInterrupted = false
      return () => {
        member.wasInterrupted = true
      }
    }
  }
}

/** Follows the queue of one thread while it has input of this client, or its turn runs. */
class QueueFollower {
  /** The queued turn that runs. */
  private turn: RunningTurn | null = null
  /** True if the server has shown that it does not start the queue by itself. */
  isStalled = false

  private readonly entries = new Map<string, Entry>()
  /** The latest turn whose input is not known yet. `isQueued` if the queue had changed right before it started. */
  private open: { readonly turnId: string; readonly expected: ExpectedTurn; readonly isQueued: boolean } | null = null
  private hasChanged = false
  private nextChange = Deferred.makeUnsafe<void>()
  private readonly unfollow: () => void

  private readonly threadId: string
  private readonly router: Router["Service"]
  private readonly onTurn: (turn: RunningTurn) => void
  private readonly onIdle: () => void

  constructor(threadId: string, router: Router["Service"], onTurn: (turn: RunningTurn) => void, onIdle: () => void) {
    this.threadId = threadId
    this.router = router
    this.onTurn = onTurn
    this.onIdle = onIdle
    this.unfollow = router.follow(threadId, {
      offer: (raw, turnId) => this.offer(raw, turnId),
      fail: (error) => this.fail(error),
      suspend: () => this.suspend(),
      rejoined: (history) => this.rejoined(history)
    })
  }

  get running(): RunningTurn | null {
    return this.turn
  }

  get hasEntries(): boolean {
    return this.entries.size > 0
  }

  /** Waits for the next event of the queue. */
  get change(): Effect.Effect<void> {
    return Deferred.await(this.nextChange)
  }

  add(clientId: string): Entry {
    const entry: Entry = { clientId, id: undefined, turn: Deferred.makeUnsafe(), isMissing: false }
    this.entries.set(clientId, entry)
    this.isStalled = false
    return entry
  }

  delete(entry: Entry): void {
    this.entries.delete(entry.clientId)
    this.changed()
  }

  remove(id: string): void {
    this.drop(Array.from(this.entries.values()).filter((entry) => entry.id === id))
  }

  known({ clientUserMessageId, id }: Protocol.QueuedSubmission): Entry {
    const entry = this.entries.get(clientUserMessageId) ?? this.add(clientUserMessageId)
    entry.id = id
    entry.isMissing = false
    return entry
  }

  listed(queue: ReadonlyArray<Protocol.QueuedSubmission>): ReadonlyArray<Entry> {
    const entries = queue.map((submission) => this.known(submission))
    // Input that has left the queue is about to start; if it has not by the next list, it was removed.
    const missing = Array.from(this.entries.values()).filter((entry) => !entries.includes(entry))
    const lost = this.turn === null ? missing.filter(({ isMissing }) => isMissing) : []
    for (const entry of missing) entry.isMissing = entry.id !== undefined
    // The head of the queue is the first of the map.
    for (const entry of entries) {
      this.entries.delete(entry.clientId)
      this.entries.set(entry.clientId, entry)
    }
    this.drop(lost)
    return entries
  }

  private offer(raw: Notification.Raw, turnId: string | undefined): void {
    const { method, params } = raw
    if (turnId === undefined) {
      if (method === "thread/queue/changed") {
        this.hasChanged = true
        this.changed()
      } else if (method !== "thread/status/changed" && Place.saysUnloaded(method, params)) {
        this.drop(Array.from(this.entries.values()))
      }
      return
    }
    if (method === "turn/started") {
      this.close()
      // The expected turn receives this event, too: it follows the thread from now on.
      this.open = { turnId, expected: this.router.expectTurn(this.threadId), isQueued: this.hasChanged }
      this.hasChanged = false
    } else if (this.open?.turnId === turnId) {
      const clientId = messageIdOf(params)
      if (clientId !== undefined) this.decide(this.entries.get(clientId), raw)
      else if (method === "turn/completed") {
        // The turn ended before its message, which the server had taken from the head of the queue.
        this.decide(this.open.isQueued ? this.entries.values().next().value : undefined, raw)
      }
    }
  }

  /** Claims the open turn for an entry, or leaves it. `raw` is the event that has decided it. */
  private decide(entry: Entry | undefined, raw: Notification.Raw): void {
    const { open } = this
    if (open === null) return
    if (entry === undefined) return this.close()
    this.open = null
    const started = open.expected.claim(open.turnId, true)
    for (const each of started.turn.seen?.isCut === true ? started.turn.seen.pass(raw) : [raw]) started.turn.offer(each)
    this.start(entry, started)
  }

  private start(entry: Entry, started: StartedTurn): void {
    const { turn } = started
    this.entries.delete(entry.clientId)
    this.isStalled = false
    if (!turn.ended) {
      this.turn = turn
      turn.whenEnded(() => {
        if (this.turn === turn) this.turn = null
        this.changed()
      })
      this.onTurn(turn)
    }
    this.changed()
    // Last, because it resumes waiting fibers at once.
    Deferred.doneUnsafe(entry.turn, Exit.succeed(started))
  }

  private suspend(): boolean {
    this.close()
    return true
  }

  /** Finds the input that has started meanwhile. */
  private rejoined({ isWhole, turns }: History): Caught | undefined {
    let isComplete = true
    for (const entry of this.entries.values()) {
      const found = turns.find(({ items }) => items.some((item) => clientIdOf(item) === entry.clientId))
      if (found === undefined) isComplete = false
      else {
        const started = this.router.expectTurn(this.threadId).claim(found.id, true)
        started.turn.seen?.cut()
        this.start(entry, started)
      }
    }
    return isComplete || isWhole ? { settle: () => {}, endings: [] } : undefined
  }

  private fail(error: CodexConnectionError): void {
    const entries = Array.from(this.entries.values())
    this.entries.clear()
    this.close()
    this.changed()
    for (const entry of entries) Deferred.doneUnsafe(entry.turn, Exit.fail(error))
  }

  /** Forgets entries that have no turn. */
  private drop(entries: ReadonlyArray<Entry>): void {
    for (const { clientId } of entries) this.entries.delete(clientId)
    this.changed()
    const { threadId } = this
    for (const { clientId, id, turn } of entries) {
      Deferred.doneUnsafe(turn, Exit.fail(new QueuedTurnRemovedError({ threadId, queuedTurnId: id ?? clientId })))
    }
  }

  private close(): void {
    this.open?.expected.close()
    this.open = null
  }

  private changed(): void {
    const { nextChange } = this
    this.nextChange = Deferred.makeUnsafe()
    if (!this.hasEntries && this.turn === null) {
      this.close()
      this.unfollow()
      this.onIdle()
    }
    Deferred.doneUnsafe(nextChange, Exit.void)
  }
}

const clientIdOf = (item: unknown): string | undefined =>
  Predicate.isObject(item) && item["type"] === "userMessage" && typeof item["clientId"] === "string"
    ? item["clientId"]
    : undefined

/** Returns the id of the user's message that an event reports; an empty string if the message has none. */
const messageIdOf = (params: unknown): string | undefined => {
  const item = Predicate.isObject(params) ? params["item"] : undefined
  return Predicate.isObject(item) && item["type"] === "userMessage" ? clientIdOf(item) ?? "" : undefined
}

const submissionsOf = (result: unknown): ReadonlyArray<Protocol.QueuedSubmission> => {
  const data = Predicate.isObject(result) ? result["data"] : undefined
  return (Array.isArray(data) ? data : []).filter(isSubmission)
}

const isSubmission = (value: unknown): value is Protocol.QueuedSubmission =>
  Predicate.isObject(value) && typeof value["id"] === "string" && typeof value["clientUserMessageId"] === "string"
