/**
 * The opening of a thread by its new owner, and its release.
 *
 * The file of a thread belongs to whoever holds its lock. The new owner waits for the last one as long as it takes, and never puts an
 * empty thread in the place of one whose file is missing.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as Thread from "effect-codex/Thread"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { type HostedError, ThreadUnavailableError } from "../model/errors.ts"
import type { IndexedThread, Progress } from "../model/ThreadIndex.ts"
import { abandon, type Activation, durably } from "./Activation.ts"
import * as Lingering from "./Lingering.ts"
import * as Measures from "./Measures.ts"

/** The number of recent turns that are searched for an unanswered run. Runs are serial, so only the last ones can be unanswered. */
const searched = 20

/** The time for a foreign program to close a thread that its last owner has released, in milliseconds. */
const foreignGrace = 5_000

/** The time in which the file of a first turn appears if there is one, in milliseconds. */
const firstFileGrace = 15_000

/** A thread that this activation holds. */
export interface Opened {
  readonly epoch: number
  readonly thread: Thread.Thread
  /** The last turns when it was opened, newest first. */
  readonly turns: ReadonlyArray<Protocol.Turn>
  progress: Progress
  /** Waits for the end of the turn that runs or starts. Undefined if there is none. */
  ending: Effect.Effect<unknown, HostedError> | undefined
  /** The fiber that follows its notifications. */
  following: Fiber.Fiber<void> | undefined
}

/** The opening of one activation. */
export interface Opening {
  /** Returns the open thread, and opens it if it is not. */
  readonly get: Effect.Effect<Opened, HostedError>
  /** Forgets that the thread is open, because its server is lost. */
  readonly lost: (opened: Opened) => void
  /** Waits until the log has seen the end of a turn, for at most two seconds. */
  readonly seen: (turnId: string) => Effect.Effect<void>
  /** The open thread, if there is one. */
  readonly current: () => Opened | undefined
  /** The current step, for `Where`. */
  readonly step: () => { readonly state: "closed" | "opening" | "waiting" | "open"; readonly detail: string | null }
}

