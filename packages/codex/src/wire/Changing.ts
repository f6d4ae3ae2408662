/**
 * Values of the server that change, as Streams. Each starts with the current value, emits every later one, and reads the value
 * again after a lost connection.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ConnectionState } from "../model/connection/ConnectionState.ts"
import type { CodexConnectionError } from "../model/errors/CodexError.ts"
import type * as Notification from "../model/turns/Notification.ts"
import type { Client } from "./Client.ts"
import type { Router } from "./Router.ts"

/** The services on which the capabilities of `Codex` are built. */
export interface Services {
  readonly client: Client["Service"]
  readonly router: Router["Service"]
  /** The states of the connection. */
  readonly connection: Stream.Stream<ConnectionState>
}

/** The value has to be read again. */
export const outdated: unique symbol = Symbol("outdated")

/** The current value, and each later one. `next` returns the value after a notification; undefined if it is the same. */
export const changing = <A, E>(services: Services, { next, read }: {
  readonly read: Effect.Effect<A, E>
  readonly next: (value: A, event: Notification.Notification) => A | typeof outdated | undefined
}): Stream.Stream<A, E | CodexConnectionError> =>
  onEachConnection(
    services,
    Stream.unwrap(Effect.gen(function*() {
      // The subscription is there before the value is read, so that no change is missed.
      const events = yield* services.router.subscribeGlobals
      let value = yield* read
      const later = Stream.flatMap(events, (event) => {
        const changed = next(value, event)
        if (changed === undefined) return Stream.empty
        const update = changed === outdated ? read : Effect.succeed(changed)
        return Stream.fromEffect(Effect.tap(update, (updated) => Effect.sync(() => value = updated)))
      })
      return Stream.concat(Stream.succeed(value), later)
    }))
  )

/** Runs a Stream on each connection, one after the other. Fails when no other connection follows. */
export const onEachConnection = <A, E>(
  { client, connection }: Pick<Services, "client" | "connection">,
  stream: Stream.Stream<A, E>
): Stream.Stream<A, E | CodexConnectionError> => {
  const untilLoss = Stream.catch(
    stream,
    (error): Stream.Stream<A, E> => isLoss(error) ? Stream.empty : Stream.fail(error)
  )
  const connected = Stream.filter(connection, ({ _tag }) => _tag === "Connected")
  return Stream.concat(
    Stream.switchMap(connected, () => untilLoss),
    Stream.unwrap(Effect.map(client.closed, Stream.fail))
  )
}

/** Runs a Stream, and again on the next connection when it fails because one is lost. Fails when no other follows. */
export const onAnyConnection = <A>(
  connection: Stream.Stream<ConnectionState>,
  stream: Stream.Stream<A, CodexConnectionError>
): Stream.Stream<A, CodexConnectionError> =>
  Stream.catch(stream, (loss) =>
    Stream.unwrap(
      connection.pipe(
        Stream.filter(({ _tag }) => _tag === "Connected"),
        Stream.runHead,
        Effect.map((next) => Option.isSome(next) ? onAnyConnection(connection, stream) : Stream.fail(loss))
      )
    ))

const isLoss = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "CodexConnectionError"
