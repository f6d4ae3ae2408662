/**
 * Follows the file of a recording while it grows, also when it does not exist yet, and when it is written anew.
 */
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Fs from "node:fs/promises"
import { basename } from "node:path"
import * as Recording from "../format/Recording.ts"
import type { Notice, Patch } from "./browser/Timeline.ts"
import { chunkOf } from "./chunks.ts"
import type { Cursor } from "./Data.ts"
import { Growing, headOf } from "./Growing.ts"
import { blockSize } from "./whole.ts"

/** The time between two looks at the file. */
const interval = "100 millis"

const nothing: Notice = { text: "", final: false }

/** One recording in the file, from its first line to the moment when another one takes its place. */
interface Followed {
  /** The number of the recording, counted from 1. */
  readonly number: number
  readonly growing: Growing
  notice: Notice
}

export interface Follower {
  /** What the reader of the page must know about the file. The text is empty when there is nothing to say. */
  readonly notices: Stream.Stream<string>
  /** The patches of the recording that the file has now, and notices. Ends when another recording takes its place. */
  readonly changes: Stream.Stream<Patch | Notice>
  /** Returns the texts of a chunk of messages; undefined if the file no longer has them. */
  readonly texts: (recording: number, chunk: number) => Effect.Effect<string | undefined>
}

/**
 * Follows a file until the scope closes. Fails if the file has another format; a problem that appears later is a notice, and the
 * end of the recording.
 */
export const follow = Effect.fnUntraced(function*(
  file: string,
  title: string
): Effect.fn.Return<Follower, Recording.RecordingError, Scope.Scope> {
  const name = basename(file)
  const changed = yield* PubSub.sliding<void>(1)
  const told = yield* SubscriptionRef.make("")
  const buffer = Buffer.allocUnsafe(blockSize)
  let handle: Fs.FileHandle | undefined
  let followed: Followed = { number: 1, growing: new Growing(file), notice: nothing }
  /** The beginning of the file, which another recording in its place would not have. */
  let beginning: Buffer = Buffer.alloc(0)

  const close = Effect.promise(async () => {
    const open = handle
    handle = undefined
    await open?.close()
  })
  yield* Effect.addFinalizer(() => close)

  const say = (notice: Notice): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (followed.notice.text === notice.text) return Effect.void
      followed.notice = notice
      return Effect.andThen(SubscriptionRef.set(told, notice.text), PubSub.publish(changed, undefined))
    })

  /** Ends what is followed, and begins with the recording that is in its place. */
  const restart = Effect.gen(function*() {
    yield* close
    if (followed.growing.size > 0) {
      yield* say({
        text:
          `${name} has been written anew. This page shows the recording that it had before; reload it to see the new one.`,
        final: true
      })
    }
    followed = { number: followed.number + 1, growing: new Growing(file), notice: nothing }
    beginning = Buffer.alloc(0)
  })

  /** Opens the file, if there is one. */
  const open = Effect.gen(function*() {
    const opened = yield* Effect.tryPromise({
      try: () => Fs.open(file).catch((cause) => Recording.isMissing(cause) ? undefined : Promise.reject(cause)),
      catch: (cause) => Recording.unreadable(file, cause)
    })
    handle = opened
    yield* say(
      opened === undefined ? { text: `${name} does not exist yet. The page waits for it.`, final: false } : nothing
    )
  })

  /** Reads what has been added to the file, up to one block. Returns true if there may be more. */
  const read = Effect.gen(function*() {
    const open = handle
    if (open === undefined) return false
    const { growing } = followed
    const { bytesRead } = yield* Effect.tryPromise({
      try: () => open.read(buffer, 0, blockSize, growing.size),
      catch: (cause) => Recording.unreadable(file, cause)
    })
    if (bytesRead === 0) return false
    if (growing.size === 0) beginning = Buffer.from(buffer.subarray(0, Math.min(bytesRead, 1024)))
    const error = growing.read(buffer.subarray(0, bytesRead))
    if (error !== undefined) return yield* error
    yield* PubSub.publish(changed, undefined)
    return true
  })

  /** Returns what has happened to the file, as far as it does not just grow. */
  const look = Effect.promise(async () => {
    const open = handle
    if (open === undefined) return "same"
    try {
      const [now, there] = await Promise.all([open.stat({ bigint: true }), Fs.stat(file, { bigint: true })])
      if (there.ino !== now.ino || there.dev !== now.dev || now.size < followed.growing.size) return "replaced"
      const first = Buffer.alloc(beginning.length)
      await open.read(first, 0, first.length, 0)
      return first.equals(beginning) ? "same" : "replaced"
    } catch {
      return "removed"
    }
  })

  /** Reads everything that has been added. */
  const step = Effect.gen(function*() {
    const happened = yield* look
    if (happened === "replaced") yield* restart
    if (handle === undefined) yield* open
    while (yield* read) { /* The next block. */ }
    if (happened === "removed") {
      yield* say({ text: `${name} has been removed or renamed. The page shows what it had until then.`, final: false })
    } else if (handle !== undefined && followed.growing.header === undefined) {
      yield* say({ text: `${name} is empty. The page waits for its first message.`, final: false })
    } else if (handle !== undefined) yield* say(nothing)
  })

  if (handle === undefined) yield* open
  yield* read
  yield* step.pipe(
    Effect.andThen(Effect.sleep(interval)),
    Effect.forever,
    // The file stays damaged until another recording takes its place.
    Effect.catch((error) =>
      say({ text: `${error.message} The page shows the messages before.`, final: false }).pipe(
        Effect.andThen(
          Effect.repeat(Effect.delay(look, interval), {
            while: (happened) => happened === "same" && handle !== undefined
          })
        ),
        Effect.andThen(restart)
      )
    ),
    Effect.forever,
    Effect.forkScoped
  )

  const changes = Stream.unwrap(Effect.map(PubSub.subscribe(changed), (subscription) => {
    const mine = followed
    const { data } = mine.growing
    let said = nothing
    let cursor: Cursor | undefined
    const next: Effect.Effect<Patch | Notice | undefined> = Effect.suspend(() => {
      if (said.final) return Effect.succeed(undefined)
      const { header } = mine.growing
      const found = header === undefined
        ? undefined
        : cursor === undefined
        ? data.since(data.beginning, headOf(title, header, mine.number))
        : data.since(cursor)
      if (found !== undefined) {
        cursor = found[1]
        return Effect.succeed(found[0])
      }
      if (said !== mine.notice) return Effect.succeed(said = mine.notice)
      return Effect.andThen(PubSub.take(subscription), next)
    })
    return Stream.unfold(
      undefined,
      () => Effect.map(next, (change) => change === undefined ? undefined : [change, undefined] as const)
    )
  }))

  return {
    notices: SubscriptionRef.changes(told),
    changes,
    texts: (recording, chunk) =>
      Effect.promise(async () => {
        const place = followed.growing.place(chunk)
        if (recording !== followed.number || handle === undefined || place === undefined) return undefined
        const bytes = Buffer.alloc(place.end - place.start)
        try {
          const { bytesRead } = await handle.read(bytes, 0, bytes.length, place.start)
          return bytesRead === bytes.length ? chunkOf(bytes.toString("utf8")) : undefined
        } catch {
          return undefined
        }
      })
  }
})
