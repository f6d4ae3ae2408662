/** A runner that is cut off from the database, while it reaches everything else: its threads move, and it does no harm. */
import { CodexHome, Gate, Reply, ScriptedModel } from "@effect-codex/testing"
import { assert, describe, layer } from "@effect/vitest"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { askedFor } from "../utils.ts"
import * as Fleet from "./fleet.ts"
import { heldBy, load, machine, namesOf } from "./load.ts"

describe("a runner whose connections to the database", () => {
  layer(machine, { excludeTestServices: true, timeout: 60_000 })((it) => {
    for (const [how, what] of [["stall", "stall"], ["close", "end"]] as const) {
      it.effect(`${what} loses its threads, and what it still runs is found done`, () =>
        Effect.gen(function*() {
          const { codexHome } = yield* CodexHome.CodexHome
          const model = yield* ScriptedModel.ScriptedModel
          const victim = yield* Fleet.startProxied(how)
          const others = yield* Effect.all([Fleet.startRunner(how), Fleet.startRunner(how)], { concurrency: 2 })
          const runners = [victim, ...others]
          const { threads } = yield* Fleet.client(how, runners)

          // A turn that is longer than it takes to lose the threads.
          const [name = ""] = (yield* heldBy(threads, victim, namesOf(`${how} held`, { threads: 30 }))).keys()
          const gate = yield* Gate.make
          yield* model.enqueue(Reply.message({ deltas: ["begun ", gate, "and done"] }))
          const thread = threads.thread(name)
          const turn = yield* thread.turn(`hold ${how}`, { turnKey: `hold ${how}`, onCutOff: "continue" })
          yield* gate.arrived
          const since = performance.now()
          yield* victim.database[how]
          // The next owner waits for the lock, because the turn still runs.
          yield* Fleet.awaitPlace(
            threads,
            name,
            ({ runner, state }) => runner !== victim.address && state === "waiting"
          )
          const time = performance.now() - since
          yield* Console.log(`${how}: the threads are assigned to another runner after ${time.toFixed(0)} ms`)
          assert.isBelow(time, Fleet.moved)
          yield* gate.open
          const result = yield* turn.run
          assert.strictEqual(result.status, "completed")
          assert.strictEqual(result.finalResponse, "begun and done")
          assert.strictEqual((yield* askedFor(`hold ${how}`)).length, 1)
          assert.deepStrictEqual(
            [...Fleet.messagesOf(codexHome)].filter(([id]) => id.startsWith(`hold ${how}`)),
            [[`hold ${how}`, 1]]
          )
          yield* victim.database.open
          yield* Fleet.serve(threads, runners)

          const size = { threads: 9, turns: 8 }
          const part = Effect.gen(function*() {
            const held = yield* heldBy(threads, victim, namesOf(how, size))
            yield* victim.database[how]
            yield* Effect.forEach(held, ([name]) =>
              Fleet.awaitPlace(threads, name, ({ runner }) => runner !== victim.address), { concurrency: "unbounded" })
            yield* victim.database.open
          })
          const { continued } = yield* load(threads, how, size, part)
          assert.strictEqual(continued, 0)
          yield* Fleet.serve(threads, runners)
        }))
    }
  })
})
