/**
 * Searches: of files by parts of their names, while a person types, and of stored threads by their text.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Broadcast } from "./base/Broadcast.ts"
import { newId } from "./base/ids.ts"
import { pages } from "./capabilities/pages.ts"
import type { Services } from "./capabilities/Services.ts"
import { check } from "./model/errors/check.ts"
import { type CodexConnectionError, InvalidInputError, type ThreadError } from "./model/errors/CodexError.ts"
import * as Notification from "./model/turns/Notification.ts"
import * as optionChecks from "./options/checks.ts"
import { knowsMethod, supported } from "./options/supported.ts"
import { gated, gatedWith } from "./wire/gated.ts"

/**
 * Options of a search of files.
 *
 * @category models
 */
export interface FileSearchOptions {
  /**
   * The directories to search, on the server's machine; at least one. A relative path starts at the directory of the server. Ignored
   * files are left out, and a directory that does not exist has no files.
   */
  readonly roots: ReadonlyArray<string>
}

/**
 * A file or directory that matches, with its `score` and the `indices` of the matching characters in `path`.
 *
 * @category models
 */
export type FoundFile = Protocol.FuzzyFileSearchResult

/**
 * The results of a search session.
 *
 * @category models
 */
export interface FoundFiles {
  /** The query that they match. */
  readonly query: string
  /** The best matches, the best one first. Empty for an empty query. */
  readonly files: ReadonlyArray<FoundFile>
  /** False while the server is still reading the directories, so that more may follow. */
  readonly isComplete: boolean
}

/**
 * A search session: the server reads the directories once, and answers each query from memory.
 *
 * @category models
 */
export interface FileSearch {
  /**
   * Changes the query (`fuzzyFileSearch/sessionUpdate`). Results of an earlier query are dropped from now on. An equal query changes
   * nothing.
   */
  readonly query: (query: string) => Effect.Effect<void, ThreadError>
  /** The latest results. Sends no request. */
  readonly current: Effect.Effect<FoundFiles>
  /**
   * Emits the latest results, then each later one. A slow consumer receives the latest alone. The session starts again on each new
   * connection, and asks for its query again. Fails when no other connection follows, and ends with the session.
   */
  readonly changes: Stream.Stream<FoundFiles, CodexConnectionError>
}

/**
 * Filters of a search of threads. Without `sourceKinds`, the server searches interactive sources only, such as this client.
 *
 * @category models
 */
export type ThreadSearchFilter = Omit<Protocol.ThreadSearchParams, "cursor" | "searchTerm">

/**
 * A thread that contains the term, with a `snippet` of the text around it.
 *
 * @category models
 */
export type FoundThread = Protocol.ThreadSearchResult

/**
 * The threads that a search has found so far.
 *
 * @category models
 */
export interface FoundThreads {
  /** The threads, each with the text that matches. */
  readonly threads: ReadonlyArray<FoundThread>
  /** False for what was found so far, in no order; true for the result, in its order. */
  readonly isComplete: boolean
}

/**
 * Searches of one app-server.
 *
 * @example
 * ```ts
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 * import { Codex } from "effect-codex"
 *
 * const program = Effect.gen(function*() {
 *   const codex = yield* Codex.Codex
 *   for (const { path, score } of yield* codex.search.files("main", { roots: [process.cwd()] })) {
 *     yield* Console.log(score, path)
 *   }
 * })
 * ```
 *
 * @category models
 */
export interface Search {
  /** Searches once for files and directories whose paths contain the characters of a query in order (`fuzzyFileSearch`). */
  readonly files: (
    query: string,
    options: FileSearchOptions
  ) => Effect.Effect<ReadonlyArray<FoundFile>, ThreadError>
  /** Opens a search session (`fuzzyFileSearch/sessionStart`), for a query that changes. The scope ends it. Requires Codex 0.140 or later. */
  readonly fileSession: (options: FileSearchOptions) => Effect.Effect<FileSearch, ThreadError, Scope.Scope>
  /**
   * Emits the stored threads whose messages contain a term (`thread/search`), and reads pages as they are needed. Without
   * `sortKey`, the latest updated one comes first; with `"created_at"`, threads that were created in the same second may be
   * missing after the end of a page. From Codex 0.171 on, an interruption also ends the search on the server. Requires Codex
   * 0.140 or later.
   */
  readonly threads: (term: string, filter?: ThreadSearchFilter) => Stream.Stream<FoundThread, ThreadError>
  /**
   * Searches like `threads`, and emits what is found while the server searches (`thread/search/stream`): the first page alone. The
   * last element is the result, and the only one if the server reports nothing before. An interruption also ends the search on
   * the server. Requires Codex 0.171 or later.
   */
  readonly threadsLive: (term: string, filter?: ThreadSearchFilter) => Stream.Stream<FoundThreads, ThreadError>
}

