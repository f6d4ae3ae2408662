/**
 * The claimed, running turns of one client, by thread. A thread usually has one. Turn ids need not be unique over threads.
 */
import type { RunningTurn } from "./RunningTurn.ts"

/** Running turns, by thread. */
export class RunningTurns {
  private readonly turns = new Map<string, ReadonlyArray<RunningTurn>>()

  /** The turn of a thread with this id. */
  get(threadId: string | undefined, turnId: string | undefined): RunningTurn | undefined {
    const ofThread = threadId === undefined || turnId === undefined ? undefined : this.turns.get(threadId)
    if (ofThread === undefined) return undefined
    for (const turn of ofThread) if (turn.turnId === turnId) return turn
    return undefined
  }

  /** The turns of one thread. */
  of(threadId: string): ReadonlyArray<RunningTurn> {
    return this.turns.get(threadId) ?? []
  }

  /** The turns of all threads. */
  get all(): ReadonlyArray<RunningTurn> {
    return Array.from(this.turns.values()).flat()
  }

  /** Adds a turn until it ends. */
  add(turn: RunningTurn): void {
    const { threadId } = turn
    this.turns.set(threadId, [...this.of(threadId), turn])
    turn.whenEnded(() => {
      const left = this.of(threadId).filter((other) => other !== turn)
      if (left.length === 0) this.turns.delete(threadId)
      else this.turns.set(threadId, left)
    })
  }
}
