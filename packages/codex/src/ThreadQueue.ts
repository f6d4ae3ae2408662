/**
 * Queues of threads: input that the server turns into turns by itself, one after another, also after this program has ended.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import { newId } from "./base/ids.ts"
import type { Services } from "./capabilities/Services.ts"
import type * as Input from "./Input.ts"
import type { CodexConnectionError, QueuedTurnRemovedError, ThreadError } from "./model/errors/CodexError.ts"
import { toItems } from "./options/Input.ts"
import * as Turn from "./Turn.ts"
import { changes, outdated } from "./wire/changes.ts"
import { gated, gatedWith } from "./wire/gated.ts"
import type { Entry } from "./wire/QueuedTurns.ts"
import type { StartedTurn } from "./wire/Router.ts"

/**
 * Input that waits in the queue of a thread.
 *
 * @category models
 */
export interface QueuedTurn {
  /** The server's id of the input in the queue. It is not the id of the later turn. */
  readonly id: string
  readonly threadId: string
  /** The input of the turn, as the server stores it. */
  readonly input: ReadonlyArray<Protocol.UserInput>
  /**
   * Waits until the turn starts, and returns its handle; at once if it has started. Fails with `QueuedTurnRemovedError` if the input
   * is removed first, and with `CodexConnectionError` if the server ends. A removal by another client is noticed when the queue is
   * listed twice.
   */
  readonly turn: Effect.Effect<Turn.Turn, CodexConnectionError | QueuedTurnRemovedError>
}

/**
 * The queue of a thread. The server stores it, and starts its turns with the options in force on the thread.
 *
 * The server starts the first input at once if the thread is idle, and the next one when a turn has completed or failed. After an
 * interrupted turn the queue is paused until `start`, or until another turn has completed.
 *
 * `run`, `turn` and `stream` wait for the queue, unless it is paused: the server would add their input to the queued turn.
 * `whenBusy` applies to a queued turn as to any other one. All members require Codex 0.150 or later, and a
 * thread that is not ephemeral.
 *
 * @example
 * ```ts
 * import type { Thread } from "effect-codex"
 * import * as Effect from "effect/Effect"
 *
 * const overnight = Effect.fnUntraced(function*(thread: Thread.Thread) {
 *   const tests = yield* thread.queue.add("Fix the failing tests.")
 *   yield* thread.queue.add("Then update the documentation.")
 *   const turn = yield* tests.turn
 *   return yield* turn.run
 * })
 * ```
 *
 * @category models
 */
export interface ThreadQueue {
  /**
   * Adds input to the end of the queue (`thread/queue/add`). It may have started when this returns. If the connection is lost
   * meanwhile, the input may be in the queue or not: see `current`.
   */
  readonly add: (input: Input.Input) => Effect.Effect<QueuedTurn, ThreadError>
  /** Returns the input that waits, the next one first (`thread/queue/list`). */
  readonly current: Effect.Effect<ReadonlyArray<QueuedTurn>, ThreadError>
  /**
   * Emits the input that waits, then the new list after each change and on each new connection. Fails when no other connection
   * follows. A server that has started again reports changes only once a turn has loaded the thread.
   */
  readonly changes: Stream.Stream<ReadonlyArray<QueuedTurn>, ThreadError>
  /** Replaces the input of a queued turn (`thread/queue/update`). The server refuses it once the turn has started. */
  readonly update: (id: string, input: Input.Input) => Effect.Effect<QueuedTurn, ThreadError>
  /** Removes input from the queue (`thread/queue/delete`). Returns false if it was not there, for example because it has started. */
  readonly remove: (id: string) => Effect.Effect<boolean, ThreadError>
  /** Sets the order (`thread/queue/reorder`). The server refuses a list that does not contain each id of the queue once. */
  readonly reorder: (ids: ReadonlyArray<string>) => Effect.Effect<void, ThreadError>
  /** Starts the next turn of a paused queue (`thread/queue/start`). The server refuses it if the queue is empty or a turn runs. */
  readonly start: Effect.Effect<void, ThreadError>
}

