import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { ThreadGate } from "../../src/base/ThreadGate.ts"

/** Takes the thread in the background, and notes when it has it. */
const taking = (gate: ThreadGate, threadId: string, name: string, taken: Array<string>) =>
  Effect.forkChild(Effect.andThen(gate.acquire(threadId, undefined), Effect.sync(() => void taken.push(name))), {
    startImmediately: true
  })

describe("ThreadGate", () => {
  it.effect("lets one in for each thread, first come first served", () =>
    Effect.gen(function*() {
      const gate = new ThreadGate()
      const taken: Array<string> = []
      const fibers = [
        yield* taking(gate, "a", "1", taken),
        yield* taking(gate, "a", "2", taken),
        yield* taking(gate, "b", "elsewhere", taken),
        yield* taking(gate, "a", "3", taken)
      ]
      yield* Effect.yieldNow
      assert.deepStrictEqual(taken, ["1", "elsewhere"])
      assert.isFalse(gate.tryAcquire("a", undefined))
      gate.release("a")
      yield* Fiber.join(fibers[1]!)
      gate.release("a")
      yield* Fiber.join(fibers[3]!)
      assert.deepStrictEqual(taken, ["1", "elsewhere", "2", "3"])
      assert.isTrue(gate.isBusy("a"))
      gate.release("a")
      gate.release("b")
      assert.isFalse(gate.isBusy("a") || gate.isBusy("b"))
      assert.isTrue(gate.tryAcquire("a", undefined))
    }))

  it.effect("forgets callers that stop waiting", () =>
    Effect.gen(function*() {
      const gate = new ThreadGate()
      const taken: Array<string> = []
      assert.isTrue(gate.tryAcquire("a", undefined))
      const second = yield* taking(gate, "a", "2", taken)
      const third = yield* taking(gate, "a", "3", taken)
      yield* Fiber.interrupt(second)
      gate.release("a")
      yield* Fiber.join(third)
      assert.deepStrictEqual(taken, ["3"])
      gate.release("a")
      assert.isFalse(gate.isBusy("a"))
    }))

  for (const order of ["granted, then interrupted", "interrupted, then granted"] as const) {
    it.effect(`is never lost between two steps: ${order}`, () =>
      Effect.gen(function*() {
        const gate = new ThreadGate()
        assert.isTrue(gate.tryAcquire("a", undefined))
        let has = false
        // As a start does it: what was acquired is used, or given back.
        const waiting = yield* Effect.uninterruptibleMask((restore) =>
          Effect.andThen(
            restore(gate.acquire("a", undefined)),
            Effect.sync(() => {
              has = true
              gate.release("a")
            })
          )
        ).pipe(Effect.forkChild({ startImmediately: true }))
        if (order === "granted, then interrupted") {
          gate.release("a")
          waiting.interruptUnsafe()
        } else {
          waiting.interruptUnsafe()
          gate.release("a")
        }
        yield* Fiber.await(waiting)
        assert.isFalse(gate.isBusy("a"))
        assert.strictEqual(has, order === "granted, then interrupted")
      }))
  }

  it.effect("passes a thread through a long queue of callers that leave at once", () =>
    Effect.gen(function*() {
      const gate = new ThreadGate()
      const order: Array<number> = []
      assert.isTrue(gate.tryAcquire("a", undefined))
      const fibers = yield* Effect.forEach(
        Array.from({ length: 500 }, (_, index) => index),
        (index) =>
          Effect.andThen(
            gate.acquire("a", undefined),
            Effect.sync(() => {
              order.push(index)
              gate.release("a")
            })
          ).pipe(Effect.forkChild({ startImmediately: true }))
      )
      gate.release("a")
      yield* Fiber.awaitAll(fibers)
      assert.lengthOf(order, 500)
      assert.isTrue(order.every((value, index) => value === index))
      assert.isFalse(gate.isBusy("a"))
    }))
})
