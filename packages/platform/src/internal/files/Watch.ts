/**
 * Watching: what changed under a path, as the difference between the signs of its files before and after.
 *
 * Outside a sandbox the server's `fs/watch` says when to look, and at which paths. In a sandbox, which `fs/*` knows nothing of, the
 * helper looks again and again.
 */
import type * as CodexClient from "effect-codex/CodexClient"
import type * as CodexError from "effect-codex/CodexError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { Fault, Refused } from "../server/Fault.ts"
import { realTime } from "../server/realTime.ts"
import type { Subscription } from "../server/Subscription.ts"
import type { Files, Signs } from "./Files.ts"
import type { At, On } from "./place.ts"

/** Watches paths. */
export interface Watcher {
  readonly watch: (
    path: string,
    on: On,
    at: At,
    options: FileSystem.WatchOptions | undefined
  ) => Stream.Stream<FileSystem.WatchEvent, PlatformError>
}

/** The state of one watch. */
class Watch {
  /** The signs of all files as they were last seen. */
  known = new Map<string, string>()

  private readonly root: string
  private readonly isFile: boolean
  private readonly isRecursive: boolean

  constructor(root: string, seen: Signs, isRecursive: boolean) {
    this.root = root
    this.isFile = seen.has(root)
    this.isRecursive = isRecursive
    this.known = new Map(seen)
  }

  /** The directories that are watched, beside the root. */
  get directories(): ReadonlyArray<string> {
    return this.isRecursive ? [...this.known].flatMap(([path, sign]) => sign.startsWith("d") ? [path] : []) : []
  }

  /** Returns true for a path that belongs to this watch. */
  concerns(path: string): boolean {
    if (this.isFile) return path === this.root
    if (!path.startsWith(`${this.root}/`)) return false
    return this.isRecursive || !path.slice(this.root.length + 1).includes("/")
  }

  /** Takes the present signs of some paths. Returns what has changed. */
  update(present: Signs): Array<FileSystem.WatchEvent> {
    const events: Array<FileSystem.WatchEvent> = []
    for (const [path, sign] of present) {
      const before = this.known.get(path) ?? ""
      if (sign === before) continue
      const name = this.nameOf(path)
      if (sign === "") {
        this.known.delete(path)
        // What was in a removed directory is gone without a word.
        if (before.startsWith("d")) {
          for (const below of this.known.keys()) if (below.startsWith(`${path}/`)) this.known.delete(below)
        }
        events.push({ _tag: "Remove", path: name })
      } else {
        this.known.set(path, sign)
        events.push({ _tag: before === "" ? "Create" : "Update", path: name })
      }
    }
    return events
  }

  /** Takes all present signs: a path that is not among them is gone. */
  updateAll(present: Signs): Array<FileSystem.WatchEvent> {
    const gone = [...this.known.keys()].filter((path) => !present.has(path)).map((path) => [path, ""] as const)
    return this.update(new Map([...gone, ...present]))
  }

  private nameOf(path: string): string {
    return this.isFile ? path.slice(path.lastIndexOf("/") + 1) : path.slice(this.root.length + 1)
  }
}

type Events = Queue.Queue<FileSystem.WatchEvent, PlatformError | Cause.Done>

/** The stream of a watch that `run` feeds for as long as it lives. */
const watching = (
  run: (
    path: string,
    isRecursive: boolean,
    ready: () => void,
    emit: (events: Array<FileSystem.WatchEvent>) => void
  ) => Effect.Effect<never, Fault>
): Watcher => ({
  watch: (given, on, at, options) =>
    Stream.callback<FileSystem.WatchEvent, PlatformError>((queue: Events) =>
      on("watch", [given], (path) =>
        at(
          "watch",
          run(
            path!.length > 1 ? path!.replace(/\/+$/, "") : path!,
            options?.recursive ?? false,
            () => options?.onReady?.(),
            (events) => Queue.offerAllUnsafe(queue, events)
          )
        )).pipe(Effect.catch((error) => Queue.fail(queue, error)))
    )
})

/** How long a poll waits, at the least; a watch of the server is as late. */
const interval = 200

/** A watcher that looks again and again, and takes no more than a tenth of the helper's time. */
export const polling = (files: Files): Watcher =>
  watching(Effect.fnUntraced(function*(path, isRecursive, ready, emit) {
    const watch = new Watch(path, yield* files.scan(path, isRecursive), isRecursive)
    ready()
    for (;;) {
      const before = performance.now()
      const present = yield* Effect.catchIf(
        files.scan(path, isRecursive),
        (fault): fault is Refused => fault._tag === "Refused",
        () => Effect.succeed<Signs>(new Map())
      )
      emit(watch.updateAll(present))
      yield* realTime(Math.max(interval, 10 * (performance.now() - before)))
    }
  }))

/** A watcher on `fs/watch`. */
export const native = (
  client: CodexClient.CodexClient["Service"],
  subscription: Effect.Effect<Subscription, CodexError.RequestError>,
  files: Files
): Watcher =>
  watching((path, isRecursive, ready, emit) =>
    Effect.scoped(Effect.gen(function*() {
      const connection = yield* subscription
      /** Paths that may have changed, or the end of the connection. */
      const changes = yield* Queue.unbounded<string, CodexError.CodexConnectionError>()
      const watched = new Set<string>()

      const add = (directory: string) =>
        Effect.suspend(() => {
          if (watched.has(directory)) return Effect.void
          watched.add(directory)
          const watchId = connection.add({
            changed: (paths) => Queue.offerAllUnsafe(changes, paths),
            lost: (error) => Queue.failCauseUnsafe(changes, Cause.fail(error))
          })
          return Effect.asVoid(Effect.acquireRelease(
            Effect.onError(
              client.request("fs/watch", { path: directory, watchId }),
              () => Effect.sync(() => connection.remove(watchId))
            ),
            () =>
              Effect.suspend(() => {
                connection.remove(watchId)
                return Effect.ignore(client.request("fs/unwatch", { watchId }))
              })
          ))
        })

      // The server reports real paths.
      const real = yield* files.realPath(path)
      yield* add(real)
      const watch = new Watch(real, yield* files.scan(real, isRecursive), isRecursive)
      yield* Effect.forEach(watch.directories, add, { discard: true })
      ready()
      for (;;) {
        const paths = yield* Queue.takeAll(changes)
        let events = watch.update(yield* files.signs([...new Set(paths)].filter((path) => watch.concerns(path))))
        emit(events)
        for (const { _tag, path } of events) if (_tag === "Remove") watched.delete(`${real}/${path}`)
        // A directory that is new may have been filled before it was watched.
        let fresh = watch.directories.filter((directory) => !watched.has(directory))
        while (fresh.length > 0) {
          yield* Effect.ignore(Effect.forEach(fresh, add, { discard: true }))
          const found = yield* Effect.forEach(fresh, (directory) =>
            Effect.catchIf(
              files.scan(directory, true),
              (fault): fault is Refused => fault._tag === "Refused",
              () => Effect.succeed<Signs>(new Map())
            ))
          events = found.flatMap((signs) => watch.update(signs))
          emit(events)
          fresh = watch.directories.filter((directory) => !watched.has(directory))
        }
      }
    }))
  )
