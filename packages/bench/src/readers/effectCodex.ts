/** The readers on this SDK, which types, validates and routes messages by turn. */
import * as Codex from "effect-codex/Codex"
import type * as Notification from "effect-codex/Notification"
import * as Router from "effect-codex/Router"
import type * as Thread from "effect-codex/Thread"
import type * as Turn from "effect-codex/Turn"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import * as Traffic from "../Traffic.ts"
import type { Reader, Session } from "./Reader.ts"
import { type Connect, overStdio } from "./transports.ts"

/** Creates a reader. `begin` starts a turn of a thread, `read` reads it, and `connect` reaches the server. */
const reader = <A>(
  begin: (thread: Thread.Thread) => Effect.Effect<A, unknown>,
  read: (turn: A) => Effect.Effect<Partial<Traffic.Counts>, unknown>,
  connect: Connect = overStdio
): Reader => ({
  open: async (server, { turns }): Promise<Session> => {
    const runtime = ManagedRuntime.make(connect(server))
    const started = await runtime.runPromise(Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const started = yield* Effect.forEach(
        Array.from({ length: turns }),
        () => Effect.flatMap(codex.threadStart(), begin)
      )
      const router = yield* Router.Router
      yield* Effect.repeat(Effect.yieldNow, { until: () => router.stats().turns === turns })
      return started
    }))
    return {
      pour: () =>
        runtime.runPromise(Effect.gen(function*() {
          const { client } = yield* Codex.Codex
          yield* client.notify("bench/pour")
          return { turns: yield* Effect.forEach(started, read, { concurrency: "unbounded" }) }
        })),
      close: () => runtime.dispose()
    }
  }
})

const count = (counts: Traffic.Counts, event: Notification.Notification): void => {
  counts.messages++
  if (event.method === "item/agentMessage/delta") counts.text += event.params.delta.length
  else if (event.method === "item/commandExecution/outputDelta") counts.output += event.params.delta.length
}

const drain = (
  consume: (events: Turn.Turn["stream"], counts: Traffic.Counts) => Effect.Effect<void, unknown>
) =>
(turn: Turn.Turn) =>
  Effect.suspend(() => {
    const counts = Traffic.noCounts()
    return Effect.as(consume(turn.stream, counts), counts)
  })

const start = (thread: Thread.Thread) => thread.turn("go")

/** A reader of `turn.stream`, chunk by chunk. */
export const chunksOver = (connect: Connect): Reader =>
  reader(
    start,
    drain((events, counts) =>
      Stream.runForEachArray(events, (chunk) =>
        Effect.sync(() => {
          for (let index = 0; index < chunk.length; index++) count(counts, chunk[index]!)
        }))
    ),
    connect
  )

/** As {@link chunksOver}, over standard input and output. */
export const chunks = chunksOver(overStdio)

/** A reader of `turn.stream`, event by event. */
export const events = reader(
  start,
  drain((events, counts) => Stream.runForEach(events, (event) => Effect.sync(() => count(counts, event))))
)

/** A reader of `turn.text`. */
export const text = reader(start, (turn) =>
  Effect.map(
    Stream.runFold(turn.text, () => 0, (length, text) => length + text.length),
    (text) => ({ text })
  ))

/** A reader of `thread.run`, which returns only the result. */
export const run = reader(
  (thread) => Effect.forkDetach(thread.run("go")),
  (fiber) =>
    Effect.map(Fiber.join(fiber), ({ items }) => {
      const counts = { text: 0, output: 0 }
      for (const item of items) {
        if (item.type === "agentMessage") counts.text += item.text.length
        else if (item.type === "commandExecution") counts.output += item.aggregatedOutput?.length ?? 0
      }
      return counts
    })
)
