/**
 * The stop of the shared server, after the turns that run there.
 */
import { stopShared as stop } from "#process"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { pick } from "../base/options.ts"
import * as RemoteOptions from "../model/connection/RemoteOptions.ts"
import { check } from "../model/errors/check.ts"
import type { ConnectError, RequestError } from "../model/errors/CodexError.ts"
import type { SendRequest } from "../model/requests/Request.ts"
import type * as Notification from "../model/turns/Notification.ts"
import * as SharedOptions from "../node/SharedOptions.ts"

/** A client that asks the server for its turns. */
interface Asking {
  readonly request: SendRequest
  readonly notifications: Stream.Stream<Notification.Notification, unknown>
}

/** The completion of a turn follows a moment after its thread is idle. */
const settleTime = Duration.millis(100)

/** How long to wait for a notification before the server is asked again. */
const askAgain = Duration.seconds(1)

/** Returns true if a turn is running on any thread. */
const isBusy = (client: Asking): Effect.Effect<boolean, RequestError> =>
  Effect.gen(function*() {
    let cursor: string | null = null
    do {
      const page: { readonly data: ReadonlyArray<string>; readonly nextCursor?: string | null } = yield* client.request(
        "thread/loaded/list",
        { cursor }
      )
      for (const threadId of page.data) {
        // A thread that is closed meanwhile runs no turn.
        const status = yield* client.request("thread/read", { threadId }).pipe(
          Effect.map(({ thread }) => thread.status.type),
          Effect.catchTag("CodexRpcError", () => Effect.succeed("notLoaded"))
        )
        if (status === "active") return true
      }
      cursor = page.nextCursor ?? null
    } while (cursor !== null)
    return false
  })

/** Waits until no turn is running, or until the server cannot be asked. */
const untilIdle = (connect: Effect.Effect<Asking, unknown, Scope.Scope>): Effect.Effect<void> =>
  Effect.gen(function*() {
    const client = yield* connect
    const changed = client.notifications.pipe(
      Stream.filter(({ method }) => method === "thread/status/changed"),
      Stream.take(1),
      Stream.runDrain,
      Effect.timeoutOption(askAgain)
    )
    let idle = 0
    while (idle < 2) {
      idle = (yield* isBusy(client)) ? 0 : idle + 1
      if (idle === 0) yield* changed
      else if (idle === 1) yield* Effect.sleep(settleTime)
    }
  }).pipe(Effect.scoped, Effect.ignore)

/** Stops the shared server. `connect` connects to a socket. */
export const stopShared = <R>(
  options: RemoteOptions.RemoteOptions<R> & SharedOptions.StopOptions,
  connect: (socket: string) => Effect.Effect<Asking, unknown, Scope.Scope>
): Effect.Effect<SharedOptions.Stopped, ConnectError> =>
  Effect.andThen(
    check(options, { ...RemoteOptions.checks, ...SharedOptions.stopChecks }),
    stop(pick(options, SharedOptions.stopChecks), (socket) => untilIdle(connect(socket)))
  )
