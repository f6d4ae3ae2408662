/**
 * The events of a thread in one epoch, numbered: a bounded log that any number of consumers follow, each from its own cursor.
 */
import type { Notification } from "effect-codex/Notification"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Here, HostEvent } from "../model/events.ts"
import type { Cursor, WireEvents } from "../model/rpcs.ts"
import * as Wire from "../model/wire.ts"

/** The most events that one read takes. */
const batch = 1024

/** The fewest events that are kept: a consumer that rests must find those that arrive meanwhile, also when their turn has ended. */
const fewest = 256

/**
 * The pause of a consumer between two reads: one millisecond per event read, within these bounds. Each read costs a message and its
 * acknowledgement, which cost far more than an event: without a pause, a fast turn would keep both processes busy with messages of one
 * event each.
 */
const rest = { min: 4, max: 32 }

const wire = (cursor: Cursor, event: HostEvent | Here): WireEvents => ({
  ...cursor,
  json: Wire.write([Wire.ofHost(event)])
})

/** The log of one activation. */
export class EventLog {
  private entries: Array<Wire.Entry> = []
  private current = 0
  private last = 0
  /** The newest event that must not wait. */
  private urgent = 0
  private readonly waiting = new Set<() => void>()
  private readonly resting = new Set<() => void>()
  private readonly keep: number
  private isHeld = false

  /** Keeps at least `keep` events, or {@link fewest}, and all of a running turn. */
  constructor(keep: number) {
    this.keep = Math.max(keep, fewest)
  }

  /** The cursor of the newest event. */
  get end(): Cursor {
    return { epoch: this.current, seq: this.last }
  }

  /** Begins an epoch, with its first notifications. The events of the one before are gone. */
  begin(epoch: number, events: ReadonlyArray<Notification> = []): void {
    this.current = epoch
    this.last = 0
    this.urgent = 0
    this.entries = []
    this.isHeld = true
    for (const event of events) this.append(event)
    this.isHeld = false
    this.hurry()
  }

  /** Adds a notification of the server. Its consumers see it after {@link wake}. */
  append(event: Notification): void {
    this.push(Wire.ofServer(event, this.entries.at(-1)))
  }

  private push(entry: Wire.Entry): void {
    this.last += 1
    this.entries.push(entry)
    if (!this.isHeld && this.entries.length >= 2 * this.keep) this.entries = this.entries.slice(-this.keep)
  }

  /** Adds an event of the host, which does not wait. */
  add(event: HostEvent): Cursor {
    if (event.method === "$turnStarted") this.isHeld = true
    this.push(Wire.ofHost(event))
    this.urgent = this.last
    this.hurry()
    // Those who rest have read the rest of the turn. A consumer may be slower, and the others have to keep up.
    if (event.method === "$turnEnded") this.isHeld = false
    return this.end
  }

  /** Wakes the consumers that have read everything. */
  wake(): void {
    wakeAll(this.waiting)
  }

  /** Wakes the consumers that rest, too. */
  private hurry(): void {
    wakeAll(this.resting)
    this.wake()
  }

  /** Emits where it begins, then every event after `from`. Without it, it begins with the turn of a key, or else now. */
  follow(from: Cursor | null, turnKey: string | null = null): Stream.Stream<WireEvents> {
    return Stream.suspend(() => {
      const state = { at: from ?? this.before(turnKey) ?? this.end, said: false, rested: 0 }
      const next: Effect.Effect<Arr.NonEmptyReadonlyArray<WireEvents>> = Effect.suspend(() => {
        if (!state.said) {
          state.said = true
          return Effect.succeed(Arr.of(wire(state.at, { method: "$here", end: this.end })))
        }
        const left = this.isUrgent(state.at) ? 0 : state.rested - performance.now()
        if (left >= 1) return Effect.andThen(waitIn(this.resting, () => this.isUrgent(state.at), left), next)
        const { at, count, events } = this.read(state.at)
        if (!Arr.isReadonlyArrayNonEmpty(events)) {
          return Effect.andThen(waitIn(this.waiting, () => this.hasMore(state.at)), next)
        }
        state.at = at
        // A backlog does not wait.
        state.rested = performance.now() + (count === batch ? 0 : Math.min(Math.max(count, rest.min), rest.max))
        return Effect.succeed(events)
      })
      return Stream.fromPull(Effect.succeed(next))
    })
  }

  /** Returns the cursor before the first turn of a key. */
  private before(turnKey: string | null): Cursor | undefined {
    if (turnKey === null) return undefined
    const at = this.entries.findIndex(Wire.isStartOf(turnKey))
    return at < 0 ? undefined : { epoch: this.current, seq: this.last - this.entries.length + at }
  }

  /** Returns the events after a cursor, preceded by `$moved` or `$missed` if needed, and the cursor of the last. */
  private read(
    at: Cursor
  ): { readonly events: ReadonlyArray<WireEvents>; readonly count: number; readonly at: Cursor } {
    const parts: Array<{ readonly seq: number; readonly entries: Array<Wire.Entry> }> = []
    // A thread that was not opened here has no epoch to report yet.
    if (this.current === 0) return { events: [], count: 0, at }
    let seq = at.seq
    if (at.epoch !== this.current) {
      seq = 0
      // Before the first epoch there is nothing to move from.
      if (at.epoch > 0) parts.push({ seq, entries: [Wire.ofHost({ method: "$moved", epoch: this.current })] })
      else if (this.last === 0) return { events: [], count: 0, at }
    }
    const first = this.last - this.entries.length
    if (seq < first) {
      parts.push({ seq: first, entries: [Wire.ofHost({ method: "$missed", count: first - seq })] })
      seq = first
    }
    const next = this.entries.slice(seq - first, seq - first + batch)
    // A client does not stop between these events of the host and what follows them.
    const begun = parts.at(-1)
    if (begun !== undefined) begun.entries.push(...next)
    else if (next.length > 0) parts.push({ seq: seq + 1, entries: next })
    const events = parts.map(({ entries, seq }) => ({ epoch: this.current, seq, json: Wire.write(entries) }))
    return { events, count: next.length, at: { epoch: this.current, seq: seq + next.length } }
  }

  /** True if {@link read} has something after a cursor. */
  private hasMore({ epoch, seq }: Cursor): boolean {
    return this.current > 0 && (epoch === this.current ? this.last > seq : epoch > 0 || this.last > 0)
  }

  /** True if an event after a cursor must not wait. */
  private isUrgent({ epoch, seq }: Cursor): boolean {
    return epoch !== this.current || seq < this.urgent
  }
}

/**
 * Waits until it is woken, or for a time. The timer is Node's, because the Clock of a test may stand still. `isOver` looks again, because
 * the fiber may have yielded since its caller did: nobody wakes it for what came in between.
 */
const waitIn = (waiting: Set<() => void>, isOver: () => boolean, millis?: number): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (isOver()) return resume(Effect.void)
    const wake = () => {
      clearTimeout(timer)
      waiting.delete(wake)
      resume(Effect.void)
    }
    const timer = millis === undefined ? undefined : setTimeout(wake, millis)
    waiting.add(wake)
    return Effect.sync(() => {
      clearTimeout(timer)
      waiting.delete(wake)
    })
  })

/** Wakes everyone. A consumer may wait again before this returns. */
const wakeAll = (waiting: Set<() => void>): void => {
  for (const wake of Array.from(waiting)) wake()
}
