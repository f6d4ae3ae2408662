import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Broadcast } from "../../src/base/Broadcast.ts"

const reading = <A, E>(broadcast: Broadcast<A, E>) =>
  Effect.forkChild(Effect.exit(Stream.runCollect(broadcast.cursor().stream)), { startImmediately: true })

describe("Broadcast", () => {
  it.effect("hands each reader the events after it was made, in order, and then the end", () =>
    Effect.gen(function*() {
      const broadcast = new Broadcast<number, string>()
      broadcast.push(0)
      assert.isFalse(broadcast.isFollowed)
      const first = yield* reading(broadcast)
      broadcast.push(1)
      const second = yield* reading(broadcast)
      assert.isTrue(broadcast.isFollowed)
      broadcast.push(2)
      yield* Effect.yieldNow
      broadcast.push(3)
      broadcast.end(Exit.void)
      assert.deepStrictEqual(yield* Fiber.join(first), Exit.succeed([1, 2, 3]))
      assert.deepStrictEqual(yield* Fiber.join(second), Exit.succeed([2, 3]))
      assert.isFalse(broadcast.isFollowed)
    }))

  it.effect("emits the remaining events before it fails; only the first end counts", () =>
    Effect.gen(function*() {
      const broadcast = new Broadcast<number, string>()
      const seen: Array<number> = []
      const cursor = broadcast.cursor()
      broadcast.push(1)
      broadcast.end(Exit.fail("first"))
      broadcast.end(Exit.fail("second"))
      const error = yield* Effect.flip(Stream.runForEach(cursor.stream, (n) => Effect.sync(() => void seen.push(n))))
      assert.strictEqual(error, "first")
      assert.deepStrictEqual(seen, [1])
      assert.deepStrictEqual(yield* Fiber.join(yield* reading(broadcast)), Exit.fail("first"))
    }))

  it.effect("hands over all unread events in one step", () =>
    Effect.gen(function*() {
      const broadcast = new Broadcast<number, string>()
      const cursor = broadcast.cursor()
      const pulling = yield* Effect.forkChild(cursor.pull, { startImmediately: true })
      broadcast.push(1)
      broadcast.push(2)
      assert.deepStrictEqual(yield* Fiber.join(pulling), [1, 2])
      broadcast.push(3)
      assert.deepStrictEqual(yield* cursor.pull, [3])
    }))

  it.effect("wakes a reader again whose pull was interrupted", () =>
    Effect.gen(function*() {
      const broadcast = new Broadcast<number, string>()
      const cursor = broadcast.cursor()
      yield* Fiber.interrupt(yield* Effect.forkChild(cursor.pull, { startImmediately: true }))
      const again = yield* Effect.forkChild(cursor.pull, { startImmediately: true })
      broadcast.push(1)
      assert.deepStrictEqual(yield* Fiber.join(again), [1])
    }))

  it.effect("keeps nothing for a reader that has left, or was closed", () =>
    Effect.gen(function*() {
      const broadcast = new Broadcast<number, string>()
      const leaving = yield* Effect.forkChild(Stream.runCollect(Stream.take(broadcast.cursor().stream, 1)), {
        startImmediately: true
      })
      const interrupted = yield* reading(broadcast)
      const closed = broadcast.cursor()
      broadcast.push(1)
      yield* Fiber.join(leaving)
      yield* Fiber.interrupt(interrupted)
      assert.isTrue(broadcast.isFollowed)
      closed.close()
      closed.close()
      assert.isFalse(broadcast.isFollowed)
    }))

  it.effect("takes events from within a reader", () =>
    Effect.gen(function*() {
      const broadcast = new Broadcast<number, string>()
      const echo = yield* broadcast.cursor().stream.pipe(
        Stream.tap((n) => Effect.sync(() => n < 5 ? broadcast.push(n + 1) : broadcast.end(Exit.void))),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      broadcast.push(0)
      assert.deepStrictEqual(yield* Fiber.join(echo), [0, 1, 2, 3, 4, 5])
    }))
})
