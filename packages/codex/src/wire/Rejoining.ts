/**
 * The recovery of threads after a lost connection: the choice of those to resume on the next one, and the update of their turns with
 * the events that were missed.
 *
 * The response of `thread/resume` is the cut: it has everything up to a moment, and the events after it are complete. So it is read
 * in the reader, before the next message.
 */
import * as Predicate from "effect/Predicate"
import { CodexConnectionError } from "../model/errors/CodexError.ts"
import type * as Notification from "../model/turns/Notification.ts"
import * as Usage from "../model/turns/Usage.ts"
import type { Family } from "./Family.ts"
import type { Followers } from "./Followers.ts"
import { keepsMessagesOnly } from "./NamedItems.ts"
import type { RunningTurn } from "./RunningTurn.ts"
import type { RunningTurns } from "./RunningTurns.ts"

type Fields = Notification.Raw

/** A turn in the history of a thread, as the server sent it. */
export interface Snapshot {
  readonly id: string
  readonly status: unknown
  readonly items: ReadonlyArray<unknown>
  readonly raw: Fields
}

/** The history of a thread that was resumed. */
export interface History {
  /** The latest turns, oldest first. */
  readonly turns: ReadonlyArray<Snapshot>
  /** True if these are all turns of the thread. */
  readonly isWhole: boolean
  /** The number of earlier readings of the history since the connection was lost. */
  readonly looks: number
  /** Handles an event that was missed as if it arrived now. */
  readonly deliver: (event: Fields) => void
}

/** The result of a resumed thread. */
export interface Rejoined {
  /** False if a turn was not found, and the history is not whole. */
  readonly isComplete: boolean
  /** True if the thread must be resumed again a little later. */
  readonly isPending: boolean
  /** Ends the turns that have ended meanwhile. Run it when their usage has arrived. Undefined if there are none. */
  readonly end: (() => void) | undefined
  /** Returns true if usage was reported since the response for each turn of this client, or of a sub-agent, on the thread. */
  readonly isMeasured: () => boolean
}

/** The end of a sub-agent's turn that has ended meanwhile. */
interface Ending {
  readonly end: () => void
  /** Returns true if its usage was reported since the response. */
  readonly isMeasured: () => boolean
}

export interface Rejoining {
  /** The threads to resume: those with a turn or a start of this client, sub-agents, and those with consumers. */
  readonly threads: () => ReadonlyArray<string>
  /** Takes the response of `thread/resume`. Runs in the reader. */
  readonly rejoined: (threadId: string, response: unknown, looks: number) => Rejoined
  /**
   * Takes a response with all turns when a turn has completed, because earlier responses may lack the latest items. Returns true if
   * the response shows the turn as completed.
   */
  readonly completed: (turn: RunningTurn, response: unknown) => boolean
  /** Fails the turns of a thread that the server does not resume. */
  readonly refused: (threadId: string, error: CodexConnectionError) => void
  /** Settles the starts on a thread that the server does not resume because it has no turn yet. */
  readonly unstarted: (threadId: string) => void
}

/** The parts of the router that it uses. */
export interface Routes {
  readonly turns: RunningTurns
  readonly followers: Followers
  readonly family: Family
  /** The threads with consumers of their notifications. */
  readonly subscribed: () => Iterable<string>
  readonly deliver: (event: Fields) => void
}

