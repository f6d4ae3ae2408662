/**
 * The index of hosted threads: a small durable table of names, Codex threads, owners and requested interrupts.
 *
 * A fleet uses {@link layerSql} on the database of its cluster; tests and single processes use {@link layerMemory}.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Migrator from "effect/sql/Migrator"
import * as SqlClient from "effect/sql/SqlClient"
import { type IndexedThread, type Progress, ThreadIndex, ThreadIndexError } from "./internal/model/ThreadIndex.ts"

export { type IndexedThread, type Progress, ThreadIndex, ThreadIndexError } from "./internal/model/ThreadIndex.ts"

/**
 * Keeps the index in memory. The index ends with the process, and so do the names of its threads.
 *
 * @category layers
 */
export const layerMemory: Layer.Layer<ThreadIndex> = Layer.sync(ThreadIndex, () => {
  const threads = new Map<string, IndexedThread>()
  const wanted = new Map<string, Set<string>>()
  const retired = new Map<string, Set<string>>()
  const change = (name: string, epoch: number, changes: Partial<IndexedThread>): boolean => {
    const thread = threads.get(name)
    if (thread?.epoch !== epoch) return false
    threads.set(name, { ...thread, ...changes })
    return true
  }
  return ThreadIndex.of({
    get: (name) => Effect.sync(() => threads.get(name)),
    open: (name, owner) =>
      Effect.sync(() => {
        const before = threads.get(name) ?? { name, threadId: null, epoch: 0, owner: null, progress: "new" }
        const opened: IndexedThread = { ...before, epoch: before.epoch + 1 }
        threads.set(name, { ...opened, owner })
        return opened
      }),
    record: (name, epoch, changes) => Effect.sync(() => change(name, epoch, changes)),
    release: (name, epoch) => Effect.sync(() => void change(name, epoch, { owner: null })),
    want: (name, turnKey) => Effect.sync(() => void wanted.set(name, new Set(wanted.get(name)).add(turnKey))),
    wanted: (name) => Effect.sync(() => [...wanted.get(name) ?? []]),
    retire: (runs) =>
      Effect.sync(() => {
        for (const { name, turnKey } of runs) retired.set(name, new Set(retired.get(name)).add(turnKey))
      }),
    isRetired: (name, turnKey) => Effect.sync(() => retired.get(name)?.has(turnKey) ?? false),
    forget: (name) =>
      Effect.sync(() => {
        const thread = threads.get(name)
        // The epochs go on: cursors and owners of the forgotten thread stay older.
        if (thread !== undefined) threads.set(name, { ...thread, threadId: null, owner: null, progress: "new" })
        wanted.delete(name)
        retired.delete(name)
      })
  })
})

/**
 * Options of {@link layerSql}.
 *
 * @category models
 */
export interface SqlOptions {
  /** The beginning of the names of the tables. Default: `"codex"`, for `codex_threads`, `codex_interrupts` and `codex_retired`. */
  readonly prefix?: string | undefined
}

interface Row {
  readonly thread_id: string | null
  readonly epoch: number | string
  readonly owner: string | null
  readonly progress: Progress
}

const failing = (operation: string) => Effect.mapError((cause: unknown) => new ThreadIndexError({ operation, cause }))

const indexed = (name: string, row: Row): IndexedThread => ({
  name,
  threadId: row.thread_id,
  epoch: Number(row.epoch),
  owner: row.owner,
  progress: row.progress
})

/**
 * Keeps the index in three tables of the SQL database of the cluster, and creates them if they are missing. Fails with
 * `ThreadIndexError` if it cannot.
 *
 * @category layers
 */
