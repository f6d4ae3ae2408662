/**
 * Queues of threads, in the Promise API.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Stream from "effect/Stream"
import type * as Input from "../Input.ts"
import type * as EffectQueue from "../ThreadQueue.ts"
import { iterable, promise, type SignalOptions } from "./Runner.ts"
import * as Turn from "./Turn.ts"

/**
 * Input that waits in the queue of a thread.
 *
 * @category models
 */
export interface QueuedTurn {
  /** The server's id of the input in the queue. It is not the id of the later turn. */
  readonly id: string
  readonly threadId: string
  /** The input of the turn, as the server stores it. */
  readonly input: ReadonlyArray<Protocol.UserInput>
  /**
   * Waits until the turn starts, and returns its handle; at once if it has started. Rejects with `QueuedTurnRemovedError` if the input
   * is removed first, and with `CodexConnectionError` if the server ends. An abort ends the waiting alone.
   */
  readonly turn: (options?: SignalOptions) => Promise<Turn.Turn>
}

/**
 * The queue of a thread. The server stores it, and starts its turns one after another, with the options in force on the thread.
 * Requires Codex 0.150 or later.
 *
 * @category models
 */
export interface ThreadQueue {
  /** Adds input to the end of the queue (`thread/queue/add`). It may have started when this returns. */
  readonly add: (input: Input.Input) => Promise<QueuedTurn>
  /** Returns the input that waits, the next one first (`thread/queue/list`). */
  readonly current: () => Promise<ReadonlyArray<QueuedTurn>>
  /** The input that waits, then the new list after each change and on each new connection. */
  readonly changes: AsyncIterable<ReadonlyArray<QueuedTurn>>
  /** Replaces the input of a queued turn (`thread/queue/update`). The server refuses it once the turn has started. */
  readonly update: (id: string, input: Input.Input) => Promise<QueuedTurn>
  /** Removes input from the queue (`thread/queue/delete`). Returns false if it was not there, for example because it has started. */
  readonly remove: (id: string) => Promise<boolean>
  /** Sets the order of the queue (`thread/queue/reorder`). The list must contain each id once. */
  readonly reorder: (ids: ReadonlyArray<string>) => Promise<void>
  /** Starts the next turn of a paused queue (`thread/queue/start`). The server refuses it if the queue is empty or a turn runs. */
  readonly start: () => Promise<void>
}

const queued = ({ id, input, threadId, turn }: EffectQueue.QueuedTurn): QueuedTurn => ({
  id,
  threadId,
  input,
  turn: async ({ signal } = {}) => Turn.make(await promise(turn, signal))
})

/** Returns the queue of a thread. */
export const make = (queue: EffectQueue.ThreadQueue): ThreadQueue => ({
  add: async (input) => queued(await promise(queue.add(input))),
  current: async () => (await promise(queue.current)).map(queued),
  changes: iterable(Stream.map(queue.changes, (list) => list.map(queued))),
  update: async (id, input) => queued(await promise(queue.update(id, input))),
  remove: (id) => promise(queue.remove(id)),
  reorder: (ids) => promise(queue.reorder(ids)),
  start: () => promise(queue.start)
})
