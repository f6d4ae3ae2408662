/**
 * Events of one writer for any number of readers, each at its own pace.
 *
 * Each reader has a buffer of its own and takes the whole of it a step: what it has taken is held by nobody else. (One list
 * of batches for all readers looks cheaper, but a batch that V8 has moved to its old space keeps all later ones alive
 * until the next full garbage collection.)
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import * as Scheduler from "effect/Scheduler"
import * as Stream from "effect/Stream"

/** What to do with the events that a reader leaves unread. */
export interface Bound<A> {
  /** So many are left alone. */
  readonly limit: number
  /** Makes fewer of more. */
  readonly shrink: (events: Array<A>) => Array<A>
}

/** A reader's place: it has the events since it was made, or was read last, until it is closed. */
export class Cursor<A, E> {
  private readonly log: Broadcast<A, E>
  private events: Array<A> = []
  /** How many events there may be before they are made fewer. */
  private room: number
  /** Wakes the reader that waits for events. */
  private wake: (() => void) | null = null

  constructor(log: Broadcast<A, E>) {
    this.log = log
    this.room = log.bound.limit
  }

  push(event: A): void {
    this.events.push(event)
    if (this.events.length > this.room) this.shrink()
    if (this.wake !== null) this.wakeUp()
  }

  /** Makes the events fewer. What is left may grow to twice its size before the next time, which keeps the work linear. */
  shrink(): void {
    const { limit, shrink } = this.log.bound
    if (this.events.length > limit) this.events = shrink(this.events)
    this.room = Math.max(limit, 2 * this.events.length)
  }

  wakeUp(): void {
    this.wake?.()
    this.wake = null
  }

  /** No more events are kept for this reader. */
  close(): void {
    this.log.close(this)
  }

  /** Takes all events there are; waits while there are none; ends as the log did. */
  readonly pull: Pull.Pull<readonly [A, ...Array<A>], E> = Effect.withFiber((fiber) =>
    this.take() ?? Effect.callback((resume) => {
      let waits = true
      const proceed = () => {
        if (waits) resume(this.take() ?? this.pull)
      }
      // By way of the dispatcher: a reader wakes once for all that one chunk of messages brings.
      const dispatcher = dispatcherOf(fiber.getRef(Scheduler.Scheduler))
      const wake = () => dispatcher.scheduleTask(proceed, 0)
      this.wake = wake
      return Effect.sync(() => {
        waits = false
        if (this.wake === wake) this.wake = null
      })
    })
  )

  /** Takes events a batch at a time, and closes when the stream ends or is left. To be run once. */
  readonly stream: Stream.Stream<A, E> = Stream.ensuring(
    Stream.fromPull(Effect.succeed(this.pull)),
    Effect.sync(() => this.close())
  )

  /** All events there are, or the end; undefined while there is neither. */
  private take(): Pull.Pull<readonly [A, ...Array<A>], E> | undefined {
    const { events } = this
    if (isNonEmpty(events)) {
      this.events = []
      this.room = this.log.bound.limit
      return Effect.succeed(events)
    }
    const { exit } = this.log
    return exit === null ? undefined : Exit.isSuccess(exit) ? Cause.done() : Effect.failCause(exit.cause)
  }
}

export class Broadcast<A, E> {
  /** How the log ended; null while it goes on. */
  exit: Exit.Exit<void, E> | null = null

  /** What to do with unread events; by default they are kept, however many. */
  bound: Bound<A> = { limit: Infinity, shrink: (events) => events }

  private readonly cursors: Array<Cursor<A, E>> = []

  /** Bounds what its readers leave unread, from now on. */
  setBound(bound: Bound<A>): void {
    this.bound = bound
    for (const cursor of this.cursors) cursor.shrink()
  }

  /** Whether somebody gets what is pushed. */
  get isFollowed(): boolean {
    return this.cursors.length > 0
  }

  /** Hands one event to all readers. */
  push(event: A): void {
    for (let index = 0; index < this.cursors.length; index++) this.cursors[index]!.push(event)
  }

  /** Ends the log: readers get what they have, then this exit. Only the first end counts. */
  end(exit: Exit.Exit<void, E>): void {
    if (this.exit !== null) return
    this.exit = exit
    for (const cursor of this.cursors.splice(0)) cursor.wakeUp()
  }

  /** A reader that gets what is pushed from now on. */
  cursor(): Cursor<A, E> {
    const cursor = new Cursor(this)
    if (this.exit === null) this.cursors.push(cursor)
    return cursor
  }

  close(cursor: Cursor<A, E>): void {
    const index = this.cursors.indexOf(cursor)
    if (index >= 0) this.cursors.splice(index, 1)
  }
}

/** Each fiber has a dispatcher of its own; readers share one, so that all that a chunk wakes are one task of the event loop. */
const dispatcherOf = (scheduler: Scheduler.Scheduler): Scheduler.SchedulerDispatcher => {
  let dispatcher = dispatchers.get(scheduler)
  if (dispatcher === undefined) dispatchers.set(scheduler, dispatcher = scheduler.makeDispatcher())
  return dispatcher
}

const dispatchers = new WeakMap<Scheduler.Scheduler, Scheduler.SchedulerDispatcher>()

const isNonEmpty = <A>(items: Array<A>): items is [A, ...Array<A>] => items.length > 0
