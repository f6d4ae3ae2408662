/**
 * Typed errors: each has a tag, a message that says what to do, and the data to continue with.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex, CodexError, type Thread } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

/** Resumes a thread by its id, or starts a new one if it does not exist. */
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

/** Runs a turn, and retries as long as that can help. Final failures also become answers. */
const ask = (thread: Thread.Thread, question: string) =>
  thread.run(question).pipe(
    Effect.tapError((error) => Console.log(`${error._tag}, again: ${CodexError.isRetryable(error)}`)),
    Effect.retry({
      while: CodexError.isRetryable,
      schedule: Schedule.exponential("100 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 3 }))
    }),
    Effect.map((result) => result.finalResponse),
    Effect.catchTags({
      // The error contains the partial result of the turn.
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
