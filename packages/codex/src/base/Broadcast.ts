/**
 * A broadcast: events of one writer for any number of readers, each at its own pace.
 *
 * Each reader has its own buffer and takes all of it in one step, so that an event is garbage as soon as every reader has
 * taken it. One list of batches for all readers looks cheaper, but a batch that V8 has moved to its old space keeps all
 * later ones alive until the next full garbage collection. A `Queue` of Effect for each reader does the same work for more
 * CPU; `npm run bench -- --only delivery` compares the two.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import * as Scheduler from "effect/Scheduler"
import * as Stream from "effect/Stream"

/** A bound on the events that a reader leaves unread. */
export interface Bound<A> {
  /** The number of unread events that may accumulate before `shrink` runs. */
  readonly limit: number
  /** Returns fewer events in place of these. */
  readonly shrink: (events: Array<A>) => Array<A>
}

/** One reader's buffer: the events since it was made, or was last read, until it is closed. */
export class Cursor<A, E> {
  private readonly broadcast: Broadcast<A, E>
  private events: Array<A> = []
  /** The number of unread events at which the buffer shrinks next. */
  private room: number
  /** Wakes the reader that waits for events. */
  private wake: (() => void) | null = null

  constructor(broadcast: Broadcast<A, E>) {
    this.broadcast = broadcast
    this.room = broadcast.bound.limit
  }

  push(event: A): void {
    this.events.push(event)
    if (this.events.length > this.room) this.shrink()
    if (this.wake !== null) this.wakeUp()
  }

  /** Shrinks the buffer. The remaining events may double before it shrinks again, which keeps the work linear. */
  shrink(): void {
    const { limit, shrink } = this.broadcast.bound
    if (this.events.length > limit) this.events = shrink(this.events)
    this.room = Math.max(limit, 2 * this.events.length)
  }

  wakeUp(): void {
    this.wake?.()
    this.wake = null
  }

  /** Stops collecting events for this reader. */
  close(): void {
    this.broadcast.close(this)
  }

  /** Takes all unread events; waits while there are none; ends as the broadcast did. */
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

  /** The events, a batch at a time. Run it once: it closes this reader when it ends or its consumer leaves. */
  readonly stream: Stream.Stream<A, E> = Stream.ensuring(
    Stream.fromPull(Effect.succeed(this.pull)),
    Effect.sync(() => this.close())
  )

  /** All unread events, or the end; undefined while there is neither. */
  private take(): Pull.Pull<readonly [A, ...Array<A>], E> | undefined {
    const { events } = this
    if (isNonEmpty(events)) {
      this.events = []
      this.room = this.broadcast.bound.limit
      return Effect.succeed(events)
    }
    const { exit } = this.broadcast
    return exit === null ? undefined : Exit.isSuccess(exit) ? Cause.done() : Effect.failCause(exit.cause)
  }
}

/** The writer's side, and the list of its readers. */
export class Broadcast<A, E> {
  /** How the broadcast ended; null while it goes on. */
  exit: Exit.Exit<void, E> | null = null

  /** The bound on unread events; by default there is none. */
  bound: Bound<A> = { limit: Infinity, shrink: (events) => events }

  private readonly cursors: Array<Cursor<A, E>> = []

  /** Bounds the unread events of all readers, present and later. */
  setBound(bound: Bound<A>): void {
    this.bound = bound
    for (const cursor of this.cursors) cursor.shrink()
  }

  /** True if there are readers. */
  get isFollowed(): boolean {
    return this.cursors.length > 0
  }

  /** Hands one event to all readers. */
  push(event: A): void {
    for (let index = 0; index < this.cursors.length; index++) this.cursors[index]!.push(event)
  }

  /** Ends the broadcast: readers take what they have, then end with this exit. Only the first end counts. */
  end(exit: Exit.Exit<void, E>): void {
    if (this.exit !== null) return
    this.exit = exit
    for (const cursor of this.cursors.splice(0)) cursor.wakeUp()
  }

  /** Returns a new reader, which gets the events pushed from now on. */
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

/** Each fiber has a dispatcher of its own; readers share one, so that all readers that a chunk wakes run in one task of the event loop. */
const dispatcherOf = (scheduler: Scheduler.Scheduler): Scheduler.SchedulerDispatcher => {
  let dispatcher = dispatchers.get(scheduler)
  if (dispatcher === undefined) dispatchers.set(scheduler, dispatcher = scheduler.makeDispatcher())
  return dispatcher
}

const dispatchers = new WeakMap<Scheduler.Scheduler, Scheduler.SchedulerDispatcher>()

const isNonEmpty = <A>(items: Array<A>): items is [A, ...Array<A>] => items.length > 0
