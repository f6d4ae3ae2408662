/**
 * The consumers of notifications: of all, of those that belong to no turn, and of those of one thread. Without consumers, a
 * notification costs nothing here.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Broadcast } from "../base/Broadcast.ts"
import type { CodexConnectionError } from "../model/errors/CodexError.ts"
import * as Notification from "../model/turns/Notification.ts"

type Events = Broadcast<Notification.Notification, CodexConnectionError>

export type Notifications = Stream.Stream<Notification.Notification, CodexConnectionError>

export class Subscriptions {
  /** The number of consumers. */
  count = 0

  private everything: Events = new Broadcast()
  private globals: Events = new Broadcast()
  private readonly threads = new Map<string, Events>()
  private failure: CodexConnectionError | null = null

  /** Every notification from now on. */
  readonly all: Notifications = Stream.unwrap(this.subscribe(() => this.everything))

  /** Every notification that belongs to no turn, from the moment the Effect is run, until its scope closes. */
  readonly scopedWithoutTurn: Effect.Effect<Notifications, never, Scope.Scope> = this.subscribe(() => this.globals)

  /** Every notification from now on that belongs to no turn. */
  readonly withoutTurn: Notifications = Stream.unwrap(this.scopedWithoutTurn)

  /** Every notification of one thread from now on. */
  thread(threadId: string): Notifications {
    return Stream.unwrap(this.scoped(threadId))
  }

  /** Every notification of one thread from the moment the Effect is run, until its scope closes. */
  scoped(threadId: string): Effect.Effect<Notifications, never, Scope.Scope> {
    return this.subscribe(() => {
      const events: Events = this.threads.get(threadId) ?? new Broadcast()
      this.threads.set(threadId, events)
      return events
    }, (events) => {
      if (!events.isFollowed && this.threads.get(threadId) === events) this.threads.delete(threadId)
    })
  }

  /** The threads with consumers of their own. */
  get threadIds(): Iterable<string> {
    return this.threads.keys()
  }

  /** Passes a notification to its consumers. `event` is its typed form, if it was needed before. */
  publish(
    raw: Notification.Raw,
    event: Notification.Notification | undefined,
    threadId: string | undefined,
    turnId: string | undefined
  ): void {
    const thread = threadId === undefined ? undefined : this.threads.get(threadId)
    const inGlobals = turnId === undefined && this.globals.isFollowed
    if (thread === undefined && !inGlobals && !this.everything.isFollowed) return
    const typed = event ?? Notification.fromMessage(raw)
    thread?.push(typed)
    if (inGlobals) this.globals.push(typed)
    this.everything.push(typed)
  }

  /** Accepts consumers again, on a new connection. */
  reopen(): void {
    if (this.failure === null) return
    this.failure = null
    this.everything = new Broadcast()
    this.globals = new Broadcast()
    this.threads.clear()
  }

  /** Fails every consumer, after all notifications that had arrived, because the connection is lost. */
  fail(error: CodexConnectionError): void {
    this.failure = error
    for (const events of [this.everything, this.globals, ...this.threads.values()]) events.end(Exit.fail(error))
  }

  private subscribe(
    join: () => Events,
    left: (events: Events) => void = () => {}
  ): Effect.Effect<Notifications, never, Scope.Scope> {
    return Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const events = join()
          this.count++
          if (this.failure !== null) events.end(Exit.fail(this.failure))
          return { events, cursor: events.cursor() }
        }),
        ({ cursor, events }) =>
          Effect.sync(() => {
            cursor.close()
            this.count--
            left(events)
          })
      ),
      ({ cursor }) => cursor.stream
    )
  }
}
