/** Runners that come and go under load: deployments, new machines, and the end of all of them at once. */
import { CodexHome } from "@effect-codex/testing"
import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Places from "../places.ts"
import { killServers } from "../utils.ts"
import * as Fleet from "./fleet.ts"
import { load, machine, start } from "./load.ts"

describe("a fleet", () => {
  layer(machine, { excludeTestServices: true, timeout: 60_000 })((it) => {
    it.effect("that is restarted runner by runner cuts no turn off", () =>
      Effect.gen(function*() {
        const { runners, threads } = yield* start("rolling", 3)
        const size = { threads: 6, turns: 12 }
        const serving = [...runners]
        const restart = Effect.forEach(runners, (runner) =>
          Effect.gen(function*() {
            serving.push(yield* Fleet.startRunner("rolling"))
            yield* Places.serve(threads, serving)
            yield* runner.signal("SIGTERM")
            serving.shift()
          }))
        const counted = yield* load(threads, "rolling", size, restart)
        assert.strictEqual(counted.continued, 0)
      }))

    it.effect("that a runner joins disturbs no turn", () =>
      Effect.gen(function*() {
        const { runners, threads } = yield* start("join", 2)
        const join = Effect.flatMap(Fleet.startRunner("join"), (runner) => Places.serve(threads, [...runners, runner]))
        const counted = yield* load(threads, "join", { threads: 6, turns: 12 }, join)
        assert.strictEqual(counted.continued, 0)
      }))

    it.effect("whose runners are all killed answers every run once others are there", () =>
      Effect.gen(function*() {
        const { runners, threads } = yield* start("all", 2)
        const replace = Effect.gen(function*() {
          yield* Effect.forEach(runners, (runner) => runner.signal("SIGKILL"), { concurrency: "unbounded" })
          yield* Effect.all([Fleet.startRunner("all"), Fleet.startRunner("all")], { concurrency: 2 })
        })
        yield* load(threads, "all", { threads: 6, turns: 8 }, replace)
      }))

    it.effect("that loses a runner and all app-servers at once answers every run", () =>
      Effect.gen(function*() {
        const { codexHome } = yield* CodexHome.CodexHome
        const { runners, threads } = yield* start("servers", 3)
        const kill = Effect.suspend(() => {
          killServers(codexHome)
          return runners[0]?.signal("SIGKILL") ?? Effect.void
        })
        yield* load(threads, "servers", { threads: 6, turns: 8 }, kill)
      }))
  })
})
