/**
 * Searches: files by parts of their names while a person types, and stored threads by their text.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex

  // The server reads the directories once, and answers each query from memory. The scope ends the session.
  yield* Effect.gen(function*() {
    const session = yield* codex.search.fileSession({ roots: [import.meta.dirname] })
    for (const query of ["s", "se", "sea", "search"]) yield* session.query(query)
    yield* session.changes.pipe(
      Stream.takeUntil(({ isComplete, query }) => isComplete && query === "search"),
      Stream.runForEach(({ files, query }) => Console.log(`"${query}":`, files[0]?.path ?? "nothing yet"))
    )
  }).pipe(Effect.scoped)

  const thread = yield* codex.threadStart()
  yield* thread.run("Where is the needle?")
  yield* codex.search.threads("needle").pipe(
    Stream.runForEach((found) => Console.log(`thread ${found.thread.id}: ${found.snippet}`))
  )
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
