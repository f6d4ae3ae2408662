/**
 * The requests benchmark: the time that a client adds to a round trip.
 */
import * as Effect from "effect/Effect"
import { median, type Row, summary } from "./Measure.ts"
import * as Script from "./Script.ts"

/** Microseconds per request, of two clients that take turns. */
export interface RoundTrips {
  readonly plain: number
  readonly effectCodex: number
}

export const inFlight = 100

export const run = Effect.fnUntraced(function*(quick: boolean) {
  const results = yield* Script.run<
    ReadonlyArray<{ readonly alone: RoundTrips; readonly together: RoundTrips }>
  >("requests", [quick ? "20" : "60", "1000"])
  const rows = (section: string, atMost: number, trips: ReadonlyArray<RoundTrips>): ReadonlyArray<Row> => [
    {
      section,
      name: "plain promise client",
      unit: "µs",
      value: summary(trips.map(({ plain }) => plain)),
      ratio: { median: 1 }
    },
    {
      section,
      name: "effect-codex client.request",
      unit: "µs",
      value: summary(trips.map(({ effectCodex }) => effectCodex)),
      ratio: {
        median: median(trips.map(({ effectCodex, plain }) => effectCodex / plain)),
        goal: { atMost, goal: 1.1 }
      }
    }
  ]
  return [
    ...rows("round trip, one by one", 1.15, results.map(({ alone }) => alone)),
    ...rows(`round trip, ${inFlight} in flight`, 1.2, results.map(({ together }) => together))
  ]
})
