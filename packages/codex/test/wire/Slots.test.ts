import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Slots } from "../../src/wire/Slots.ts"

const taking = (slots: Slots) => Effect.forkChild(slots.take, { startImmediately: true })

describe("slots", () => {
  it.effect("are taken up to the limit, then when one is freed, first come, first served", () =>
    Effect.gen(function*() {
      const slots = new Slots(2)
      assert.deepStrictEqual([slots.tryTake(), slots.tryTake(), slots.tryTake()], [true, true, false])
      const [one, two, three] = [yield* taking(slots), yield* taking(slots), yield* taking(slots)]
      yield* Fiber.interrupt(two)
      slots.answered()
      yield* Fiber.join(one)
      assert.isUndefined(three.pollUnsafe())
      slots.answered()
      yield* Fiber.join(three)
      slots.answered()
      slots.answered()
      assert.deepStrictEqual([slots.tryTake(), slots.tryTake(), slots.tryTake()], [true, true, false])
    }))

  it.effect("of abandoned requests are free when those were read, but one is always left", () =>
    Effect.gen(function*() {
      const slots = new Slots(3)
      const abandon = () => {
        assert.isTrue(slots.tryTake())
        return slots.abandoned()
      }
      const read = [abandon(), abandon(), abandon(), abandon()]
      assert.deepStrictEqual([slots.tryTake(), slots.tryTake()], [true, false])
      const waiting = yield* taking(slots)
      for (const one of read.slice(0, 2)) one()
      assert.isUndefined(waiting.pollUnsafe())
      read[2]!()
      yield* Fiber.join(waiting)
      read[3]!()
      assert.deepStrictEqual([slots.tryTake(), slots.tryTake()], [true, false])
    }))

  it.effect("are not lost when a fiber is interrupted right after it was granted one", () =>
    Effect.gen(function*() {
      const slots = new Slots(1)
      assert.isTrue(slots.tryTake())
      const waiting = yield* Effect.forkChild(Effect.interruptible(slots.take), { startImmediately: true })
      yield* Effect.sync(() => {
        slots.answered()
        waiting.interruptUnsafe()
      })
      const exit = yield* Fiber.await(waiting)
      if (exit._tag === "Success") slots.answered()
      assert.isTrue(slots.tryTake())
    }))
})