export const make = ({ deliver, family, followers, subscribed, turns }: Routes): Rejoining => {
  const complete = (threadId: string, { raw }: Snapshot) => deliver(endOf(threadId, raw))

  /** Brings a turn up to its snapshot. Returns its end if it has ended. */
  const catchUp = (
    turn: RunningTurn,
    snapshot: Snapshot,
    { isWhole, turns }: History
  ): ReadonlyArray<() => void> => {
    const { seen, threadId } = turn
    if (isWhole && turns[0] === snapshot) turn.usedBefore = Usage.none
    turn.missUsage()
    if (!turn.hasStarted) deliver(startOf(threadId, snapshot.raw))
    seen?.catchUp(threadId, snapshot.raw, deliver)
    if (seen === null || snapshot.status === "inProgress") return []
    return [() => {
      if (seen.completion === undefined) {
        if (seen.isAlive) return
        if (!seen.sameIds && keepsMessagesOnly(snapshot.items)) return turn.fail(withoutTools())
      }
      // The server's own completion, if it has arrived after all.
      seen.completion ??= endOf(threadId, snapshot.raw)
      deliver(seen.completion)
    }]
  }

  /** Brings the turns of a sub-agent up to its history. Only their starts and ends matter, and the sub-agents that they spawned. */
  const catchUpSubagent = (threadId: string, { turns: history }: History): Ending | undefined => {
    for (const { id, items } of history) {
      for (const item of items) family.observe("item/completed", { item }, threadId, id)
    }
    const running = family.turns.on(threadId)
    const last = history.at(-1)
    if (last?.status === "inProgress") {
      if (last.id === running?.turnId || turns.get(threadId, last.id) !== undefined) return undefined
      const rootTurnId = last.raw["rootTurnId"] ?? turns.of(family.rootOf(threadId))[0]?.turnId
      deliver(startOf(threadId, { ...last.raw, rootTurnId }))
      return undefined
    }
    if (running === undefined || turns.get(threadId, running.turnId) !== undefined) return undefined
    const { turnId } = running
    const snapshot = history.find(({ id }) => id === turnId) ?? ended(turnId)
    const reports = family.turns.reports(threadId)
    // The server's own completion may arrive after all, and another turn start.
    const isRunning = () => family.turns.on(threadId)?.turnId === turnId
    return {
      end: () => {
        if (isRunning()) complete(threadId, snapshot)
      },
      isMeasured: () => !isRunning() || family.turns.reports(threadId) > reports
    }
  }

  return {
    threads: () => {
      const found = new Set(turns.all.map(({ threadId }) => threadId))
      for (const threadId of followers.threadIds) {
        if (followers.survivors(threadId).length > 0) found.add(threadId)
      }
      for (const threadId of family.subagents()) found.add(threadId)
      for (const threadId of subscribed()) found.add(threadId)
      return Array.from(found)
    },
    rejoined: (threadId, response, looks) => {
      const history: History = { ...historyOf(response), looks, deliver }
      let isComplete = true
      let isPending = false
      const settle: Array<() => void> = []
      const endings: Array<() => void> = []
      for (const follower of followers.survivors(threadId)) {
        const found = follower.rejoined?.(history)
        if (found === undefined) {
          isComplete = false
          if (history.isWhole) endings.push(() => follower.fail(unknown()))
        } else {
          isPending ||= found.isPending === true
          settle.push(found.settle)
          endings.push(...found.endings)
        }
      }
      for (const turn of turns.of(threadId)) {
        const snapshot = history.turns.find(({ id }) => id === turn.turnId) ?? reviewOf(history.turns, turn.turnId)
        if (snapshot === undefined) {
          isComplete = false
          if (history.isWhole) endings.push(() => turn.fail(unknown()))
        } else endings.push(...catchUp(turn, snapshot, history))
      }
      const ofSubagent = typeof family.get(threadId)?.parent === "string"
        ? catchUpSubagent(threadId, history)
        : undefined
      if (ofSubagent !== undefined) endings.push(ofSubagent.end)
      for (const each of settle) each()
      return {
        isComplete: isComplete || history.isWhole,
        isPending,
        isMeasured: () =>
          turns.of(threadId).every(({ seen }) => seen === null || seen.isMeasured)
          && ofSubagent?.isMeasured() !== false,
        end: endings.length === 0 ? undefined : () => {
          for (const each of endings) each()
        }
      }
    },
    completed: ({ seen, threadId, turnId }, response) => {
      const snapshot = historyOf(response).turns.find(({ id }) => id === turnId)
      if (seen === null || snapshot === undefined) return true
      seen.catchUp(threadId, snapshot.raw, deliver)
      return seen.isCurrent(snapshot.raw)
    },
    refused: (threadId, error) => {
      for (const turn of turns.of(threadId)) turn.fail(error)
      for (const follower of followers.survivors(threadId)) follower.fail(error)
      family.turns.end(threadId)
    },
    unstarted: (threadId) => {
      const history: History = {
        turns: [],
        isWhole: true,
        looks: Infinity,
        deliver
      }
      for (const follower of followers.survivors(threadId)) follower.rejoined?.(history)?.settle()
    }
  }
}

const unknown = () =>
  new CodexConnectionError({ reason: { _tag: "NotRejoined", detail: "the server does not have the turn any more" } })

const withoutTools = () =>
  new CodexConnectionError({
    reason: {
      _tag: "NotRejoined",
      detail: "it ended meanwhile, and servers before 0.151 do not keep the tool calls of an ended turn"
    }
  })

/** A review runs in a turn of its own, which the history has in its place until the review has ended. */
const reviewOf = (turns: ReadonlyArray<Snapshot>, turnId: string): Snapshot | undefined => {
  const running = turns.find(({ raw }) => raw["rootTurnId"] === turnId)
  return running === undefined ? undefined : { ...running, id: turnId, raw: { ...running.raw, id: turnId } }
}

/** A turn that is no longer in the history. */
const ended = (id: string): Snapshot => ({ id, status: "interrupted", items: [], raw: { id, status: "interrupted" } })

/** Returns the `turn/started` of a turn that began meanwhile. */
export const startOf = (threadId: string, turn: Fields): Fields => ({
  method: "turn/started",
  params: { threadId, turn: { ...turn, items: [], itemsView: "notLoaded", status: "inProgress", error: null } }
})

/** Returns the completion of a turn that has ended meanwhile. Its items were delivered one by one. */
export const endOf = (threadId: string, turn: Fields): Fields => ({
  method: "turn/completed",
  params: { threadId, turn: { ...turn, items: [], itemsView: "notLoaded" } }
})

const historyOf = (response: unknown): Pick<History, "turns" | "isWhole"> => {
  const fields = Predicate.isObject(response) ? response : {}
  const page = fields["initialTurnsPage"]
  if (!Predicate.isObject(page)) {
    const thread = fields["thread"]
    return { turns: snapshotsOf(Predicate.isObject(thread) ? thread["turns"] : undefined), isWhole: true }
  }
  // A page begins with the latest turn.
  return { turns: snapshotsOf(page["data"]).toReversed(), isWhole: (page["nextCursor"] ?? null) === null }
}

const snapshotsOf = (turns: unknown): Array<Snapshot> =>
  (Array.isArray(turns) ? turns : []).flatMap((turn: unknown) => {
    if (!Predicate.isObject(turn) || typeof turn["id"] !== "string") return []
    const { id, items, status } = turn
    return [{ id, status, items: Array.isArray(items) ? items : [], raw: turn }]
  })
