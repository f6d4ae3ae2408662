/**
 * An evaluation: runs a program that uses Codex many times, scores each run, and reports the distribution of the scores. Use it to
 * compare models, prompts or settings, and to test answers that vary.
 *
 * ```ts
 * const explain = Effect.fn(function*(model: string) {
 *   const codex = yield* Codex.Codex
 *   const thread = yield* codex.threadStart({ model, ephemeral: true })
 *   return (yield* thread.run("Explain the tides in one sentence.")).finalResponse ?? ""
 * })
 *
 * const report = yield* Evaluation.run({
 *   program: ({ variant }) => explain(variant),
 *   variants: ["gpt-5.5", "gpt-5.5-mini"],
 *   runs: 5,
 *   score: {
 *     short: (answer) => answer.length < 200,
 *     simple: Evaluation.judge({ question: "Would a child understand this?" })
 *   }
 * })
 * console.log(Evaluation.table(report))
 * assert.isAtLeast(report.total.passRate, 0.8)
 * ```
 *
 * On a scripted model or a replay the figures are the same each time, if the replies to a run depend on its requests alone: script the
 * model with `respond` rather than with `enqueue`, or provide each run with a Layer of its own.
 */
import { InvalidInputError } from "effect-codex/CodexError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { checkNames, type Names } from "./base/options.ts"
import { type Distribution, distributionOf } from "./evaluation/Distribution.ts"
import * as text from "./evaluation/text.ts"

export { type Distribution } from "./evaluation/Distribution.ts"
export { judge, type JudgeOptions } from "./evaluation/judge.ts"

/** The place of one run in an evaluation. */
export interface Run<out Variant extends string = string> {
  /** The variant that the run belongs to, such as the name of a model. */
  readonly variant: Variant
  /** The seed of the run. Use it for everything random in the program, and to choose the input. */
  readonly seed: number
}

/** A score: true and false count as 1 and 0. A `reason` explains it in the report. */
export type Score = number | boolean | { readonly score: number | boolean; readonly reason?: string }

/** A function that scores the value of a run. */
export type Scorer<A, Variant extends string = string, E = never, R = never> = (
  value: A,
  run: Run<Variant>
) => Score | Effect.Effect<Score, E, R>

/** Options of {@link run}. */
export interface Options<A, E, R, Variant extends string, ScoreName extends string, ScoreError, ScoreR> {
  /** The program. Its value is scored; a failure or defect is the result of its run, and the other runs go on. */
  readonly program: (run: Run<Variant>) => Effect.Effect<A, E, R>
  /** The scorers by name. Their scores usually range from 0 to 1. A run whose scorer fails counts as failed. */
  readonly score: { readonly [Name in ScoreName]: Scorer<A, Variant, ScoreError, ScoreR> }
  /** The variants to compare, such as names of models. Default: one, `"default"`. */
  readonly variants?: ReadonlyArray<Variant>
  /** The number of runs of each variant, with the seeds 0, 1, 2 and so on. Default: 1. */
  readonly runs?: number
  /** The seeds of the runs of each variant, instead of `runs`. */
  readonly seeds?: ReadonlyArray<number>
  /** Returns whether a run passes. Default: each of its scores is at least 0.5. */
  readonly pass?: (scores: { readonly [Name in ScoreName]: number }, value: A, run: Run<Variant>) => boolean
  /** The largest number of runs at the same time. Default: 4. */
  readonly concurrency?: number
}

/** A run whose program returned a value, and whose scorers returned their scores. */
export interface Scored<A, Variant extends string, ScoreName extends string> extends Run<Variant> {
  readonly _tag: "Scored"
  /** The value of the program. */
  readonly value: A
  /** The scores by name. */
  readonly scores: { readonly [Name in ScoreName]: number }
  /** The reasons of the scores that have one, by name. */
  readonly reasons: { readonly [Name in ScoreName]?: string }
  /** Whether the run passed. */
  readonly passed: boolean
}

