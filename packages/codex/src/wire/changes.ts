/**
 * Streams of changing values of the server: the current value, then each later one, across lost connections.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { CodexConnectionError } from "../model/errors/CodexError.ts"
import type * as Notification from "../model/turns/Notification.ts"
import type { Client } from "./Client.ts"
import type { Router } from "./Router.ts"

/** The connections of one client. */
interface Connections {
  readonly client: Client["Service"]
  readonly router: Router["Service"]
}

/** A value of the server. */
interface Value<A, E> {
  /** Reads the value. */
  readonly read: Effect.Effect<A, E>
  /** The thread whose notifications report changes. Default: the notifications that belong to no turn. */
  readonly threadId?: string
  /** Returns the value after a notification; undefined if the notification does not concern it. */
  readonly next: (value: A, event: Notification.Notification) => A | typeof outdated | undefined
}

/** Marks a value that must be read again. */
export const outdated: unique symbol = Symbol("outdated")

/**
 * Emits the current value, then the value after each change, and reads it again on each later connection. Changes that
 * arrive together count as one. On one connection, a value that equals the one before is not emitted. Fails when no other connection follows.
 */
export const changes = <A, E>(
  { client, router }: Connections,
  { next, read, threadId }: Value<A, E>
): Stream.Stream<A, E | CodexConnectionError> =>
  onEachConnection(
    client,
    Stream.unwrap(Effect.gen(function*() {
      // The subscription is there before the value is read, so that no change is missed.
      const events = yield* threadId === undefined ? router.subscribeGlobals : router.subscribe(threadId)
      let value = yield* read
      const after = (arrived: ReadonlyArray<Notification.Notification>) => {
        let isOutdated = false
        for (const event of arrived) {
          const changed = next(value, event)
          if (changed === outdated) isOutdated = true
          else if (changed !== undefined) value = changed
        }
        return Effect.map(isOutdated ? read : Effect.succeed(value), (current) => [value = current] as const)
      }
      return Stream.mapArrayEffect(events, after).pipe(Stream.prepend([value]), Stream.changes)
    }))
  )

/** Runs a Stream on each connection, one after the other. Fails when no other connection follows. */
export const onEachConnection = <A, E>(
  client: Client["Service"],
  stream: Stream.Stream<A, E>
): Stream.Stream<A, E | CodexConnectionError> => {
  const untilLoss = Stream.catch(
    stream,
    (error): Stream.Stream<A, E> => isLoss(error) ? Stream.empty : Stream.fail(error)
  )
  return Stream.concat(
    Stream.switchMap(connected(client), () => untilLoss),
    Stream.unwrap(Effect.map(client.closed, Stream.fail))
  )
}

/** Runs a Stream, and again on the next connection when it fails because one is lost. Fails when no other follows. */
export const onAnyConnection = <A>(
  client: Client["Service"],
  stream: Stream.Stream<A, CodexConnectionError>
): Stream.Stream<A, CodexConnectionError> =>
  Stream.catch(stream, (loss) =>
    Stream.unwrap(
      Effect.map(
        Stream.runHead(connected(client)),
        (next) => Option.isSome(next) ? onAnyConnection(client, stream) : Stream.fail(loss)
      )
    ))

/** The connection in use, and each later one. */
const connected = ({ connection }: Client["Service"]) => Stream.filter(connection, ({ _tag }) => _tag === "Connected")

const isLoss = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "CodexConnectionError"
