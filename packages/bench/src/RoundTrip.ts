/**
 * A request and its answer: what a client adds to the way there and back.
 */
import * as Effect from "effect/Effect"
import { median, type Row, summary } from "./Measure.ts"
import * as Script from "./Script.ts"

/** Microseconds a request. */
export interface RoundTrips {
  /** One after the other. */
  readonly alone: number
  /** With {@link inFlight} at once. */
  readonly together: number
}

export const inFlight = 100

const clients = { plain: "plain promise client", "effect-codex": "effect-codex client.request" }

export const run = Effect.fnUntraced(function*(quick: boolean) {
  const measure = (client: keyof typeof clients) =>
    Script.run<RoundTrips>("requests", [client, quick ? "2000" : "10000"])
  const rounds = yield* Effect.replicateEffect(
    Effect.all({ plain: measure("plain"), "effect-codex": measure("effect-codex") }),
    quick ? 3 : 7
  )
  return (["alone", "together"] as const).flatMap((how) =>
    (["plain", "effect-codex"] as const).map((client): Row => ({
      section: how === "alone" ? "request and answer, one by one" : `request and answer, ${inFlight} in flight`,
      name: clients[client],
      unit: "µs",
      value: summary(rounds.map((round) => round[client][how])),
      ratio: {
        median: median(rounds.map((round) => round[client][how] / round.plain[how])),
        goal: client === "plain" ? undefined : { atMost: 1.2 }
      }
    }))
  )
})
