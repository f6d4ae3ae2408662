/** Several failures at once, under load. */
import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Postgres from "../postgres.ts"
import { load, machine, start } from "./load.ts"

const size = { threads: 9, turns: 6 }

describe("a fleet", () => {
  layer(machine, { excludeTestServices: true, timeout: 60_000 })((it) => {
    it.effect("that loses two of three runners within a second answers every run once", () =>
      Effect.gen(function*() {
        const { runners: [one, two], threads } = yield* start("two", 3)
        assert.isDefined(one)
        assert.isDefined(two)
        const kill = Effect.gen(function*() {
          yield* one.signal("SIGKILL")
          yield* Effect.sleep(Math.random() * 900)
          yield* two.signal("SIGKILL")
        })
        yield* load(threads, "two", size, kill)
      }))

    it.effect("that loses a runner while another one ends in order answers every run once", () =>
      Effect.gen(function*() {
        const { runners: [ending, victim], threads } = yield* start("drain", 3)
        assert.isDefined(ending)
        assert.isDefined(victim)
        const kill = Effect.gen(function*() {
          const ended = yield* Effect.forkChild(ending.signal("SIGTERM"), { startImmediately: true })
          yield* victim.signal("SIGKILL")
          assert.isNull(ending.process.exitCode)
          yield* Fiber.join(ended)
        })
        yield* load(threads, "drain", size, kill)
      }))

    it.effect("that loses a runner while the database restarts answers every run once", () =>
      Effect.gen(function*() {
        const postgres = yield* Postgres.Postgres
        const { runners: [victim], threads } = yield* start("restart", 3)
        assert.isDefined(victim)
        const kill = Effect.andThen(
          Effect.all([postgres.stop, victim.signal("SIGKILL")], { concurrency: "unbounded" }),
          postgres.start
        )
        yield* load(threads, "restart", { ...size, asksAgain: true }, kill)
        // A database of its own: the other tests need theirs.
      }).pipe(Effect.scoped, Effect.provide(Layer.fresh(Postgres.layer))))
  })
})