/** The time for which an interrupted search waits until the server has read its cancellation. */
const cancelTimeout = "3 seconds"

/** Checks the options of a search of files. */
const checkFiles = (options: FileSearchOptions) =>
  Effect.andThen(check(options, optionChecks.fileSearch), () =>
    options.roots.length > 0
      ? Effect.void
      : Effect.fail(new InvalidInputError({ field: "roots", detail: "it is empty; pass at least one directory" })))

/** @internal Returns the searches on a client. */
export const make = ({ client, router }: Services): Search => {
  const request = gated(client)
  const requestWith = gatedWith(client)

  /** Searches threads, and cancels the search when its caller has gone. */
  const searchThreads = (
    method: "thread/search" | "thread/search/stream",
    params: Protocol.ThreadSearchParams,
    onId: (id: number) => void = () => {}
  ) =>
    Effect.suspend(() => {
      let requestId: number | undefined
      const searching = requestWith(method, params, {
        onId: (id) => {
          requestId = id
          onId(id)
        }
      })
      const cancel = `${method}/cancel` as const
      return Effect.onInterrupt(searching, () =>
        requestId !== undefined && knowsMethod(cancel, client.metadata.serverVersion)
          ? Effect.ignore(client.request(cancel, { requestId }, { timeout: cancelTimeout }))
          : Effect.void)
    })

  const searchParams = (searchTerm: string, filter: ThreadSearchFilter) => {
    // The server's default pages by whole seconds, and so loses threads between two pages.
    const params: Protocol.ThreadSearchParams = { sortKey: "updated_at", ...filter, searchTerm }
    return Effect.andThen(
      check(filter, optionChecks.threadSearch),
      () => supported(params, client.metadata.serverVersion)
    )
  }

  return {
    files: (query, options) =>
      Effect.andThen(
        checkFiles(options),
        () => Effect.map(client.request("fuzzyFileSearch", { query, roots: options.roots }), ({ files }) => files)
      ),
    fileSession: (options) =>
      Effect.gen(function*() {
        yield* checkFiles(options)
        const session = new Session()
        const { sessionId } = session
        const before = client.connections()
        const start = Effect.asVoid(request("fuzzyFileSearch/sessionStart", { sessionId, roots: options.roots }))
        const update = Effect.suspend(() => {
          const { query } = session
          return Effect.map(
            request("fuzzyFileSearch/sessionUpdate", { sessionId, query }),
            () => session.accepted(query)
          )
        })
        yield* Effect.acquireRelease(
          Effect.sync(() => router.follow(undefined, session)),
          (unfollow) => Effect.sync(() => session.end(unfollow))
        )
        yield* Effect.acquireRelease(start, () =>
          Effect.ignore(client.request("fuzzyFileSearch/sessionStop", { sessionId }, { timeout: cancelTimeout })))
        // A session belongs to its connection.
        yield* client.connection.pipe(
          Stream.filter((state) =>
            state._tag === "Connected" && state.connections > before
          ),
          Stream.runForEach(() => {
            session.restart()
            return Effect.ignore(Effect.andThen(start, session.query === "" ? Effect.void : update))
          }),
          Effect.andThen(client.closed),
          Effect.map((error) => session.lose(error)),
          Effect.forkScoped
        )
        return {
          query: (query) =>
            Effect.suspend(() => {
              if (query === session.query) return Effect.void
              const before = session.query
              session.begin(query)
              return Effect.onError(update, () => Effect.sync(() => session.revert(query, before)))
            }),
          current: Effect.sync(() => session.found),
          changes: session.changes
        }
      }),
    threads: (term, filter = {}) =>
      Stream.unwrap(
        Effect.map(searchParams(term, filter), (params) =>
          pages((cursor) => searchThreads("thread/search", { ...params, cursor })))
      ),
    threadsLive: (term, filter = {}) =>
      Stream.unwrap(
        Effect.map(searchParams(term, filter), (params) =>
          Stream.callback<FoundThreads, ThreadError>((queue) =>
            Effect.gen(function*() {
              let requestId: number | undefined
              let threads: ReadonlyArray<FoundThread> = []
              const unfollow = router.follow(undefined, {
                offer: (raw) => {
                  if (raw["method"] !== "thread/search/partial") {
                    return
                  }
                  const event = Notification.fromMessage(raw)
                  if (event.method !== "thread/search/partial" || event.params.requestId !== requestId) {
                    return
                  }
                  threads = [...threads, ...event.params.data]
                  Queue.offerUnsafe(queue, { threads, isComplete: false })
                },
                // The request fails, too.
                fail: () => {},
                suspend: () =>
                  true
              })
              yield* Effect.addFinalizer(() => Effect.sync(unfollow))
              const search = searchThreads("thread/search/stream", params, (id) => {
                requestId = id
              })
              const exit = yield* Effect.exit(search)
              if (Exit.isFailure(exit)) Queue.failCauseUnsafe(queue, exit.cause)
              else {
                Queue.offerUnsafe(queue, { threads: exit.value.data, isComplete: true })
                Queue.endUnsafe(queue)
              }
            })
          ))
      )
  }
}

