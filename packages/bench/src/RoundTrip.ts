/**
 * A request and its answer: what a client adds to the way there and back.
 */
import * as Effect from "effect/Effect"
import { median, type Row, summary } from "./Measure.ts"
import * as Script from "./Script.ts"

/** Microseconds a request, of two clients that took turns. */
export interface RoundTrips {
  readonly plain: number
  readonly effectCodex: number
}

export const inFlight = 100

export const run = Effect.fnUntraced(function*(quick: boolean) {
  const results = yield* Script.run<
    ReadonlyArray<{ readonly alone: RoundTrips; readonly together: RoundTrips }>
  >("requests", [quick ? "20" : "60", "1000"])
  const rows = (section: string, trips: ReadonlyArray<RoundTrips>): ReadonlyArray<Row> => [
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
        goal: { atMost: 1.2 }
      }
    }
  ]
  return [
    ...rows("request and answer, one by one", results.map(({ alone }) => alone)),
    ...rows(`request and answer, ${inFlight} in flight`, results.map(({ together }) => together))
  ]
})