/** A run whose program or scorers failed. It has not passed. */
export interface Failed<E, Variant extends string> extends Run<Variant> {
  readonly _tag: "Failed"
  /** The step that failed: the program, the scorer with this name, or the function `pass`. */
  readonly step: { readonly _tag: "Program" } | { readonly _tag: "Scorer"; readonly name: string } | {
    readonly _tag: "Pass"
  }
  /** The failure. */
  readonly cause: Cause.Cause<E>
  /** The message of the failure. */
  readonly message: string
}

/** Figures of a group of runs. */
export interface Summary<Variant extends string, ScoreName extends string> {
  /** The variant of the runs; undefined for all variants together. */
  readonly variant: Variant | undefined
  /** The number of runs. */
  readonly runs: number
  /** The number of runs that passed. */
  readonly passed: number
  /** The share of the runs that passed, from 0 to 1. */
  readonly passRate: number
  /** The number of runs that failed with an error. They have no scores, and count as not passed. */
  readonly failed: number
  /** The distributions of the scores by name. */
  readonly scores: { readonly [Name in ScoreName]: Distribution }
}

/** The result of an evaluation. */
export interface Report<A, E, Variant extends string, ScoreName extends string> {
  /** All runs, ordered by variant and then by seed, as the options list them. */
  readonly runs: ReadonlyArray<Scored<A, Variant, ScoreName> | Failed<E, Variant>>
  /** The runs that failed with an error. */
  readonly failures: ReadonlyArray<Failed<E, Variant>>
  /** A summary of each variant. */
  readonly summaries: ReadonlyArray<Summary<Variant, ScoreName>>
  /** The summary of all runs. */
  readonly total: Summary<Variant, ScoreName>
}

const names: Names<Options<unknown, unknown, unknown, string, string, unknown, unknown>> = {
  concurrency: true,
  pass: true,
  program: true,
  runs: true,
  score: true,
  seeds: true,
  variants: true
}

/**
 * Runs the program once for each variant and seed, and scores each run. Runs that fail are part of the report. Interrupting the evaluation
 * interrupts its runs. Fails only with `InvalidInputError`: for an unknown option, a number that is not positive and whole, or a
 * list that is empty or has duplicates.
 */
export const run = Effect.fnUntraced(
  function*<
    A,
    E,
    R,
    const Variant extends string = "default",
    const ScoreName extends string = string,
    SE = never,
    SR = never
  >(
    options: Options<A, E, R, Variant, ScoreName, SE, SR>
  ): Effect.fn.Return<Report<A, E | SE, Variant, ScoreName>, InvalidInputError, R | SR> {
    yield* checkNames(options, names)
    const { concurrency = 4, pass = passes, program, runs = 1, score } = options
    // The default of `Variant`.
    const variants = options.variants ?? ["default" as Variant]
    const seeds = options.seeds ?? Array.from({ length: yield* count("runs", runs) }, (_, seed) => seed)
    yield* count("concurrency", concurrency)
    yield* count("variants", variants.length)
    yield* count("seeds", seeds.length)
    const scorers = entriesOf(score)
    yield* count("score", scorers.length)
    yield* distinct("variants", variants)
    yield* distinct("seeds", seeds)

    type Result = Scored<A, Variant, ScoreName> | Failed<E | SE, Variant>

    const attempt = (place: Run<Variant>) =>
      Effect.gen(function*() {
        const failed = (step: Failed<E | SE, Variant>["step"], cause: Cause.Cause<E | SE>): Result => ({
          _tag: "Failed",
          ...place,
          step,
          cause,
          message: text.messageOf(cause)
        })
        // `suspend` also covers functions that throw before they return an Effect.
        const exit = yield* Effect.exit(Effect.suspend(() => program(place)))
        if (Exit.isFailure(exit)) return failed({ _tag: "Program" }, exit.cause)
        const { value } = exit
        const scores: Array<readonly [name: ScoreName, score: number]> = []
        const reasons: Array<readonly [name: ScoreName, reason: string]> = []
        for (const [name, scorer] of scorers) {
          const scored = yield* Effect.exit(Effect.suspend(() => verdict(scorer(value, place))))
          if (Exit.isFailure(scored)) return failed({ _tag: "Scorer", name }, scored.cause)
          scores.push([name, scored.value.score])
          if (scored.value.reason !== undefined) reasons.push([name, scored.value.reason])
        }
        const byName = recordOf(scores)
        const passed = yield* Effect.exit(Effect.sync(() => pass(byName, value, place)))
        if (Exit.isFailure(passed)) return failed({ _tag: "Pass" }, passed.cause)
        const result: Result = {
          _tag: "Scored",
          ...place,
          value,
          scores: byName,
          reasons: recordOf(reasons),
          passed: passed.value
        }
        return result
      })

    const places = variants.flatMap((variant) => seeds.map((seed): Run<Variant> => ({ variant, seed })))
    const results = yield* Effect.forEach(places, attempt, { concurrency })

    const summarise = (variant: Variant | undefined): Summary<Variant, ScoreName> => {
      const group = variant === undefined ? results : results.filter((result) => result.variant === variant)
      const scored = group.filter((result) => result._tag === "Scored")
      const passed = scored.filter((result) => result.passed).length
      return {
        variant,
        runs: group.length,
        passed,
        passRate: passed / group.length,
        failed: group.length - scored.length,
        scores: recordOf(
          scorers.map(([name]) => [name, distributionOf(scored.map(({ scores }) => scores[name]))] as const)
        )
      }
    }

    return {
      runs: results,
      failures: results.filter((result) => result._tag === "Failed"),
      summaries: variants.map(summarise),
      total: summarise(undefined)
    }
  }
)

