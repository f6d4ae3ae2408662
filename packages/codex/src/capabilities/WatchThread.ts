/**
 * Watching a thread that the server has loaded, without opening it.
 */
import * as Effect from "effect/Effect"
import { InvalidInputError } from "../model/errors/CodexError.ts"
import type { Services } from "./Services.ts"

/** Returns the method that watches a thread. The scope of its caller ends the watching. */
export const make = ({ client, router }: Services) =>
  Effect.fnUntraced(function*(threadId: string) {
    const { thread: { status } } = yield* client.request("thread/read", { threadId })
    if (status.type === "notLoaded") {
      return yield* new InvalidInputError({
        field: "threadId",
        detail: `thread ${threadId} is not loaded, and watching does not load it; use threadResume`
      })
    }
    // The subscription is there before the first notification.
    const events = yield* router.subscribe(threadId)
    yield* Effect.acquireRelease(
      Effect.sync(() => router.watchThread(threadId)),
      (unwatch) =>
        Effect.suspend(() => {
          unwatch()
          // A thread of this client, or one that is watched elsewhere, is still needed.
          return router.family.get(threadId)?.isOpened === true || router.isWatched(threadId)
            ? Effect.void
            : Effect.ignore(client.request("thread/unsubscribe", { threadId }, { timeout: "3 seconds" }))
        })
    )
    const { thread } = yield* client.request("thread/resume", { threadId })
    return { thread, notifications: events }
  })
