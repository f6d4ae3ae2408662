/** The places of the threads of a fleet, as a client sees them. */
import type { HostedThreads, Location } from "@effect-codex/cluster/HostedThreads"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"

type Threads = HostedThreads["Service"]

/** Returns the place of a thread, or undefined if it is moving. */
export const placeOf = (threads: Threads, name: string) =>
  threads.thread(name).where.pipe(
    Effect.timeoutOption("1 second"),
    Effect.map(Option.getOrUndefined),
    Effect.catchTag("ThreadUnavailableError", () => Effect.undefined)
  )

/** Waits until the place of a thread is as wanted. */
export const awaitPlace = (threads: Threads, name: string, isWanted: (place: Location) => boolean) =>
  Effect.repeat(placeOf(threads, name), {
    until: (place) => place !== undefined && isWanted(place),
    schedule: Schedule.spaced("50 millis")
  })

/** Waits until these runners, and no others, serve the names. */
export const serve = (threads: Threads, runners: ReadonlyArray<{ readonly address: string }>) =>
  Effect.forEach(
    Array.from({ length: 16 }, (_, index) => `probe ${index}`),
    (name) => Effect.map(placeOf(threads, name), (place) => place?.runner ?? ""),
    { concurrency: "unbounded" }
  ).pipe(
    Effect.repeat({
      until: (places) => {
        const serving = new Set(places)
        return serving.size === runners.length && runners.every(({ address }) => serving.has(address))
      },
      schedule: Schedule.spaced("250 millis")
    })
  )
