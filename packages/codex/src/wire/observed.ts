/**
 * Values of the server as Streams: the current value, then each later one.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { CodexConnectionError } from "../model/errors/CodexError.ts"
import type * as Notification from "../model/turns/Notification.ts"
import type { Client } from "./Client.ts"
import type { Router } from "./Router.ts"

/**
 * Emits the value that `read` returns, and reads it again after each notification of a thread that may have changed it, and on each
 * later connection. Changes that arrive while it reads are one change. Equal values in a row are emitted once.
 */
export const observed = <A, E>(
  { client, router }: { readonly client: Client["Service"]; readonly router: Router["Service"] },
  threadId: string,
  { isChange, read }: {
    readonly read: Effect.Effect<A, E>
    readonly isChange: (notification: Notification.Notification) => boolean
  }
): Stream.Stream<A, E | CodexConnectionError> =>
  Stream.unwrap(Effect.map(router.subscribe(threadId), (notifications) => {
    const changes = Stream.filter(notifications, isChange)
    const connections = Stream.filter(client.connection, ({ _tag }) => _tag === "Connected").pipe(Stream.drop(1))
    return Stream.merge(changes, connections).pipe(
      Stream.buffer({ capacity: 1, strategy: "sliding" }),
      Stream.prepend([null]),
      Stream.mapEffect(() => afterLoss(client, read)),
      Stream.changes
    )
  }))

/** Reads again on the next connection, if there is one, when the connection is lost meanwhile. */
const afterLoss = <A, E>(client: Client["Service"], read: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.catch(read, (error) =>
    isLoss(error) && client.survives()
      ? Effect.andThen(Effect.yieldNow, afterLoss(client, read))
      : Effect.fail(error))

const isLoss = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "CodexConnectionError"
