/**
 * @internal The turns of a shared server, as whoever stops it sees them. `Codex.layerShared` and `Codex.stopShared` are the public
 * functions.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as CodexClient from "./CodexClient.ts"
import type { RequestError } from "./model/CodexError.ts"

/** The completion of a turn follows a moment after its thread is idle. */
const settleTime = Duration.millis(100)

/** How long to wait for a notification before the server is asked again. */
const askAgain = Duration.seconds(1)

type Client = CodexClient.CodexClient["Service"]

/** Returns true if a turn is running on any thread. */
const isBusy = (client: Client): Effect.Effect<boolean, RequestError> =>
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

/** @internal Waits until no turn is running on the server at a socket, or until it cannot be asked. */
export const untilIdle = (socket: string): Effect.Effect<void> =>
  Effect.gen(function*() {
    const context = yield* Layer.build(CodexClient.layerUnixSocket({ path: socket, reconnect: false }))
    const client = Context.get(context, CodexClient.CodexClient)
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
