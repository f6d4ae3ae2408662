/**
 * The context that the parts of one activation share: the thread's name, the services of the runner, and the options of the host.
 */
import type * as Codex from "effect-codex/Codex"
import type * as CodexError from "effect-codex/CodexError"
import type * as Thread from "effect-codex/Thread"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { ThreadIndex, ThreadIndexError } from "../model/ThreadIndex.ts"
import type { EventLog } from "./EventLog.ts"

/** An activation of a thread on this runner. */
export interface Activation {
  /** The name of the thread. */
  readonly name: string
  /** This runner, as `host:port`. */
  readonly runner: string
  readonly codex: Codex.Codex["Service"]
  readonly index: ThreadIndex["Service"]
  readonly log: EventLog
  /** The scope of the activation. */
  readonly scope: Scope.Scope
  /** Starts a Codex thread with the options of the host. */
  readonly start: Effect.Effect<Thread.Thread, CodexError.ThreadError>
  /** Resumes a Codex thread with the options of the host. */
  readonly resume: (threadId: string) => Effect.Effect<Thread.Thread, CodexError.OpenThreadError>
  /** How the thread is given up. */
  readonly release: "archive" | "unsubscribe"
}

/** Tries an operation of the index until it succeeds: an accepted request outlives a failure of the database. */
export const durably = <A>(operation: Effect.Effect<A, ThreadIndexError>): Effect.Effect<A> =>
  operation.pipe(
    Effect.tapError((error) => Effect.logWarning(error.message, error.cause)),
    Effect.retry(Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")])),
    Effect.orDie
  )
