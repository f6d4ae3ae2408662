/**
 * Background terminals: commands of the agent that run on after it has stopped waiting for them, such as a development server.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { pages } from "./capabilities/pages.ts"
import type { Services } from "./capabilities/Services.ts"
import type { ThreadError } from "./model/errors/CodexError.ts"
import type * as Notification from "./model/turns/Notification.ts"
import { changes, outdated } from "./wire/changes.ts"
import { gated } from "./wire/gated.ts"

/**
 * A command that runs. `processId` is the server's name for it, and `itemId` the `commandExecution` item that started it.
 *
 * @category models
 */
export type BackgroundTerminal = Protocol.ThreadBackgroundTerminal

/**
 * The background terminals of a thread.
 *
 * They belong to the thread, not to a turn: the interruption of a turn leaves them running. They end with their command, with
 * `stop`, and with the server. All members require Codex 0.140 or later.
 *
 * @example
 * ```ts
 * import type { Thread } from "effect-codex"
 * import * as Effect from "effect/Effect"
 *
 * const build = Effect.fnUntraced(function*(thread: Thread.Thread) {
 *   yield* thread.run("Start the build in the background.")
 *   yield* thread.backgroundTerminals.settled.pipe(
 *     Effect.timeout("10 minutes"),
 *     Effect.onError(() => Effect.ignore(thread.backgroundTerminals.stopAll))
 *   )
 * })
 * ```
 *
 * @category models
 */
export interface BackgroundTerminals {
  /** Returns the commands that run now, in no order (`thread/backgroundTerminals/list`). */
  readonly current: Effect.Effect<ReadonlyArray<BackgroundTerminal>, ThreadError>
  /**
   * Emits the commands that run now, then the new list each time a command starts or ends, and on each new connection. Fails when
   * no other connection follows.
   */
  readonly changes: Stream.Stream<ReadonlyArray<BackgroundTerminal>, ThreadError>
  /** Stops one command (`thread/backgroundTerminals/terminate`). Returns false if it does not run any more. */
  readonly stop: (processId: string) => Effect.Effect<boolean, ThreadError>
  /** Stops every command (`thread/backgroundTerminals/clean`). */
  readonly stopAll: Effect.Effect<void, ThreadError>
  /** Waits until no command runs. Returns at once if none does. */
  readonly settled: Effect.Effect<void, ThreadError>
}

/** @internal Returns the background terminals of one thread. */
export const make = (
  services: Services,
  threadId: string
): BackgroundTerminals => {
  const request = gated(services.client)

  const current = Effect.catchIf(
    Stream.runCollect(pages((cursor) => request("thread/backgroundTerminals/list", { threadId, cursor }))),
    // The commands of a thread end with their server, and a restarted server has not loaded the thread.
    (error) =>
      error._tag === "CodexRpcError" && error.reason._tag === "ThreadNotFound"
      && services.router.family.get(threadId)?.isOpened === true,
    () => Effect.succeed([])
  )

  const lists = changes(services, {
    threadId,
    read: current,
    next: (_, notification) => isCommand(notification) ? outdated : undefined
  })

  return {
    current,
    changes: lists,
    stop: (processId) =>
      Effect.map(
        request("thread/backgroundTerminals/terminate", { threadId, processId }),
        ({ terminated }) => terminated
      ),
    stopAll: Effect.asVoid(request("thread/backgroundTerminals/clean", { threadId })),
    settled: lists.pipe(Stream.takeUntil((running) => running.length === 0), Stream.runDrain)
  }
}

/** A command that ends after its turn is still reported by its item. */
const isCommand = (notification: Notification.Notification): boolean =>
  (notification.method === "item/started" || notification.method === "item/completed")
  && notification.params.item.type === "commandExecution"
