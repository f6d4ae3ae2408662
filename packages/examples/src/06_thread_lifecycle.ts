/**
 * The operations on a thread: name, list, read, fork, compact, archive, unarchive, delete.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  yield* thread.run("Say hello.")
  yield* thread.setName("A greeting")

  // A Stream that requests each page as it is pulled. `threadListPage` returns one page and its cursor.
  const names = codex.threadList({ searchTerm: "greeting" }).pipe(
    Stream.take(10),
    Stream.map((stored) => stored.name ?? stored.preview),
    Stream.runCollect
  )
  yield* Console.log("listed    ", yield* names)

  // A fork starts with the history so far.
  const fork = yield* codex.threadFork(thread.id)
  yield* fork.run("Say it in French.")
  const turns = yield* Effect.forEach([thread, fork], ({ read }) => read({ includeTurns: true }))
  yield* Console.log("turns     ", turns.map((stored) => stored.turns.length))

  // Compaction replaces the history with a summary to free the context. The Effect waits until it is done.
  yield* fork.compact
  yield* Console.log("compacted ", fork.id)

  yield* codex.threadArchive(thread.id)
  const archived = yield* codex.threadList({ archived: true }).pipe(
    Stream.filter(({ id }) => id === thread.id),
    Stream.runCount
  )
  yield* Console.log("archived  ", archived)

  yield* codex.threadUnarchive(thread.id)
  // An unarchived thread is not loaded. Resume it before its next turn.
  const again = yield* codex.threadResume(thread.id)
  yield* Console.log("resumed   ", (yield* again.run("What did I say?")).finalResponse)

  // Delete the fork first, because it refers to the history of the other thread.
  yield* Effect.forEach([fork, thread], ({ id }) => codex.threadDelete(id), { discard: true })
  const gone = yield* codex.threadRead(thread.id).pipe(Effect.flip)
  yield* Console.log("deleted   ", gone._tag)
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