export const layerSql = (
  options: SqlOptions = {}
): Layer.Layer<ThreadIndex, ThreadIndexError, SqlClient.SqlClient> =>
  Layer.effect(
    ThreadIndex,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { prefix = "codex" } = options
      const threads = sql(`${prefix}_threads`)
      const interrupts = sql(`${prefix}_interrupts`)
      const retired = sql(`${prefix}_retired`)

      yield* Migrator.make({})({
        table: `${prefix}_threads_migrations`,
        loader: Migrator.fromRecord({
          "0001_threads": Effect.andThen(
            sql`CREATE TABLE IF NOT EXISTS ${threads} (
              name VARCHAR(255) NOT NULL PRIMARY KEY,
              thread_id VARCHAR(64),
              epoch INTEGER NOT NULL,
              owner VARCHAR(255),
              progress VARCHAR(16) NOT NULL
            )`,
            sql`CREATE TABLE IF NOT EXISTS ${interrupts} (
              name VARCHAR(255) NOT NULL,
              turn_key VARCHAR(255) NOT NULL,
              PRIMARY KEY (name, turn_key)
            )`
          ),
          "0002_retired": sql`CREATE TABLE IF NOT EXISTS ${retired} (
            name VARCHAR(255) NOT NULL,
            turn_key VARCHAR(255) NOT NULL,
            PRIMARY KEY (name, turn_key)
          )`
        })
      }).pipe(
        // Runners that start together create the tables together.
        Effect.retry({ times: 5, schedule: Schedule.exponential("50 millis") }),
        failing("the migration")
      )

      const select = (name: string) =>
        Effect.map(
          sql<Row>`SELECT thread_id, epoch, owner, progress FROM ${threads} WHERE name = ${name}`,
          ([row]) => row && indexed(name, row)
        )

      /** Inserts the row of a name, unless it is there. Somebody else may do so at the same moment. */
      const ensure = (name: string) =>
        Effect.flatMap(select(name), (thread) =>
          thread !== undefined ? Effect.void : Effect.ignore(
            sql`INSERT INTO ${threads} ${sql.insert({ name, thread_id: null, epoch: 0, owner: null, progress: "new" })}`
          ))

      // The update locks the row before it is read.
      const open = (name: string, owner: string) =>
        Effect.andThen(
          ensure(name),
          sql.withTransaction(Effect.gen(function*() {
            yield* sql`UPDATE ${threads} SET epoch = epoch + 1 WHERE name = ${name}`
            const thread = yield* select(name)
            if (thread === undefined) return yield* Effect.fail(new ThreadIndexError({ operation: "open" }))
            yield* sql`UPDATE ${threads} SET owner = ${owner} WHERE name = ${name}`
            return thread
          }))
        )

      // SQL dialects report changed rows differently, so the row is read back.
      const isOf = (name: string, epoch: number) => Effect.map(select(name), (thread) => thread?.epoch === epoch)

      const wanted = (name: string) =>
        Effect.map(
          sql<{ readonly turn_key: string }>`SELECT turn_key FROM ${interrupts} WHERE name = ${name}`,
          (rows) => rows.map((row) => row.turn_key)
        )

      const isRetired = (name: string, turnKey: string) =>
        Effect.map(
          sql`SELECT turn_key FROM ${retired} WHERE name = ${name} AND turn_key = ${turnKey}`,
          (rows) => rows.length > 0
        )

      return ThreadIndex.of({
        get: (name) => select(name).pipe(failing("get")),
        open: (name, owner) => open(name, owner).pipe(failing("open")),
        record: (name, epoch, { progress, threadId }) =>
          Effect.andThen(
            // With the epoch, which it keeps, there is always something to set.
            sql`UPDATE ${threads} SET ${
              sql.update({ epoch, ...(threadId && { thread_id: threadId }), ...(progress && { progress }) })
            } WHERE name = ${name} AND epoch = ${epoch}`,
            isOf(name, epoch)
          ).pipe(sql.withTransaction, failing("record")),
        release: (name, epoch) =>
          sql`UPDATE ${threads} SET owner = NULL WHERE name = ${name} AND epoch = ${epoch}`.pipe(
            Effect.asVoid,
            failing("release")
          ),
        want: (name, turnKey) =>
          sql`INSERT INTO ${interrupts} ${sql.insert({ name, turn_key: turnKey })}`.pipe(
            Effect.asVoid,
            Effect.catch((error) =>
              Effect.flatMap(wanted(name), (keys) => keys.includes(turnKey) ? Effect.void : Effect.fail(error))
            ),
            failing("want")
          ),
        wanted: (name) => wanted(name).pipe(failing("wanted")),
        retire: (runs) =>
          Effect.forEach(runs, ({ name, turnKey }) =>
            Effect.flatMap(
              isRetired(name, turnKey),
              (isKnown) =>
                isKnown
                  ? Effect.void
                  : Effect.asVoid(sql`INSERT INTO ${retired} ${sql.insert({ name, turn_key: turnKey })}`)
            ), {
            discard: true
          }).pipe(sql.withTransaction, failing("retire")),
        isRetired: (name, turnKey) => isRetired(name, turnKey).pipe(failing("isRetired")),
        forget: (name) =>
          Effect.andThen(
            Effect.andThen(
              sql`DELETE FROM ${retired} WHERE name = ${name}`,
              sql`DELETE FROM ${interrupts} WHERE name = ${name}`
            ),
            // The epochs go on: cursors and owners of the forgotten thread stay older.
            sql`UPDATE ${threads} SET thread_id = NULL, owner = NULL, progress = 'new' WHERE name = ${name}`
          ).pipe(sql.withTransaction, Effect.asVoid, failing("forget"))
      })
    })
  )
