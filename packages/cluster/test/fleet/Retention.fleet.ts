/** Answers that were deleted from the database: the next runner finds them in the history of the thread. */
import * as Retention from "@effect-codex/cluster/Retention"
import * as ThreadIndex from "@effect-codex/cluster/ThreadIndex"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { machine } from "../machine.ts"
import * as Places from "../places.ts"
import * as Postgres from "../postgres.ts"
import { sql } from "../sql.ts"
import { askedFor } from "../utils.ts"
import * as Fleet from "./fleet.ts"

it.live("a deleted answer is that of the thread's history, however long ago", () =>
  Effect.gen(function*() {
    const prefix = "retention"
    const first = yield* Fleet.startRunner(prefix)
    const { services, threads } = yield* Fleet.client(prefix, [first])
    const thread = threads.thread("kept")
    const answer = yield* thread.run("keep this", { turnKey: "kept" })
    // More turns than a runner looks at when it opens a thread.
    yield* Effect.forEach(Array.from({ length: 21 }), (_, at) => thread.run(`${at}`), { discard: true })
    const { url } = yield* Postgres.Postgres
    const deleted = yield* Retention.sweep({ olderThan: 0, prefix }).pipe(
      Effect.provide(Layer.merge(Layer.succeedContext(services), sql(url)))
    )
    assert.isAtLeast(deleted, 22)
    yield* first.signal("SIGTERM")
    const second = yield* Fleet.startRunner(prefix)
    yield* Places.serve(threads, [second])
    const again = yield* thread.run("keep this", { turnKey: "kept" })
    assert.strictEqual(again.id, answer.id)
    assert.strictEqual(again.finalResponse, answer.finalResponse)
    assert.strictEqual((yield* askedFor("keep this")).length, 1)
    // What is repeated is stored and deleted like everything else.
    assert.strictEqual(
      yield* Retention.sweep({ olderThan: 0, prefix }).pipe(
        Effect.provide(Layer.merge(Layer.succeedContext(services), sql(url)))
      ),
      1
    )
    assert.isTrue(
      yield* ThreadIndex.ThreadIndex.use((index) => index.isRetired("kept", "kept")).pipe(
        Effect.provide(services)
      )
    )
  }).pipe(
    Effect.scoped,
    Effect.provide(machine())
  ))
