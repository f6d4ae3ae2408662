/**
 * The claimed, running turns of one client. Turn ids need not be unique over threads, so a turn is found by both ids.
 */
import type { RunningTurn } from "./RunningTurn.ts"

/** Running turns, by thread and turn id. */
export class RunningTurns {
  private readonly byThread = new Map<string, ReadonlyArray<RunningTurn>>()
  private readonly byKey = new Map<number, ReadonlyArray<RunningTurn>>()
  /** The turn of the latest message, with its key: messages of one turn arrive in runs. */
  private latest: RunningTurn | undefined
  private latestKey = 0

  /** The turn of a thread with this id. */
  get(threadId: string | undefined, turnId: string | undefined): RunningTurn | undefined {
    if (threadId === undefined || turnId === undefined) return undefined
    const key = keyOf(turnId)
    const { latest } = this
    if (key === this.latestKey && latest !== undefined && latest.turnId === turnId && latest.threadId === threadId) {
      return latest
    }
    const turns = this.byKey.get(key)
    if (turns === undefined) return undefined
    for (let index = 0; index < turns.length; index++) {
      const turn = turns[index]!
      if (turn.turnId === turnId && turn.threadId === threadId) {
        this.latestKey = key
        return this.latest = turn
      }
    }
    return undefined
  }

  /** The turns of one thread. */
  of(threadId: string): ReadonlyArray<RunningTurn> {
    return this.byThread.get(threadId) ?? []
  }

  /** The turns of all threads. */
  get all(): ReadonlyArray<RunningTurn> {
    return Array.from(this.byThread.values()).flat()
  }

  /** Adds a turn until it ends. */
  add(turn: RunningTurn): void {
    const { threadId, turnId } = turn
    add(this.byThread, threadId, turn)
    add(this.byKey, keyOf(turnId), turn)
    turn.whenEnded(() => {
      remove(this.byThread, threadId, turn)
      remove(this.byKey, keyOf(turnId), turn)
      if (this.latest === turn) this.latest = undefined
    })
  }
}

/**
 * Returns a number from the end of an id, where ids differ most. Each message has a new string, and `Map` would hash all of it,
 * which costs as much as the rest of the routing.
 */
const keyOf = (id: string): number => {
  let key = id.length
  for (let at = Math.max(0, id.length - 5); at < id.length; at++) key = (key * 31 + id.charCodeAt(at)) | 0
  return key
}

const add = <K>(turns: Map<K, ReadonlyArray<RunningTurn>>, key: K, turn: RunningTurn): void => {
  turns.set(key, [...turns.get(key) ?? [], turn])
}

const remove = <K>(turns: Map<K, ReadonlyArray<RunningTurn>>, key: K, turn: RunningTurn): void => {
  const left = (turns.get(key) ?? []).filter((other) => other !== turn)
  if (left.length === 0) turns.delete(key)
  else turns.set(key, left)
}
