/** Runners and app-servers that are killed under the full load. `FLEET_LOAD` sets another size, such as `9x6`. */
import { assert, describe, layer } from "@effect/vitest"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { heldBy, load, machine, namesOf, reopened, start } from "./load.ts"

const [threads = 24, turns = 20] = (process.env["FLEET_LOAD"] ?? "24x20").split("x").map(Number)
const size = { threads, turns }

/** The time of the guarantee until the threads of a dead app-server are open again, in milliseconds. */
const restarted = 3_000

describe("a fleet under load", () => {
  layer(machine, { excludeTestServices: true, timeout: 60_000 })((it) => {
    it.effect("whose runner is killed answers every run once", () =>
      Effect.gen(function*() {
        const { runners: [victim], threads } = yield* start("runner", 3)
        assert.isDefined(victim)
        yield* load(threads, "runner", size, victim.signal("SIGKILL"))
      }))

    it.effect("whose runner is killed with its app-server answers every run once", () =>
      Effect.gen(function*() {
        const { runners: [victim], threads } = yield* start("both", 3)
        assert.isDefined(victim)
        yield* load(threads, "both", size, Effect.all([victim.killServer, victim.signal("SIGKILL")]))
      }))

    it.effect("whose app-server is killed opens its threads again, and answers every run once", () =>
      Effect.gen(function*() {
        const { runners: [victim], threads } = yield* start("server", 3)
        assert.isDefined(victim)
        yield* load(
          threads,
          "server",
          size,
          Effect.gen(function*() {
            const held = yield* heldBy(threads, victim, namesOf("server", size))
            assert.isAbove(held.size, 0)
            yield* victim.killServer
            const time = yield* reopened(threads, held)
            yield* Console.log(`server: ${held.size} threads open again after ${time.toFixed(0)} ms`)
            assert.isBelow(time, restarted)
          })
        )
      }))
  })
})
