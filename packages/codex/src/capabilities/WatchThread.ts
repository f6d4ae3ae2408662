/**
 * Watching a thread that the server has loaded, without opening it.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type CodexConnectionError, InvalidInputError } from "../model/errors/CodexError.ts"
import { saysUnstarted } from "../model/errors/Refusal.ts"
import type * as Notification from "../model/turns/Notification.ts"
import type { Services } from "./Services.ts"

/**
 * A thread that is watched: see `threadWatch` of `Codex`.
 *
 * @category models
 */
export interface WatchedThread {
  /** The thread as it was when watching began, with its turns and their items. */
  readonly thread: Protocol.Thread
  /** Every notification of the thread since then. Run it once. Fails when the connection is lost for good. */
  readonly notifications: Stream.Stream<Notification.Notification, CodexConnectionError>
}

/** Returns the method that watches a thread. The scope of its caller ends the watching. */
export const make = ({ client, router }: Services) =>
  Effect.fnUntraced(function*(threadId: string) {
    const { thread: found } = yield* client.request("thread/read", { threadId })
    if (found.status.type === "notLoaded") {
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
    const resume = client.request("thread/resume", { threadId })
    /** Resumes the thread as soon as its first turn runs. */
    const join = Effect.flatMap(router.subscribe(threadId), (events) =>
      events.pipe(
        Stream.filter((event) => event.method === "thread/status/changed" && event.params.status.type === "active"),
        Stream.mapEffect(() => Effect.option(resume)),
        Stream.takeUntil(Option.isSome),
        Stream.runDrain,
        Effect.ignore,
        Effect.forkScoped
      ))
    const { thread } = yield* Effect.catchIf(
      resume,
      // The server does not resume a thread before its first turn. An ephemeral thread can't be watched at all.
      (error) =>
        error._tag === "CodexRpcError" && !found.ephemeral
        && (saysUnstarted(error) || error.reason._tag === "ThreadNotFound"),
      () => Effect.as(router.family.get(threadId)?.isOpened === true ? Effect.void : join, { thread: found })
    )
    return { thread, notifications: events }
  })
