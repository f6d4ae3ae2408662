import { Replay } from "@effect-codex/recording"
import { Evaluation, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex } from "effect-codex"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A model that adds, but not always well, and judges. */
const script: ScriptedModel.Script = {
  respond: ({ lastUserText = "", model, outputFormat }) => {
    if (outputFormat !== undefined) {
      const [, sure] = /<text>\n(\d+)/.exec(lastUserText) ?? []
      return Reply.text(JSON.stringify({ reason: `It is ${sure}.`, score: sure === "4" ? 0.9 : 7 }))
    }
    const seed = Number(/seed (\d+)/.exec(lastUserText)?.[1])
    if (model === "gpt-5.5-mini" && seed === 2) {
      return Reply.httpError(400, "Too much.")
    }
    return Reply.text(model === "gpt-5.5" || seed === 0 ? "4" : "5")
  }
}

const add = Effect.fnUntraced(function*({ seed, variant }: Evaluation.Run) {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart({ model: variant, ephemeral: true })
  return (yield* thread.run(`Add 2 and 2 (seed ${seed}).`)).finalResponse ?? ""
})

/** Runs a program seven times, and returns how many ran at the same time. */
const peak = (concurrency: number) =>
  Effect.gen(function*() {
    let [now, most, ended] = [0, 0, 0]
    const isFull = yield* Deferred.make<void>()
    const fiber = yield* Effect.forkChild(Evaluation.run({
      program: () =>
        Effect.suspend(() => {
          now++
          most = Math.max(most, now)
          return ended + now === 7 || now === concurrency ? Deferred.succeed(isFull, undefined) : Effect.void
        }).pipe(
          Effect.andThen(Deferred.await(isFull)),
          Effect.andThen(Effect.yieldNow),
          Effect.ensuring(Effect.sync(() => [now, ended] = [now - 1, ended + 1]))
        ),
      seeds: [3, 1, 4, 5, 9, 2, 6],
      concurrency,
      score: { any: () => 1 }
    }))
    const report = yield* Fiber.join(fiber)
    assert.deepStrictEqual(report.runs.map(({ seed }) => seed), [3, 1, 4, 5, 9, 2, 6])
    return most
  })

const program = () => Effect.succeed(1)

