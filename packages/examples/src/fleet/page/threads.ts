/** The threads of the fleet in a browser: the public client of the gateway, and nothing else. */
import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

/** A thread, as the page shows it. */
export interface View {
  readonly event: (event: HostedThreads.HostedEvent) => void
  /** The place of the thread, or undefined while no runner answers for it. */
  readonly place: (location: HostedThreads.Location | undefined) => void
  readonly failed: (message: string) => void
}

/** A thread of the page. */
export interface Thread {
  readonly run: (prompt: string) => void
  readonly answer: (requestId: string, decision: "accept" | "decline") => void
}

/** Connects to the gateway, and returns the function that opens a thread. */
export const connect = (url: string, token: string): (name: string, view: View) => Thread => {
  const runtime = ManagedRuntime.make(HostedThreads.layerRpc({ url, headers: { authorization: `Bearer ${token}` } }))

  return (name, view) => {
    const fork = <A, E extends { readonly message: string }>(
      use: (thread: HostedThreads.HostedThread) => Effect.Effect<A, E>
    ) =>
      runtime.runFork(
        HostedThreads.HostedThreads.use((threads) => use(threads.thread(name))).pipe(
          Effect.catch(({ message }) => Effect.sync(() => view.failed(message)))
        )
      )

    // Everything that the runner still has of this epoch, then what comes. It goes on over moves.
    fork((thread) =>
      Stream.runForEach(
        thread.notifications({ from: { epoch: 0, seq: 0 } }),
        (event) => Effect.sync(() => view.event(event))
      )
    )
    fork((thread) =>
      Effect.timeoutOption(thread.where, "1500 millis").pipe(
        Effect.map((place) => view.place(place._tag === "Some" ? place.value : undefined)),
        Effect.repeat(Schedule.spaced("700 millis"))
      )
    )
    return {
      run: (prompt) => void fork((thread) => thread.run(prompt, { onCutOff: "continue" })),
      answer: (requestId, decision) => void fork((thread) => thread.answer(requestId, { decision }))
    }
  }
}
