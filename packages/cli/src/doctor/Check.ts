/**
 * A check of the doctor: one thing that has to work before a program can use Codex. A new check is one more value in the list of
 * `checks.ts`.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** The outcome of a check. */
export interface Outcome {
  /** The verdict. A check is skipped if one that it needs has failed. */
  readonly status: "ok" | "warning" | "failed" | "skipped"
  /** The finding, in a line. */
  readonly finding: string
  /** The next step of the user. Undefined if there is nothing to do. */
  readonly advice?: string
}

/** A check. `R` is the services that it requires. */
export interface Check<out R> {
  /** The name in the report. */
  readonly name: string
  /** Names of earlier checks that must succeed before this one can run. */
  readonly needs: ReadonlyArray<string>
  /** The check. An error that it does not expect is a failed check. */
  readonly run: Effect.Effect<Outcome, Error, R>
}

/** The outcome of a check, with its name and its time in milliseconds. */
export interface Result extends Outcome {
  /** The name of the check. */
  readonly name: string
  /** The time that the check took, in milliseconds. */
  readonly durationMs: number
}

/** The outcome of a check that found nothing wrong. */
export const ok = (finding: string): Outcome => ({ status: "ok", finding })

/** The outcome of a check that found something that may be a problem. */
export const warning = (finding: string, advice: string): Outcome => ({ status: "warning", finding, advice })

/** The outcome of a check that found something that does not work. */
export const failed = (finding: string, advice?: string): Outcome =>
  advice === undefined ? { status: "failed", finding } : { status: "failed", finding, advice }

/**
 * Runs checks one after the other, each within a time limit, and calls `report` after each. A check whose needs have failed is skipped.
 */
export const runAll = Effect.fnUntraced(function*<R, R2>(
  checks: ReadonlyArray<Check<R>>,
  timeout: Duration.Duration,
  report: (result: Result) => Effect.Effect<void, never, R2>
): Effect.fn.Return<ReadonlyArray<Result>, never, R | R2> {
  const results: Array<Result> = []
  for (const { name, needs, run } of checks) {
    const start = yield* Clock.currentTimeMillis
    const missing = needs.find((need) =>
      results.some(({ name, status }) => name === need && (status === "failed" || status === "skipped"))
    )
    const outcome: Outcome = missing !== undefined
      ? { status: "skipped", finding: `needs the check "${missing}"` }
      : yield* run.pipe(
        Effect.timeoutOrElse({
          duration: timeout,
          orElse: () => Effect.succeed(failed(`no result within ${Duration.format(timeout)}`, hanging))
        }),
        Effect.catch((error) => Effect.succeed(failed(error.message.replace(/\.$/, ""))))
      )
    const result = { name, ...outcome, durationMs: (yield* Clock.currentTimeMillis) - start }
    results.push(result)
    yield* report(result)
  }
  return results
})

const hanging = "Something hangs, or the machine is very busy: try again with a longer --timeout"
