/**
 * A chat with Codex that runs in a page or in a web worker. It has no token: the proxy authenticates its user, and adds the token.
 */
import { Codex } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

export type ChatEvent =
  | { readonly type: "state"; readonly state: "Connected" | "Lost" | "Reconnecting" }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "end"; readonly text: string }

/** Connects to the proxy at a URL, and returns the function that asks a question. */
export const start = (url: string, emit: (event: ChatEvent) => void): (question: string) => void => {
  const questions = Effect.runSync(Queue.unbounded<string>())

  const program = Effect.gen(function*() {
    const codex = yield* Codex.Codex
    yield* codex.connection.pipe(
      Stream.runForEach(({ _tag }) => Effect.sync(() => emit({ type: "state", state: _tag }))),
      Effect.forkScoped({ startImmediately: true })
    )
    const thread = yield* codex.threadStart({ sandbox: "readOnly", approvalMode: "denyAll" })
    yield* Stream.fromQueue(questions).pipe(
      Stream.runForEach((question) =>
        Effect.gen(function*() {
          const turn = yield* thread.turn(question)
          yield* Stream.runForEach(turn.text, (text) => Effect.sync(() => emit({ type: "text", text })))
          emit({ type: "end", text: "done" })
        }).pipe(Effect.catch(({ message }) => Effect.sync(() => emit({ type: "end", text: message }))))
      )
    )
  }).pipe(
    Effect.scoped,
    Effect.provide(Codex.layerWebSocket({ url })),
    Effect.catch(({ message }) => Effect.sync(() => emit({ type: "end", text: message })))
  )

  Effect.runFork(program)
  return (question) => void Queue.offerUnsafe(questions, question)
}
