/** Turns whose runner is killed in their middle: when they are taken over, and what becomes of them. */
import { CodexHome, Gate, Reply, ScriptedModel } from "@effect-codex/testing"
import { assert, describe, layer } from "@effect/vitest"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { askedFor, count } from "../utils.ts"
import * as Fleet from "./fleet.ts"
import { heldBy, machine, namesOf, start } from "./load.ts"

describe("a turn that loses its runner", () => {
  layer(machine, { excludeTestServices: true, timeout: 60_000 })((it) => {
    it.effect("is taken over in time: reported with its items, or continued with its context", () =>
      Effect.gen(function*() {
        const { codexHome } = yield* CodexHome.CodexHome
        const model = yield* ScriptedModel.ScriptedModel
        const { runners: [victim], threads } = yield* start("cut", 2)
        assert.isDefined(victim)
        const names = namesOf("cut", { threads: 12 })
        yield* Effect.forEach(names, (name) => threads.thread(name).run(`before ${name}`), { concurrency: 4 })
        const held = [...(yield* heldBy(threads, victim, names)).keys()]
        const [failing, continued] = held.map((name) => threads.thread(name))
        assert.isDefined(failing)
        assert.isDefined(continued)

        /** Begins a turn that has completed a command, and is in the middle of its answer. */
        const begin = (thread: typeof failing, onCutOff: "fail" | "continue") =>
          Effect.gen(function*() {
            const gate = yield* Gate.make
            yield* model.enqueue(
              Reply.functionCall({ name: "exec_command", arguments: { cmd: `echo output of ${onCutOff}` } }),
              Reply.message({ deltas: ["never ", gate, "more"] })
            )
            const turn = yield* thread.turn(`${onCutOff} input`, { turnKey: onCutOff, onCutOff })
            yield* gate.arrived
            return turn
          })
        const failingTurn = yield* begin(failing, "fail")
        const continuedTurn = yield* begin(continued, "continue")

        const since = performance.now()
        yield* victim.signal("SIGKILL")
        yield* Effect.forEach(held, (name) =>
          Effect.retry(threads.thread(name).read(), {
            while: ({ _tag }) => _tag === "ThreadUnavailableError",
            schedule: Schedule.spaced("50 millis")
          }), { concurrency: "unbounded" })
        const time = performance.now() - since
        yield* Console.log(`${held.length} threads of a killed runner are open elsewhere after ${time.toFixed(0)} ms`)
        assert.isBelow(time, Fleet.moved)

        const error = yield* Effect.flip(failingTurn.run)
        assert.strictEqual(error._tag, "TurnCutOffError")
        if (error._tag !== "TurnCutOffError") return
        assert.strictEqual(error.attempts, 1)
        assert.deepStrictEqual(error.items.map(({ type }) => type), ["userMessage", "commandExecution"])
        const command = error.items.find((item) => item.type === "commandExecution")
        assert.strictEqual(command?.aggregatedOutput?.trim(), "output of fail")
        assert.deepStrictEqual(yield* Effect.flip(failing.run("fail input", { turnKey: "fail" })), error)

        const result = yield* continuedTurn.run
        assert.strictEqual(result.status, "completed")
        const [first, ...others] = (yield* model.requests).filter(({ lastUserText }) =>
          lastUserText?.startsWith("Your previous turn was cut off")
        )
        assert.isDefined(first)
        assert.deepStrictEqual(others, [])
        assert.strictEqual(count(first, "continue input"), 1)
        assert.include(JSON.stringify(first.body.input), "output of continue")

        // The model was asked twice for each: at the begin, and with the output of the command.
        for (const key of ["fail", "continue"]) assert.strictEqual((yield* askedFor(`${key} input`)).length, 2)
        const messages = Fleet.messagesOf(codexHome)
        assert.deepStrictEqual(
          ["fail", "fail#2", "continue", "continue#2", "continue#3"].map((id) => messages.get(id) ?? 0),
          [1, 0, 1, 1, 0]
        )
      }))
  })
})
