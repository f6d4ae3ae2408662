/** A runner that is cut off from the database, while it reaches everything else: its threads move, and it does no harm. */
import { CodexHome, Gate, Reply, ScriptedModel } from "@effect-codex/testing"
import { assert, describe, layer } from "@effect/vitest"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Places from "../places.ts"
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

          // A turn that ends when the threads are lost, and one that ends before: its answer cannot be stored.
          const held = yield* heldBy(threads, victim, namesOf(`${how} held`, { threads: 30 }))
          const [long, short] = [...held.keys()].map((name) => threads.thread(name))
          assert.isDefined(long)
          assert.isDefined(short)
          const begin = (thread: typeof long, key: string) =>
            Effect.gen(function*() {
              const gate = yield* Gate.make
              yield* model.enqueue(Reply.message({ deltas: ["begun ", gate, "and done"] }))
              const turn = yield* thread.turn(key, { turnKey: key, onCutOff: "continue" })
              yield* gate.arrived
              return { gate, key, turn }
            })
          const ending = yield* begin(short, `short ${how}`)
          const going = yield* begin(long, `long ${how}`)
          const since = performance.now()
          yield* victim.database[how]
          yield* ending.gate.open
          // The next owner waits for the lock, because the turn still runs.
          yield* Places.awaitPlace(threads, long.name, ({ runner, state }) =>
            runner !== victim.address && state === "waiting")
          const time = performance.now() - since
          yield* Console.log(`${how}: the threads are assigned to another runner after ${time.toFixed(0)} ms`)
          assert.isBelow(time, Fleet.moved)
          // The other thread is free, though its last owner cannot store the answer.
          const { turns } = yield* Effect.retry(short.read({ includeTurns: true }), {
            while: ({ _tag }) =>
              _tag === "ThreadUnavailableError",
            schedule: Schedule.spaced("50 millis")
          })
          assert.deepStrictEqual(
            turns?.map(({ status }) =>
              status
            ),
            ["completed"]
          )
          yield* going.gate.open
          assert.strictEqual((yield* going.turn.run).finalResponse, "begun and done")
          yield* victim.database.open
          assert.strictEqual((yield* ending.turn.run).finalResponse, "begun and done")
          const messages = Fleet.messagesOf(codexHome)
          for (const { key } of [ending, going]) {
            assert.strictEqual((yield* askedFor(key)).length, 1)
            assert.deepStrictEqual([messages.get(key), messages.get(`${key}#2`)], [1, undefined])
          }
          yield* Places.serve(threads, runners)

          const size = { threads: 9, turns: 8 }
          const part = Effect.gen(function*() {
            const held = yield* heldBy(threads, victim, namesOf(how, size))
            yield* victim.database[how]
            yield* Effect.forEach(
              held,
              ([name]) => Places.awaitPlace(threads, name, ({ runner }) => runner !== victim.address),
              { concurrency: "unbounded" }
            )
            yield* victim.database.open
          })
          const { continued } = yield* load(threads, how, size, part)
          assert.strictEqual(continued, 0)
          yield* Places.serve(threads, runners)
        }))
    }
  })
})