/**
 * Returns the report as a table of text: a row for each variant and score, then the failures with their messages.
 *
 * ```
 * variant       runs  failed  passed  score     mean  median   min   max
 * gpt-5.5          5       0   100 %  short     1.00    1.00  1.00  1.00
 * gpt-5.5-mini     5       1    60 %  short     0.75    1.00  0.00  1.00
 *
 * gpt-5.5-mini, seed 3: The turn failed: ...
 * ```
 */
export const table = (report: Report<unknown, unknown, string, string>): string => text.table(report)

const passes = (scores: { readonly [name: string]: number }): boolean =>
  Object.values(scores).every((score) => score >= 0.5)

/** Returns a score as a number, with its reason. A score that is no number is a defect of its scorer. */
const verdict = <E, R>(score: Score | Effect.Effect<Score, E, R>) =>
  Effect.flatMap(Effect.isEffect(score) ? score : Effect.succeed(score), (given) => {
    const { reason, score } = typeof given === "object" ? given : { score: given, reason: undefined }
    return Number.isFinite(Number(score))
      ? Effect.succeed({ reason, score: Number(score) })
      : Effect.die(new RangeError(`The score is ${score}, not a number.`))
  })

const count = (field: string, value: number): Effect.Effect<number, InvalidInputError> =>
  Number.isSafeInteger(value) && value > 0
    ? Effect.succeed(value)
    : Effect.fail(new InvalidInputError({ field, detail: `it is ${value}; an evaluation needs at least one` }))

const distinct = (field: string, values: ReadonlyArray<unknown>): Effect.Effect<void, InvalidInputError> =>
  new Set(values).size === values.length
    ? Effect.void
    : Effect.fail(new InvalidInputError({ field, detail: "it has duplicates" }))

const entriesOf = <Name extends string, A>(record: { readonly [N in Name]: A }) => {
  const entries: Array<readonly [name: Name, value: A]> = []
  for (const name in record) entries.push([name, record[name]])
  return entries
}

// The entries are those of every name, which `Object.fromEntries` does not know.
const recordOf = <Name extends string, A>(entries: ReadonlyArray<readonly [name: Name, value: A]>) =>
  Object.fromEntries(entries) as { readonly [N in Name]: A }