/** The handles of started turns. A turn has one, because only its first consumer receives all events. */
const handles = new WeakMap<StartedTurn, Turn.Turn>()

/** The Effects that wait for the start of queued turns. */
const waits = new WeakMap<Entry, QueuedTurn["turn"]>()

/** @internal Returns the queue of one thread. */
export const make = (
  services: Services,
  threadId: string
): ThreadQueue => {
  const { client } = services
  const { queued, turns } = client
  const request = gated(client)
  const requestWith = gatedWith(client)

  const handleOf = (started: StartedTurn): Turn.Turn => {
    const handle = handles.get(started) ?? Turn.make(client, started)
    handles.set(started, handle)
    return handle
  }

  const queuedTurn = ({ id, input }: Protocol.QueuedSubmission, entry: Entry): QueuedTurn => {
    // The same one each time, so that lists of the same turns are equal.
    const turn = waits.get(entry) ?? Effect.map(Deferred.await(entry.turn), handleOf)
    waits.set(entry, turn)
    return { id, threadId, input, turn }
  }

  /** Reads the queue from a page on. Its entries are compared in the reader, where none of them can start meanwhile. */
  const read = (
    cursor: string | null,
    before: ReadonlyArray<Protocol.QueuedSubmission>
  ): Effect.Effect<ReadonlyArray<QueuedTurn>, ThreadError> =>
    Effect.suspend(() => {
      let listed: ReadonlyArray<QueuedTurn> = []
      const page = requestWith("thread/queue/list", { threadId, cursor }, {
        onResponse: ({ data, nextCursor }) => {
          if ((nextCursor ?? null) !== null) return
          const all = [...before, ...data]
          const entries = queued.listed(threadId, all)
          listed = all.map((submission, index) => queuedTurn(submission, entries[index]!))
        }
      })
      return Effect.flatMap(page, ({ data, nextCursor = null }) =>
        nextCursor === null ? Effect.succeed(listed) : read(nextCursor, [...before, ...data]))
    })

  const current = read(null, [])

  return {
    add: (input) =>
      Effect.gen(function*() {
        const items = yield* toItems(input, client.look)
        const clientUserMessageId = newId()
        // A turn of this client that is about to start would be added to a queued one.
        const entry = yield* turns.between(threadId, () => queued.expect(threadId, clientUserMessageId))
        const { queuedSubmission } = yield* request("thread/queue/add", {
          threadId,
          clientUserMessageId,
          input: items
        }).pipe(Effect.onError(() => Effect.sync(() => queued.forget(threadId, entry))))
        entry.id = queuedSubmission.id
        return queuedTurn(queuedSubmission, entry)
      }),
    current,
    changes: changes(services, {
      threadId,
      read: current,
      next: (_, { method }) => method === "thread/queue/changed" ? outdated : undefined
    }),
    update: (id, input) =>
      Effect.gen(function*() {
        const items = yield* toItems(input, client.look)
        const { queuedSubmission } = yield* request("thread/queue/update", {
          threadId,
          queuedSubmissionId: id,
          input: items
        })
        return queuedTurn(queuedSubmission, queued.known(threadId, queuedSubmission))
      }),
    remove: (id) =>
      Effect.map(request("thread/queue/delete", { threadId, queuedSubmissionId: id }), ({ deleted }) => {
        if (deleted) queued.removed(threadId, id)
        return deleted
      }),
    reorder: (queuedSubmissionIds) =>
      Effect.andThen(request("thread/queue/reorder", { threadId, queuedSubmissionIds }), Effect.asVoid(current)),
    start: Effect.flatMap(
      turns.between(threadId, () => queued.resumed(threadId)),
      (undo) => Effect.asVoid(request("thread/queue/start", { threadId })).pipe(Effect.onError(() => Effect.sync(undo)))
    )
  }
}
