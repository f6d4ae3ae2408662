/**
 * The context that the parts of one activation share: the thread's name, the services of the runner, and the options of the host.
 */
import type * as Codex from "effect-codex/Codex"
import type * as CodexError from "effect-codex/CodexError"
import type * as Thread from "effect-codex/Thread"
import * as Cause from "effect/Cause"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type { HostedError } from "../model/errors.ts"
import type { ThreadIndex, ThreadIndexError } from "../model/ThreadIndex.ts"
import type { EventLog } from "./EventLog.ts"
import type { Lingering } from "./Lingering.ts"

/** An activation of a thread on this runner. */
export interface Activation {
  /** The name of the thread. */
  readonly name: string
  /** This runner, as `host:port`. */
  readonly runner: string
  readonly codex: Codex.Codex["Service"]
  readonly index: ThreadIndex["Service"]
  readonly log: EventLog
  /** Runs an effect for as long as the activation lives, without the context of the request that started it, which would be retained. */
  readonly fork: (effect: Effect.Effect<void>) => Effect.Effect<Fiber.Fiber<void>>
  /** Starts a Codex thread with the options of the host. */
  readonly start: Effect.Effect<Thread.Thread, CodexError.ThreadError>
  /** Resumes a Codex thread with the options of the host. */
  readonly resume: (threadId: string) => Effect.Effect<Thread.Thread, CodexError.OpenThreadError>
  /** How the thread is given up. */
  readonly release: "archive" | "unsubscribe"
  /** The threads that are given up once their turn has ended. */
  readonly lingering: Lingering
  /** False if the turns need this activation, because it passes their questions on to clients. */
  readonly canLinger: boolean
  /** Returns whether this runner still owns the thread. */
  readonly isOwner: () => boolean
  /** True once the runner ends. */
  readonly isEnding: Effect.Effect<boolean>
}

/** Tries an operation of the index until it succeeds: an accepted request outlives a failure of the database. */
export const durably = <A>(operation: Effect.Effect<A, ThreadIndexError>): Effect.Effect<A> =>
  operation.pipe(
    Effect.tapError((error) => Effect.logWarning(error.message, error.cause)),
    Effect.retry(Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")])),
    Effect.orDie
  )

/** Returns true if the server was lost: the outcome of the turn is unknown until the thread is opened again. */
export const isLoss = (error: HostedError): boolean =>
  error._tag === "CodexConnectionError" || error._tag === "CodexConnectError" || error._tag === "CodexTimeoutError"
  || (error._tag === "CodexRpcError" && error.reason._tag === "ThreadNotFound")

/** The number of losses of the server after which a request fails with the last of them: some ten seconds, if it does not come back. */
const maxLosses = 20

/** Tries an effect again after each loss of the server, which starts again meanwhile. */
export const outlast = <A>(effect: Effect.Effect<A, HostedError>): Effect.Effect<A, HostedError> =>
  Effect.retry(effect, {
    while: isLoss,
    times: maxLosses,
    schedule: Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("500 millis")])
  })

/** Leaves a request unanswered, for the thread's owner. */
export const abandon = Effect.failCause(Cause.annotate(Cause.interrupt(), ClusterSchema.Abandon.annotation))
