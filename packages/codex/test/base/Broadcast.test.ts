import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Broadcast } from "../../src/base/Broadcast.ts"

const reading = <A, E>(log: Broadcast<A, E>) =>
  Effect.forkChild(Effect.exit(Stream.runCollect(log.cursor().stream)), { startImmediately: true })

describe("Broadcast", () => {
  it.effect("gives each reader what comes after it, in order, and then the end", () =>
    Effect.gen(function*() {
      const log = new Broadcast<number, string>()
      log.push(0)
      assert.isFalse(log.isFollowed)
      const first = yield* reading(log)
      log.push(1)
      const second = yield* reading(log)
      assert.isTrue(log.isFollowed)
      log.push(2)
      yield* Effect.yieldNow
      log.push(3)
      log.end(Exit.void)
      assert.deepStrictEqual(yield* Fiber.join(first), Exit.succeed([1, 2, 3]))
      assert.deepStrictEqual(yield* Fiber.join(second), Exit.succeed([2, 3]))
      assert.isFalse(log.isFollowed)
    }))

  it.effect("gives what is left before it fails; only the first end counts", () =>
    Effect.gen(function*() {
      const log = new Broadcast<number, string>()
      const seen: Array<number> = []
      const cursor = log.cursor()
      log.push(1)
      log.end(Exit.fail("first"))
      log.end(Exit.fail("second"))
      const error = yield* Effect.flip(Stream.runForEach(cursor.stream, (n) => Effect.sync(() => void seen.push(n))))
      assert.strictEqual(error, "first")
      assert.deepStrictEqual(seen, [1])
      assert.deepStrictEqual(yield* Fiber.join(yield* reading(log)), Exit.fail("first"))
    }))

  it.effect("gives all that has come in one step", () =>
    Effect.gen(function*() {
      const log = new Broadcast<number, string>()
      const cursor = log.cursor()
      const pulling = yield* Effect.forkChild(cursor.pull, { startImmediately: true })
      log.push(1)
      log.push(2)
      assert.deepStrictEqual(yield* Fiber.join(pulling), [1, 2])
      log.push(3)
      assert.deepStrictEqual(yield* cursor.pull, [3])
    }))

  it.effect("wakes a reader again whose pull was interrupted", () =>
    Effect.gen(function*() {
      const log = new Broadcast<number, string>()
      const cursor = log.cursor()
      yield* Fiber.interrupt(yield* Effect.forkChild(cursor.pull, { startImmediately: true }))
      const again = yield* Effect.forkChild(cursor.pull, { startImmediately: true })
      log.push(1)
      assert.deepStrictEqual(yield* Fiber.join(again), [1])
    }))

  it.effect("keeps nothing for a reader that has left, or was closed", () =>
    Effect.gen(function*() {
      const log = new Broadcast<number, string>()
      const leaving = yield* Effect.forkChild(Stream.runCollect(Stream.take(log.cursor().stream, 1)), {
        startImmediately: true
      })
      const interrupted = yield* reading(log)
      const closed = log.cursor()
      log.push(1)
      yield* Fiber.join(leaving)
      yield* Fiber.interrupt(interrupted)
      assert.isTrue(log.isFollowed)
      closed.close()
      closed.close()
      assert.isFalse(log.isFollowed)
    }))

  it.effect("takes events from within a reader", () =>
    Effect.gen(function*() {
      const log = new Broadcast<number, string>()
      const echo = yield* log.cursor().stream.pipe(
        Stream.tap((n) => Effect.sync(() => n < 5 ? log.push(n + 1) : log.end(Exit.void))),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      log.push(0)
      assert.deepStrictEqual(yield* Fiber.join(echo), [0, 1, 2, 3, 4, 5])
    }))
})
