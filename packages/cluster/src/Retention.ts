/**
 * The retention of answered requests: Effect's cluster keeps every stored request and its answer forever; this module deletes
 * the old ones.
 *
 * A deleted run stays known: its key is kept in the index, and a caller that repeats it receives the answer from the history of
 * the thread, as long as the history has it.
 */
import * as Clock from "effect/Clock"
import * as MachineId from "effect/cluster/MachineId"
import type { Sharding } from "effect/cluster/Sharding"
import * as Singleton from "effect/cluster/Singleton"
import * as Snowflake from "effect/cluster/Snowflake"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import { SqlClient } from "effect/sql/SqlClient"
import { ThreadEntity } from "./internal/model/entity.ts"
import { ThreadIndex, ThreadIndexError } from "./internal/model/ThreadIndex.ts"

/**
 * Options of {@link sweep} and {@link layer}.
 *
 * @category models
 */
export interface RetentionOptions {
  /**
   * The age at which an answer is deleted, counted from when it was stored. It must be longer than any caller takes to fetch its
   * answer. Default: `"7 days"`.
   */
  readonly olderThan?: Duration.Input | undefined
  /** The prefix of the cluster's tables: that of `CodexRunner`. Default: `"cluster"`. */
  readonly prefix?: string | undefined
}

/** The requests that one transaction deletes. */
const batch = 500

/** The part of a request's row that is read. Drivers return large numbers as numbers, strings or bigints. */
interface Row {
  readonly id: number | string | bigint
  readonly tag: string
  readonly entity_id: string
  readonly payload: string
}

/** Returns the key of a stored run. */
const keyOf = ({ payload }: Row): string | undefined => {
  const parsed = Result.try((): unknown => JSON.parse(payload))
  return Result.isSuccess(parsed) && Predicate.hasProperty(parsed.success, "turnKey")
    ? String(parsed.success.turnKey)
    : undefined
}

/**
 * Deletes the requests of hosted threads whose answers are older than `olderThan`, with their answers. Returns their number. Requests
 * of workflows are left alone: their engine replays them. Fails with `ThreadIndexError` if the database fails; what was deleted
 * until then stays deleted.
 *
 * @category combinators
 */
export const sweep = (
  { olderThan = "7 days", prefix = "cluster" }: RetentionOptions = {}
): Effect.Effect<number, ThreadIndexError, SqlClient | ThreadIndex> =>
  Effect.gen(function*() {
    const sql = yield* SqlClient
    const index = yield* ThreadIndex
    const messages = sql(`${prefix}_messages`)
    const replies = sql(`${prefix}_replies`)
    const now = yield* Clock.currentTimeMillis
    const timestamp = now - Duration.toMillis(Duration.fromInputUnsafe(olderThan))
    // Ids begin with the time at which they were made.
    const before = String(Snowflake.make({ timestamp, machineId: MachineId.make(0), sequence: 0 }))

    // An answer has kind 0; pieces of a stream have none.
    const some = Effect.gen(function*() {
      const rows = yield* sql<Row>`SELECT CAST(m.id AS CHAR(20)) AS id, m.tag, m.entity_id, m.payload FROM ${messages} m
        JOIN ${replies} r ON r.request_id = m.id AND r.kind = 0
        WHERE m.entity_type = ${ThreadEntity.type} AND r.id < ${sql.literal(before)} LIMIT ${
        sql.literal(String(batch))
      }`
      if (rows.length === 0) return 0
      const runs = rows.flatMap((row) => {
        const turnKey = row.tag === "Run" ? keyOf(row) : undefined
        return turnKey === undefined ? [] : [{ name: row.entity_id, turnKey }]
      })
      // First, so that a run is known at every moment.
      yield* index.retire(runs)
      const ids = sql.literal(rows.map(({ id }) => String(id).trim()).join(","))
      yield* sql.withTransaction(Effect.andThen(
        sql`DELETE FROM ${replies} WHERE request_id IN (${ids})`,
        sql`DELETE FROM ${messages} WHERE request_id IN (${ids})`
      ))
      return rows.length
    })

    let deleted = 0
    while (true) {
      const count = yield* some
      deleted += count
      if (count < batch) return deleted
    }
  }).pipe(
    Effect.mapError((cause) =>
      cause._tag === "ThreadIndexError" ? cause : new ThreadIndexError({ operation: "the retention", cause })
    )
  )

/**
 * Sweeps regularly, on one runner of the cluster at a time. Provide it to runners, above `CodexRunner.layer`. A sweep that fails is
 * logged, and the next one tries again.
 *
 * @example
 * ```ts
 * import type * as CodexRunner from "@effect-codex/cluster/CodexRunner"
 * import * as Retention from "@effect-codex/cluster/Retention"
 * import * as Layer from "effect/Layer"
 * import type { SqlClient } from "effect/sql/SqlClient"
 *
 * declare const runner: Layer.Layer<CodexRunner.Services, never, SqlClient> // CodexRunner.layer({ ... })
 *
 * const main = Retention.layer({ olderThan: "30 days" }).pipe(Layer.provideMerge(runner))
 * ```
 *
 * @category layers
 */
export const layer = (
  { every = "1 hour", ...options }: RetentionOptions & {
    /** The time between two sweeps. Default: `"1 hour"`. */
    readonly every?: Duration.Input | undefined
  } = {}
): Layer.Layer<never, never, Sharding | SqlClient | ThreadIndex> =>
  Singleton.make(
    "effect-codex/Retention",
    sweep(options).pipe(
      Effect.tap((count) => count === 0 ? Effect.void : Effect.logInfo(`${count} answered requests were deleted.`)),
      Effect.catch((error) => Effect.logWarning(error.message, error.cause)),
      Effect.repeat(Schedule.spaced(every)),
      Effect.asVoid
    )
  )
