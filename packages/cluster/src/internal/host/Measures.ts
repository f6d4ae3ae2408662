/**
 * Metrics of a runner. A metric is registered at its first use, so a process that hosts no threads has none of them.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import type { HostedError } from "../model/errors.ts"
import type { RunAnswer } from "../model/rpcs.ts"

const hosted = Metric.gauge("codex.cluster.threads", { description: "Threads that this runner holds open" })
const blocked = Metric.gauge("codex.cluster.threads.waiting", {
  description: "Threads that wait for their last owner or for their file"
})
const queued = Metric.gauge("codex.cluster.runs.waiting", { description: "Runs that wait for the turn before them" })
const running = Metric.gauge("codex.cluster.runs.active", { description: "Runs whose turn runs" })
const asking = Metric.gauge("codex.cluster.requests.waiting", {
  description: "Approvals and questions that wait for a client's answer"
})
const openings = Metric.counter("codex.cluster.threads.opened", {
  description: "Openings of threads, by their reason",
  incremental: true
})
const answers = Metric.counter("codex.cluster.runs", { description: "Answered runs, by outcome", incremental: true })

/** Counts a use of something for as long as an effect runs. */
const during = (gauge: Metric.Gauge<number>) => <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(Metric.modify(gauge, 1), () => effect, () => Metric.modify(gauge, -1))

/** Counts a run that waits for its turn, until {@link waited}. */
export const waits = Metric.modify(queued, 1)
/** Counts the end of a wait. */
export const waited = Metric.modify(queued, -1)

/** Measures a run whose turn runs. */
export const turn = during(running)

/** Measures a request of the server that a client has to answer. */
export const asked = during(asking)

/** Measures a thread that waits for its last owner or for its file. */
export const waiting = during(blocked)

/**
 * Measures the opening of a thread, by its reason: `new` has never been open; `again` was released in order; `reconnected` was open
 * here, before its server was lost; `moved` was open on a runner that has not released it.
 */
export const opened = (epoch: number, owner: string | null, runner: string): Effect.Effect<void> => {
  const reason = epoch === 1 ? "new" : owner === null ? "again" : owner === runner ? "reconnected" : "moved"
  return Effect.andThen(
    Metric.modify(hosted, 1),
    Metric.update(Metric.withAttributes(openings, { reason }), 1)
  )
}

/** Measures that a thread is not open any more. */
export const closed = Metric.modify(hosted, -1)

const outcomeOf = (exit: Exit.Exit<RunAnswer, HostedError>): string => {
  if (Exit.isSuccess(exit)) return exit.value.result.status
  const failed = exit.cause.reasons.find((reason) => reason._tag === "Fail")
  return failed?._tag === "Fail" ? failed.error._tag : "defect"
}

/** Counts an answered run, by the status of its turn, the tag of its error, or `defect`. */
export const answered = (exit: Exit.Exit<RunAnswer, HostedError>): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(answers, { outcome: outcomeOf(exit) }), 1)
