/**
 * A log that one writer appends to and many readers follow, each at its own pace.
 *
 * It is a linked list of batches, and the log itself knows only the newest: what every reader has passed is reachable
 * from nowhere, so the garbage collector frees it, and nobody has to unsubscribe. Appending costs one array push; a
 * reader takes a whole batch a step.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"

interface Batch<A> {
  readonly items: Array<A>
  next: Batch<A> | null
}

const batch = <A>(): Batch<A> => ({ items: [], next: null })

/** A place in a log. What lies before it is not kept on its account. */
export class Cursor<A, E> {
  readonly log: EventLog<A, E>
  at: Batch<A>

  constructor(log: EventLog<A, E>, at: Batch<A>) {
    this.log = log
    this.at = at
  }

  /** Takes everything between here and the end of the log; waits while there is nothing; ends when the log ended. */
  readonly pull: Pull.Pull<readonly [A, ...Array<A>], E> = Effect.suspend(() => {
    const items = this.log.takeFrom(this)
    if (items !== null) return Effect.succeed(items)
    const exit = this.log.exit
    if (exit !== null) return Exit.isSuccess(exit) ? Cause.done() : Effect.failCause(exit.cause)
    return Effect.flatMap(this.more, () => this.pull)
  })

  /** Succeeds when there is something to take, or the log has ended. */
  private readonly more: Effect.Effect<void> = Effect.withFiber((fiber) =>
    Effect.callback<void>((resume) => {
      if (this.log.exit !== null || this.at.items.length > 0 || this.at.next !== null) return resume(Effect.void)
      // By way of the dispatcher: a reader wakes once for all that one chunk of messages brings.
      const wake = () => fiber.currentDispatcher.scheduleTask(() => resume(Effect.void), 0)
      this.log.waiting.add(wake)
      return Effect.sync(() => this.log.waiting.delete(wake))
    })
  )
}

export class EventLog<A, E> {
  /** How the log ended; null while it goes on. */
  exit: Exit.Exit<void, E> | null = null

  /** How to wake each reader that waits for more. */
  readonly waiting = new Set<() => void>()

  private tail: Batch<A> = batch()

  /** Appends one event, and wakes those who wait. */
  push(event: A): void {
    this.tail.items.push(event)
    if (this.waiting.size > 0) this.wake()
  }

  /** Ends the log: readers get what is left, then this exit. Only the first end counts. */
  end(exit: Exit.Exit<void, E>): void {
    if (this.exit !== null) return
    this.exit = exit
    this.wake()
  }

  /** A cursor at the end of the log: it sees what comes from now on. */
  cursor(): Cursor<A, E> {
    if (this.tail.items.length > 0) this.seal()
    return new Cursor(this, this.tail)
  }

  /** What lies between a cursor and the end, moving the cursor there; null if there is nothing. */
  takeFrom(cursor: Cursor<A, E>): readonly [A, ...Array<A>] | null {
    while (cursor.at.items.length === 0 && cursor.at.next !== null) cursor.at = cursor.at.next
    const taken = cursor.at
    if (!isNonEmpty(taken.items)) return null
    // A batch that was handed out is never written to again.
    if (taken.next === null) this.seal()
    cursor.at = taken.next ?? this.tail
    return taken.items
  }

  private seal(): void {
    const next = batch<A>()
    this.tail.next = next
    this.tail = next
  }

  private wake(): void {
    for (const wake of this.waiting) wake()
    this.waiting.clear()
  }
}

const isNonEmpty = <A>(items: Array<A>): items is [A, ...Array<A>] => items.length > 0

/** Follows a log from the cursor that `open` gives when the stream is run. */
export const stream = <A, E>(open: () => Cursor<A, E>): Stream.Stream<A, E> =>
  Stream.fromPull(Effect.sync(() => open().pull))