/** The state of a search session. Takes its notifications in the reader. */
class Session {
  readonly sessionId = newId()
  /** The latest query. */
  query = ""
  found: FoundFiles = { query: "", files: [], isComplete: false }
  /** True if that is of the latest query, and of the server in use. */
  private isCurrent = true
  /**
   * True if a completion is one of the latest query: completions name none. That of an earlier query may arrive until the server has
   * accepted the latest one, unless it has arrived before.
   */
  private isOwnCompletion = false
  /** True if the latest query was completed before its results arrived. */
  private isCompleted = false

  private readonly broadcast = new Broadcast<FoundFiles, CodexConnectionError>()

  constructor() {
    this.broadcast.setBound({ limit: 1, shrink: (found) => found.slice(-1) })
  }

  readonly changes: Stream.Stream<FoundFiles, CodexConnectionError> = Stream.suspend(() =>
    Stream.concat(Stream.succeed(this.found), this.broadcast.cursor().stream)
  )

  /** Changes the query. */
  begin(query: string): void {
    this.isOwnCompletion = this.isCurrent && this.found.isComplete
    this.isCompleted = false
    this.isCurrent = false
    this.query = query
  }

  /** Takes a query back that the server has refused. */
  revert(query: string, before: string): void {
    if (this.query !== query) return
    this.query = before
    this.isCurrent = this.found.query === before
  }

  /** Begins the latest query again, on a server that knows of none before it. */
  restart(): void {
    this.isOwnCompletion = true
    this.isCompleted = false
    this.isCurrent = false
  }

  /** The server has accepted a query. */
  accepted(query: string): void {
    if (query === this.query) this.isOwnCompletion = true
  }

  offer(raw: Notification.Raw): void {
    const { method } = raw
    if (method !== "fuzzyFileSearch/sessionUpdated" && method !== "fuzzyFileSearch/sessionCompleted") return
    const event = Notification.fromMessage(raw)
    if (event.method === "fuzzyFileSearch/sessionUpdated") {
      const { files, query, sessionId } = event.params
      if (sessionId === this.sessionId && query === this.query) {
        this.push({ query, files, isComplete: this.isCompleted })
      }
    } else if (event.method === "fuzzyFileSearch/sessionCompleted" && event.params.sessionId === this.sessionId) {
      if (!this.isCurrent) this.isCompleted = this.isOwnCompletion
      else if (!this.found.isComplete) this.push({ ...this.found, isComplete: true })
    }
  }

  suspend(): boolean {
    return true
  }

  /** Ignores the loss: another connection may follow. */
  fail(): void {}

  /** Fails the changes, because no other connection follows. */
  lose(error: CodexConnectionError): void {
    this.broadcast.end(Exit.fail(error))
  }

  end(unfollow: () => void): void {
    unfollow()
    this.broadcast.end(Exit.void)
  }

  private push(found: FoundFiles): void {
    this.found = found
    this.isCurrent = true
    this.broadcast.push(found)
  }
}
