/**
 * Delivery alone: the cost of handing an event of a turn to its readers, through the SDK's own buffer and through Effect's
 * `Queue`.
 */
import * as Effect from "effect/Effect"
import { median, type Row, summary } from "./Measure.ts"
import * as Script from "./Script.ts"

/** A number of turns and of readers, and how they read. */
export interface Plan {
  readonly turns: number
  /** Readers of each turn. */
  readonly readers: number
  /** Whether a reader runs an Effect for each batch or for each event. */
  readonly by: "batch" | "event"
}

/** Nanoseconds of CPU time for each event, of two implementations that take turns in one process. */
export interface Delivered {
  readonly buffer: number
  readonly queue: number
}

const plans: ReadonlyArray<Plan> = [16, 64].flatMap((turns) =>
  [1, 3].flatMap((readers) => (["batch", "event"] as const).map((by) => ({ turns, readers, by })))
)

export const run = (quick: boolean) =>
  Effect.map(
    Effect.forEach(plans, (plan) =>
      Effect.map(
        Script.run<ReadonlyArray<Delivered>>("delivery", [JSON.stringify(plan), quick ? "10" : "60"]),
        (rounds): ReadonlyArray<Row> => {
          const section = `delivery, ${plan.turns} turns, ${plan.readers} reader${
            plan.readers === 1 ? "" : "s"
          } each, by ${plan.by}`
          const row = (name: string, of: (round: Delivered) => number): Row => ({
            section,
            name,
            unit: "ns of CPU",
            value: summary(rounds.map(of)),
            ratio: { median: median(rounds.map((round) => of(round) / round.buffer)) }
          })
          return [
            row("own buffer per reader", ({ buffer }) => buffer),
            row("Effect Queue per reader", ({ queue }) => queue)
          ]
        }
      )),
    (rows) => rows.flat()
  )
