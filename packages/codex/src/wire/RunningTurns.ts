/**
 * The claimed, running turns of one client. Turn ids need not be unique over threads, so a turn is found by both ids.
 */
import type { RunningTurn } from "./RunningTurn.ts"

/** Running turns, by thread and turn id. */
export class RunningTurns {
  private readonly byThread = new Map<string, ReadonlyArray<RunningTurn>>()
  /** The first turn of each id: one look-up finds the turn of nearly every message. */
  private readonly byId = new Map<string, RunningTurn>()
  /** The number of turns that are not in `byId`, because another thread has a turn of the same id. */
  private others = 0

  /** The turn of a thread with this id. */
  get(threadId: string | undefined, turnId: string | undefined): RunningTurn | undefined {
    if (threadId === undefined || turnId === undefined) return undefined
    const turn = this.byId.get(turnId)
    if (turn !== undefined && turn.threadId === threadId) return turn
    return this.others === 0 ? undefined : this.of(threadId).find((other) => other.turnId === turnId)
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
    this.byThread.set(threadId, [...this.of(threadId), turn])
    if (this.byId.has(turnId)) this.others++
    else this.byId.set(turnId, turn)
    turn.whenEnded(() => {
      const left = this.of(threadId).filter((other) => other !== turn)
      if (left.length === 0) this.byThread.delete(threadId)
      else this.byThread.set(threadId, left)
      if (this.byId.get(turnId) === turn) this.byId.delete(turnId)
      else this.others--
    })
  }
}
