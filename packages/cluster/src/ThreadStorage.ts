/**
 * The storage of the files of threads, shared by every runner of a fleet.
 *
 * @example
 * ```ts
 * import { ThreadStorage } from "@effect-codex/cluster/ThreadStorage"
 * import { Codex } from "effect-codex"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * // The app-server of a runner, on the home that it shares with the others.
 * const codex = Layer.unwrap(ThreadStorage.useSync(({ env }) => Codex.layer({ env })))
 * ```
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"

/**
 * The storage of the files of threads. `env` goes into the environment of the runner's app-server.
 *
 * @category services
 */
export class ThreadStorage extends Context.Service<ThreadStorage, {
  /** Environment variables of the app-server. */
  readonly env: Readonly<Record<string, string>>
}>()("@effect-codex/cluster/ThreadStorage") {}

/**
 * Options of {@link shared}.
 *
 * @category models
 */
export interface SharedOptions {
  /** The home that all runners share, such as a directory on a network volume: it becomes `CODEX_HOME`. It must exist. */
  readonly home: string
  /**
   * A directory that only this runner uses, on a local disk: it becomes `CODEX_SQLITE_HOME`. The databases in it are used only
   * for searches; SQLite's own locks do not work on network volumes. It must exist.
   */
  readonly sqliteHome: string
}

/**
 * One home for all runners: the files of threads and their locks are on a volume that every runner mounts, the databases of each
 * runner on its own disk. Whoever holds the lock of a thread is its only writer, whatever the cluster believes.
 *
 * @category layers
 */
export const shared = ({ home, sqliteHome }: SharedOptions): Layer.Layer<ThreadStorage> =>
  Layer.succeed(ThreadStorage, { env: { CODEX_HOME: home, CODEX_SQLITE_HOME: sqliteHome } })