describe("Evaluation", () => {
  it.live("compares models on the real binary, with functions and a judge", () =>
    Effect.gen(function*() {
      const report = yield* Evaluation.run({
        program: add,
        variants: ["gpt-5.5", "gpt-5.5-mini"],
        runs: 3,
        score: { correct: (answer) => answer === "4", sure: Evaluation.judge({ question: "Is it four?" }) }
      })
      assert.deepStrictEqual(report.runs.map(({ seed, variant }) => [variant, seed]), [
        ["gpt-5.5", 0],
        ["gpt-5.5", 1],
        ["gpt-5.5", 2],
        ["gpt-5.5-mini", 0],
        ["gpt-5.5-mini", 1],
        ["gpt-5.5-mini", 2]
      ])
      assert.deepInclude(report.runs[0], { value: "4", reasons: { sure: "It is 4." }, passed: true })
      const [failure] = report.failures
      assert.deepInclude(failure, { variant: "gpt-5.5-mini", seed: 2, step: { _tag: "Program" } })
      assert.strictEqual(Cause.squash(failure!.cause) instanceof Error && failure!.cause.reasons.length, 1)
      assert.deepInclude(report.total, { runs: 6, passed: 4, passRate: 4 / 6, failed: 1 })
      assert.deepStrictEqual(report.summaries[1]!.scores, {
        correct: { count: 2, mean: 0.5, median: 0.5, min: 0, max: 1 },
        // A judge that leaves the range does not spoil the distribution.
        sure: { count: 2, mean: 0.95, median: 0.95, min: 0.9, max: 1 }
      })
      const text = Evaluation.table(report)
      assert.deepStrictEqual(text.split("\n").slice(0, 7), [
        "variant       runs  failed  passed  score    mean  median   min   max",
        "gpt-5.5          3       0   100 %  correct  1.00    1.00  1.00  1.00",
        "gpt-5.5          3       0   100 %  sure     0.90    0.90  0.90  0.90",
        "gpt-5.5-mini     3       1    33 %  correct  0.50    0.50  0.00  1.00",
        "gpt-5.5-mini     3       1    33 %  sure     0.95    0.95  0.90  1.00",
        "all              6       1    67 %  correct  0.80    1.00  0.00  1.00",
        "all              6       1    67 %  sure     0.92    0.90  0.90  1.00"
      ])
      assert.match(text, /\n\ngpt-5.5-mini, seed 2: .*Too much\./)
    }).pipe(Effect.provide(TestCodex.layer({ script }))))

  it.live("is the same on a replay", () =>
    Effect.gen(function*() {
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-codex-"))),
        (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
      )
      const record = join(directory, "run.jsonl")
      const run = { variant: "gpt-5.5", seed: 0 }
      yield* add(run).pipe(Effect.provide(TestCodex.layer({ script, record })))
      const { total } = yield* Evaluation.run({
        // Each run replays the recording from its beginning.
        program: () => add(run).pipe(Effect.provide(Replay.layerCodex(record))),
        runs: 2,
        score: { correct: (answer) => answer === "4" }
      })
      assert.deepInclude(total, { runs: 2, passed: 2, failed: 0 })
    }).pipe(Effect.scoped))

  it.effect("runs so many at the same time, and no more", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual([yield* peak(1), yield* peak(3)], [1, 3])
    }))

  it.effect("reports what fails or throws, in the program, a scorer or the verdict, and goes on", () =>
    Effect.gen(function*() {
      const report = yield* Evaluation.run({
        program: ({ seed }) => {
          if (seed === 0) throw new Error("thrown\nin the program")
          return seed === 1 ? Effect.fail("failed") : seed === 2 ? Effect.interrupt : Effect.succeed(seed)
        },
        runs: 8,
        score: {
          number: (seed) => seed === 3 ? NaN : seed,
          effect: (seed) => seed === 4 ? Effect.fail("no judge") : Effect.succeed({ score: true, reason: "so" })
        },
        pass: (_, seed) => {
          if (seed === 5) throw new Error("undecided")
          return seed === 7
        }
      })
      assert.deepStrictEqual(report.failures.map(({ message, seed, step }) => [seed, step, message]), [
        [0, { _tag: "Program" }, "thrown in the program"],
        [1, { _tag: "Program" }, "failed"],
        [2, { _tag: "Program" }, "All fibers interrupted without error"],
        [3, { _tag: "Scorer", name: "number" }, "The score is NaN, not a number."],
        [4, { _tag: "Scorer", name: "effect" }, "no judge"],
        [5, { _tag: "Pass" }, "undecided"]
      ])
      assert.deepInclude(report.total, { variant: undefined, runs: 8, passed: 1, failed: 6 })
      assert.deepStrictEqual(report.total.scores.number, { count: 2, mean: 6.5, median: 6.5, min: 6, max: 7 })
    }))

  it.effect("has no figures without scores", () =>
    Effect.gen(function*() {
      const report = yield* Evaluation.run({ program: () => Effect.fail("no"), score: { any: () => 1 } })
      assert.deepStrictEqual(report.total.scores.any, { count: 0, mean: NaN, median: NaN, min: NaN, max: NaN })
      assert.strictEqual(
        Evaluation.table(report),
        "variant  runs  failed  passed  score  mean  median  min  max\n"
          + "default     1       1     0 %  any       -       -    -    -\n\n"
          + "default, seed 0: no"
      )
    }))

  it.effect("stops its runs when it is interrupted", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const isRunning = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(Evaluation.run({
        program: ({ seed }) =>
          Effect.suspend(() => {
            log.push(`begins ${seed}`)
            return seed === 1 ? Deferred.succeed(isRunning, undefined) : Effect.void
          }).pipe(Effect.andThen(Effect.never), Effect.onInterrupt(() => Effect.sync(() => log.push(`stops ${seed}`)))),
        runs: 3,
        concurrency: 2,
        score: { any: () => 1 }
      }))
      yield* Deferred.await(isRunning)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(log, ["begins 0", "begins 1", "stops 0", "stops 1"])
    }))

  it.effect("refuses what is no evaluation", () =>
    Effect.gen(function*() {
      const score = { any: () => 1 }
      const none: { any: () => number } = Object.create({})
      const misspelled = { program, score, run: 3 }
      for (
        const [options, field] of [
          [misspelled, "run"],
          [{ program, score, runs: 0 }, "runs"],
          [{ program, score, runs: 1.5 }, "runs"],
          [{ program, score, concurrency: -1 }, "concurrency"],
          [{ program, score, variants: [] }, "variants"],
          [{ program, score, variants: ["a", "a"] }, "variants"],
          [{ program, score, seeds: [] }, "seeds"],
          [{ program, score: none }, "score"]
        ] as const
      ) {
        assert.strictEqual((yield* Effect.flip(Evaluation.run(options))).field, field)
      }
    }))
})
