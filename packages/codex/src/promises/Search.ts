/**
 * Searches of files and of stored threads, in the Promise API.
 */
import type * as EffectSearch from "../Search.ts"
import { acquire, iterable, promise, type SignalOptions } from "./Runner.ts"

/**
 * A search session: the server reads the directories once, and answers each query from memory.
 *
 * @category models
 */
export interface FileSearch extends AsyncDisposable {
  /** Changes the query (`fuzzyFileSearch/sessionUpdate`). Results of an earlier query are dropped from now on. */
  readonly query: (query: string) => Promise<void>
  /** Returns the latest results. Sends no request. */
  readonly current: () => Promise<EffectSearch.FoundFiles>
  /** The latest results, then each later one. A slow loop receives the latest alone. Ends with the session. */
  readonly changes: AsyncIterable<EffectSearch.FoundFiles>
  /** Ends the session (`fuzzyFileSearch/sessionStop`). `await using` calls it. */
  readonly close: () => Promise<void>
}

/**
 * Searches of one app-server.
 *
 * @category models
 */
export interface Search {
  /** Searches once for files and directories whose paths contain the characters of a query in order (`fuzzyFileSearch`). */
  readonly files: (
    query: string,
    options: EffectSearch.FileSearchOptions & SignalOptions
  ) => Promise<ReadonlyArray<EffectSearch.FoundFile>>
  /** Opens a search session (`fuzzyFileSearch/sessionStart`), for a query that changes. `close` ends it. Requires Codex 0.140 or later. */
  readonly fileSession: (options: EffectSearch.FileSearchOptions & SignalOptions) => Promise<FileSearch>
  /**
   * The stored threads whose messages contain a term (`thread/search`). Pages are read as they are needed. From Codex 0.171 on,
   * leaving the loop, or an abort, also ends the search on the server. Requires Codex 0.140 or later.
   */
  readonly threads: (
    term: string,
    filter?: EffectSearch.ThreadSearchFilter & SignalOptions
  ) => AsyncIterable<EffectSearch.FoundThread>
  /**
   * Searches like `threads`, and returns what is found while the server searches (`thread/search/stream`): the first page alone. The
   * last element is the result. Requires Codex 0.171 or later.
   */
  readonly threadsLive: (
    term: string,
    filter?: EffectSearch.ThreadSearchFilter & SignalOptions
  ) => AsyncIterable<EffectSearch.FoundThreads>
}

/** Returns the searches on a client. */
export const make = (search: EffectSearch.Search): Search => ({
  files: (query, { signal, ...options }) => promise(search.files(query, options), signal),
  fileSession: async ({ signal, ...options }) => {
    const { resource: { changes, current, query }, ...closing } = await acquire(search.fileSession(options), signal)
    return {
      query: (text) => promise(query(text)),
      current: () => promise(current),
      changes: iterable(changes),
      ...closing
    }
  },
  threads: (term, { signal, ...filter } = {}) => iterable(search.threads(term, filter), signal),
  threadsLive: (term, { signal, ...filter } = {}) => iterable(search.threadsLive(term, filter), signal)
})
