/**
 * The resumption of a client's threads on a new connection. `Rejoining` processes the responses.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import type { Metadata } from "../model/connection/Metadata.ts"
import * as ServerVersion from "../model/connection/ServerVersion.ts"
import {
  CodexConnectError,
  CodexConnectionError,
  type CodexRpcError,
  type RequestError
} from "../model/errors/CodexError.ts"
import { saysUnreadable } from "../model/errors/Refusal.ts"
import { roundTrip, type Wire } from "./RoundTrip.ts"

/** The time limit for one response. */
const timeout = Duration.seconds(30)

/** The number of threads that are resumed at once. */
const concurrency = 16

/** The latest turns alone: a long thread has megabytes of earlier ones. */
const latest = { excludeTurns: true, initialTurnsPage: { limit: 2, itemsView: "full" } }

/** Sends a request, and reads its result in the reader. */
type Ask = <A>(method: string, params: object, read: (result: unknown) => A) => Effect.Effect<A, RequestError>

const askOn = (wire: Wire): Ask => (method, params, read) =>
  roundTrip(wire, { method, params, timeout, control: true, read: (result) => Exit.succeed(read(result)) })

/** The pause between two attempts to catch up with a thread, and their largest number: a turn may take five seconds to begin. */
const pause = "50 millis"
const maxLooks = 100

/** The largest number of pauses for the repeated usage: it may be late, and a turn may have none. */
const maxWaits = 5

/** Runs `then`, in the reader, when the server has repeated the usage of a thread, as it does after a response with all turns. */
const whenMeasured = (
  ask: Ask,
  isMeasured: () => boolean,
  then: () => void,
  waits = 0
): Effect.Effect<void, RequestError> =>
  Effect.flatMap(
    ask("thread/loaded/list", { limit: 1 }, () => {
      const done = isMeasured() || waits === maxWaits
      if (done) then()
      return done
    }),
    (done) => done ? Effect.void : Effect.andThen(Effect.sleep(pause), whenMeasured(ask, isMeasured, then, waits + 1))
  )

/**
 * Asks for all turns of a thread until `isCurrent` returns true for the response, and runs `then` when the server has repeated the
 * usage of the latest turn. All functions run in the reader.
 */
export const afterUsage = (
  ask: Ask,
  threadId: string,
  isCurrent: (response: unknown) => boolean,
  isMeasured: () => boolean,
  then: () => void
): Effect.Effect<void, RequestError> => {
  const look = (looks: number): Effect.Effect<void, RequestError> =>
    Effect.flatMap(
      ask("thread/resume", { threadId }, isCurrent),
      (done) => done || looks === maxLooks ? Effect.void : Effect.andThen(Effect.sleep(pause), look(looks + 1))
    )
  return Effect.andThen(look(0), whenMeasured(ask, isMeasured, then))
}

/** Resumes one thread, and waits until its turns have caught up. Fails only if the connection is unusable. */
export const rejoin = (
  wire: Wire,
  { serverVersion }: Metadata,
  threadId: string
): Effect.Effect<void, RequestError> => {
  const { rejoining } = wire.router
  const hasPages = ServerVersion.isAtLeast(serverVersion, "0.151.0")
  const ask = askOn(wire)
  const resume = (params: object, looks: number) =>
    ask("thread/resume", { threadId, ...params }, (result) => rejoining.rejoined(threadId, result, looks))

  const catchUp = (looks: number): Effect.Effect<void, RequestError> =>
    Effect.gen(function*() {
      let { end, isComplete, isMeasured, isPending } = yield* resume(hasPages ? latest : {}, looks)
      if (hasPages && (end !== undefined || !isComplete)) {
        // Only a response with all turns is followed by the usage of the latest one. And right at its end, a turn that completes is
        // reported as interrupted for a moment.
        ;({ end, isMeasured, isPending } = yield* resume({}, looks))
      }
      if (end !== undefined) yield* whenMeasured(ask, isMeasured, end)
      if (isPending) yield* later(looks)
    }).pipe(Effect.catchTag("CodexRpcError", (refusal) => examine(refusal, looks)))

  const later = (looks: number) => Effect.andThen(Effect.sleep(pause), catchUp(looks + 1))

  /** The server does not resume a thread before its first turn is stored. */
  const examine = (refusal: CodexRpcError, looks: number): Effect.Effect<void, RequestError> =>
    Effect.flatMap(
      Effect.catchTag(
        ask("thread/read", { threadId }, factsOf),
        "CodexRpcError",
        (error) => Effect.succeed(saysUnreadable(error) ? unclear : gone)
      ),
      ({ isActive, isEphemeral, isKnown }) => {
        const mayBegin = isKnown && !isEphemeral
        // The thread of a turn that the server has accepted is idle until the turn begins.
        const isExpected = isActive || saysUnreadable(refusal) || wire.router.turnsOf(threadId).length > 0
        // The server may have read the start of that turn, and be busy with it.
        if (mayBegin && (isExpected ? looks < maxLooks : looks === 0)) return later(looks)
        return Effect.sync(() => {
          if (mayBegin && !isExpected) return rejoining.unstarted(threadId)
          const detail = isEphemeral ? "the server does not resume ephemeral threads" : refusal.serverMessage
          rejoining.refused(
            threadId,
            new CodexConnectionError({ reason: { _tag: "NotRejoined", detail }, cause: refusal })
          )
        })
      }
    )

  return catchUp(0)
}

/** Resumes all threads that need it, then those found meanwhile, such as new sub-agents. */
export const rejoinAll = (wire: Wire, metadata: Metadata): Effect.Effect<void, CodexConnectError> => {
  const done = new Set<string>()
  const next: Effect.Effect<void, RequestError> = Effect.suspend(() => {
    const threads = wire.router.rejoining.threads().filter((threadId) => !done.has(threadId))
    if (threads.length === 0) return Effect.void
    for (const threadId of threads) done.add(threadId)
    return Effect.andThen(
      Effect.forEach(threads, (threadId) => rejoin(wire, metadata, threadId), { concurrency, discard: true }),
      next
    )
  })
  const target = wire.connection.target ?? "codex app-server"
  return Effect.mapError(next, (error) =>
    new CodexConnectError({
      reason: { _tag: "Unreachable", detail: "the connection broke before its threads were resumed" },
      target,
      cause: error
    }))
}

/** The facts of a thread that may become clear a little later. */
const unclear = { isActive: true, isEphemeral: false, isKnown: true }

const gone = { isActive: false, isEphemeral: false, isKnown: false }

const factsOf = (result: unknown): typeof gone => {
  const thread = Predicate.isObject(result) ? result["thread"] : undefined
  if (!Predicate.isObject(thread)) return gone
  const { ephemeral, status } = thread
  return {
    isActive: Predicate.isObject(status) && status["type"] === "active",
    isEphemeral: ephemeral === true,
    isKnown: true
  }
}
