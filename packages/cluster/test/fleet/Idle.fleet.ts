/** Many threads, few of them active: the others leave the memory of the app-servers, and come back when they are used. */
import { assert, describe, layer } from "@effect/vitest"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { machine } from "../machine.ts"
import { namesOf, start } from "./load.ts"

/** `FLEET_IDLE` sets another number of threads. */
const all = Number(process.env["FLEET_IDLE"] ?? 1_000)
const active = 50
const most = 60

describe("a fleet", () => {
  layer(machine(), { excludeTestServices: true, timeout: 60_000 })((it) => {
    it.effect("keeps in memory what is used, and opens the rest again with its history", () =>
      Effect.gen(function*() {
        const { runners, threads } = yield* start("idle", 2)
        const names = namesOf("idle", { threads: all })
        yield* Effect.forEach(names, (name) => threads.thread(name).run(`first ${name}`), { concurrency: 32 })
        const used = names.slice(0, active)
        const using = yield* Effect.forkChild(
          Effect.forEach(used, (name) =>
            threads.thread(name).run(`again ${name}`).pipe(Effect.repeat(Schedule.spaced("2 seconds"))), {
            concurrency: "unbounded"
          })
        )
        // The app-servers themselves tell: they hold a lock for each thread that they have loaded.
        const loaded = Effect.all(runners.map((runner) =>
          runner.loaded
        ))
        const counts = yield* Effect.raceFirst(
          Effect.repeat(loaded, {
            until: (counts) => counts.every((count) => count < most),
            schedule: Schedule.spaced("250 millis")
          }),
          Effect.andThen(Fiber.join(using), Effect.never)
        )
        yield* Console.log(`idle: of ${all} threads, ${active} of them in use, ${counts.join(" and ")} are loaded`)
        yield* Fiber.interrupt(using)

        const times: Array<number> = []
        yield* Effect.forEach(names.slice(active, active + 21), (name) =>
          Effect.gen(function*() {
            const thread = threads.thread(name)
            const before = yield* thread.where
            assert.strictEqual(before.state, "closed")
            const since = performance.now()
            const { id, turns } = yield* thread.read({ includeTurns: true })
            times.push(performance.now() - since)
            assert.strictEqual(id, before.threadId)
            assert.strictEqual(turns?.length, 1)
            assert.strictEqual((yield* thread.where).epoch, before.epoch + 1)
          }))
        const median = times.sort((one, other) => one - other)[10] ?? 0
        yield* Console.log(`idle: a thread is open again after ${median.toFixed(0)} ms, the median of ${times.length}`)
      }), 600_000)
  })
})
