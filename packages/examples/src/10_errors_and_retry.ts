/**
 * Errors are values: each has a name, a message that says what to do, and what is needed to go on.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex, CodexError, type Thread } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

/** A thread by its id; a new one if there is none. */
const resumeOrStart = Effect.fn(function*(threadId: string) {
  const codex = yield* Codex.Codex
  return yield* codex.threadResume(threadId).pipe(
    Effect.catchReason(
      "CodexRpcError",
      "ThreadNotFound",
      (_, error) => Effect.andThen(Console.log(`${error.message}\n`), codex.threadStart())
    )
  )
})

/** Asks, and asks again for as long as that can help. What failed for good becomes an answer too. */
const ask = (thread: Thread.Thread, question: string) =>
  thread.run(question).pipe(
    Effect.tapError((error) => Console.log(`${error._tag}, again: ${CodexError.isRetryable(error)}`)),
    Effect.retry({
      while: CodexError.isRetryable,
      schedule: Schedule.exponential("100 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 3 }))
    }),
    Effect.map((result) => result.finalResponse),
    Effect.catchTags({
      // What the turn had done by then is in the error.
      TurnFailedError: ({ reason, result }) =>
        Effect.succeed(`failed with ${reason._tag} after ${result.items.length} items`),
      InvalidInputError: ({ message }) => Effect.succeed(`refused, and nothing was sent: ${message}`)
    })
  )

const program = Effect.gen(function*() {
  const thread = yield* resumeOrStart("01234567-89ab-7def-8123-456789abcdef")
  yield* Console.log(yield* ask(thread, "A flaky question."), "\n")
  yield* Console.log(yield* ask(thread, "A hopeless question."), "\n")
  yield* Console.log(yield* ask(thread, ""))
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