/** Begins the opening of an activation. The thread is released with its scope. */
export const make = Effect.fnUntraced(function*(activation: Activation) {
  const { codex, index, isOwner, lingering, log, name, runner } = activation
  const lock = yield* Semaphore.make(1)
  const releasing = yield* Semaphore.make(1)
  const ends = new Map<string, Deferred.Deferred<void>>()
  let opened: Opened | undefined
  /** The thread that was opened last, even if it is lost. */
  let last: Opened | undefined
  let row: IndexedThread | undefined
  let state: "closed" | "opening" | "waiting" | "open" = "closed"
  let detail: string | null = null
  // A resume whose fiber was interrupted may still take the lock.
  let mayHold = false

  const end = (turnId: string): Deferred.Deferred<void> => {
    const known = ends.get(turnId) ?? Deferred.makeUnsafe<void>()
    ends.set(turnId, known)
    return known
  }

  const wait = (reason: string, since: number): Effect.Effect<undefined> =>
    Effect.gen(function*() {
      if (state !== "waiting") yield* Effect.logInfo(`The thread ${JSON.stringify(name)} waits: ${reason}.`)
      state = "waiting"
      detail = reason
      yield* Measures.waiting(Effect.sleep(Math.min(100 + (Date.now() - since) / 10, 2_000)))
      return undefined
    })

  /** Drops a thread without a file. The server forgets it a minute later. */
  const drop = (threadId: string) =>
    Effect.ignore(codex.client.request("thread/unsubscribe", { threadId }, { timeout: "5 seconds" }))

  /** Starts a Codex thread. Returns undefined if somebody has opened the thread since. */
  const anew = Effect.fnUntraced(function*(row: IndexedThread) {
    const thread = yield* activation.start
    mayHold = true
    const isOurs = yield* durably(index.record(name, row.epoch, { threadId: thread.id, progress: "new" })).pipe(
      Effect.onInterrupt(() => drop(thread.id))
    )
    if (isOurs) return { thread, turns: [], progress: "new" as const }
    yield* drop(thread.id)
    return undefined
  })

  /** Tries to resume the thread. Returns undefined if it has to be tried again, and null if the thread has no file. */
  const tryResume = (row: IndexedThread, threadId: string, since: number) =>
    activation.resume(threadId).pipe(
      Effect.catchTag("CodexRpcError", (error): Effect.Effect<null | undefined, HostedError> => {
        switch (error.reason._tag) {
          case "ThreadBusyElsewhere":
            mayHold = false
            return row.owner === null && Date.now() - since > foreignGrace
              ? Effect.fail(new ThreadUnavailableError({ thread: name, reason: "LockedElsewhere" }))
              : wait(`its last owner (${row.owner ?? "another program"}) still holds it`, since)
          // A server whose databases are its own does not know that the thread is archived.
          case "ThreadArchived":
          case "ThreadNotFound":
            return Effect.matchEffect(codex.threadUnarchive(threadId), {
              onSuccess: () => Effect.undefined,
              onFailure: (refused) =>
                row.progress === "beginning" && Date.now() - since > firstFileGrace
                  ? Effect.succeed(null)
                  : wait(`the file of ${threadId} is missing (${refused.message})`, since)
            })
          default:
            return Effect.fail(error)
        }
      })
    )

  const resumed = (row: IndexedThread, threadId: string) =>
    Effect.gen(function*() {
      const since = Date.now()
      while (true) {
        mayHold = true
        const thread = yield* tryResume(row, threadId, since)
        // Nothing of the first turn was written: the model was never asked.
        if (thread === null) return yield* anew(row)
        if (thread === undefined) {
          // A thread that was forgotten meanwhile is opened anew, as another Codex thread.
          if ((yield* durably(index.get(name)))?.threadId !== threadId) return undefined
          continue
        }
        return { thread, turns: yield* lastTurns(threadId), progress: row.progress }
      }
    })

  const lastTurns = (threadId: string) =>
    Effect.map(
      codex.client.request("thread/turns/list", {
        threadId,
        limit: searched,
        sortDirection: "desc",
        itemsView: "full"
      }),
      ({ data }) => data
    )

  /** Copies the notifications of the thread into the log. */
  const follow = (now: Opened) =>
    Stream.runForEachArray(now.thread.notifications, (events) =>
      Effect.sync(() => {
        for (const event of events) {
          log.append(event)
          if (event.method === "turn/completed") Deferred.doneUnsafe(end(event.params.turn.id), Effect.void)
        }
        log.wake()
      })).pipe(
        Effect.ignore,
        Effect.ensuring(Effect.andThen(Effect.sync(() => forget(now)), Measures.closed))
      )

  const forget = (former: Opened): void => {
    if (opened !== former) return
    opened = undefined
    state = "closed"
  }

  const lost = (former: Opened): void => {
    forget(former)
    // Its next notifications are those of the next epoch.
    former.following?.interruptUnsafe()
  }

  /** Begins an epoch with a thread that this activation holds. */
  const begin = ({ epoch, owner }: IndexedThread, held: Pick<Opened, "thread" | "turns" | "progress">) =>
    Effect.gen(function*() {
      const now: Opened = { ...held, epoch, ending: undefined, following: undefined }
      ends.clear()
      const { thread, turns: [newest] } = now
      const completed = newest === undefined || newest.status === "completed" ? [] : newest.items
      log.begin(
        epoch,
        completed.map((item) => {
          const params = { item, threadId: thread.id, turnId: newest?.id ?? "", completedAtMs: 0 }
          return { method: "item/completed", params, raw: { method: "item/completed", params } }
        })
      )
      opened = now
      last = now
      state = "open"
      detail = null
      yield* Measures.opened(epoch, owner, runner)
      now.following = yield* activation.fork(follow(now))
      return now
    })

  const open: Effect.Effect<Opened, HostedError> = Effect.gen(function*() {
    state = "opening"
    detail = null
    yield* lingering.keep(name)
    const opening = yield* durably(index.open(name, runner))
    row = opening
    const { threadId } = opening
    const held = threadId === null || opening.progress === "new"
      ? yield* anew(opening)
      : yield* resumed(opening, threadId)
    if (held === undefined) return yield* open
    row = { ...opening, threadId: held.thread.id }
    return yield* Effect.uninterruptible(begin(opening, held))
  }).pipe(
    Effect.onError(() =>
      Effect.sync(() => {
        state = "closed"
        detail = null
      })
    )
  )

  const isLoaded = (threadId: string) =>
    Effect.map(codex.client.request("thread/loaded/list", {}), ({ data }) => data.includes(threadId))

  /** Gives the thread up, so that its next owner can take it. */
  const release = Effect.gen(function*() {
    if (row === undefined || row.threadId === null || !mayHold) return
    const { epoch, threadId } = row
    if (yield* isLoaded(threadId)) {
      if (last?.progress === "new") yield* codex.client.request("thread/unsubscribe", { threadId })
      else if (activation.release === "unsubscribe") {
        yield* codex.client.request("thread/unsubscribe", { threadId })
        // The server keeps the lock for a minute. Without an owner, the next one would take it for a foreign program's.
        return
      } else {
        // Archiving frees the lock. The file goes back at once, because other servers may know it by its old path alone.
        yield* codex.threadArchive(threadId)
        yield* codex.threadUnarchive(threadId)
      }
    }
    yield* index.release(name, epoch)
  }).pipe(
    // A server that is gone holds no lock.
    Effect.timeout("10 seconds"),
    Effect.ignore,
    releasing.withPermit
  )

  // As long as the activation lives, its turn ends in order.
  const watched = lingering.watch(
    name,
    isOwner,
    Effect.suspend(() => Lingering.afterwards(last?.ending ?? Effect.void, release))
  )
  yield* Effect.addFinalizer(() =>
    Effect.flatMap(activation.isEnding, (isEnding) => {
      const ending = activation.canLinger && !isEnding ? last?.ending : undefined
      return ending === undefined ? release : lingering.release(name, ending, release)
    })
  )
  yield* Effect.addFinalizer(() => watched)

  const opening: Opening = {
    get: lock.withPermit(
      Effect.suspend((): Effect.Effect<Opened, HostedError> => {
        if (opened !== undefined) return Effect.succeed(opened)
        return isOwner() ? open : abandon
      })
    ),
    lost,
    seen: (turnId) =>
      Deferred.await(end(turnId)).pipe(
        Effect.timeoutOption("2 seconds"),
        Effect.ensuring(Effect.sync(() => ends.delete(turnId)))
      ),
    current: () => opened,
    step: () => ({ state, detail })
  }
  return opening
})
