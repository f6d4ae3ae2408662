import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { PassThrough } from "node:stream"
import { forEachChunk } from "../../src/node/Readable.ts"

const start = { startImmediately: true }

describe("a readable", () => {
  it.live("hands over its chunks while Node announces them, and ends with its last one", () =>
    Effect.gen(function*() {
      const readable = new PassThrough()
      const heard: Array<string> = []
      const reading = yield* Effect.forkChild(forEachChunk(readable, (chunk) => void heard.push(String(chunk))), start)
      const told: Array<string> = []
      readable.on("data", () => told.push(...heard))
      readable.end("a")
      yield* Fiber.join(reading)
      assert.deepStrictEqual([heard, told], [["a"], ["a"]])
    }))

  it.live("is paused while its reader is busy, and loses nothing", () =>
    Effect.gen(function*() {
      const readable = new PassThrough()
      const [busy, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const heard: Array<string> = []
      const reading = yield* Effect.forkChild(
        forEachChunk(readable, (chunk) => {
          heard.push(String(chunk))
          return heard.length === 1
            ? Effect.andThen(Deferred.succeed(busy, undefined), Deferred.await(gate))
            : undefined
        }),
        start
      )
      readable.write("a")
      yield* Deferred.await(busy)
      readable.end("b")
      yield* Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
      assert.isTrue(readable.isPaused())
      assert.deepStrictEqual(heard, ["a"])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(reading)
      assert.deepStrictEqual(heard, ["a", "b"])
    }))

  it.live("is destroyed, and no listener is left, when its reader fails, throws or is interrupted", () =>
    Effect.gen(function*() {
      const ends = [() => Effect.fail("no more"), () => assert.fail("broken"), () => Effect.interrupt]
      for (const onChunk of ends) {
        const readable = new PassThrough()
        const reading = yield* Effect.forkChild(forEachChunk<string>(readable, onChunk), start)
        readable.write("a")
        assert.isTrue(Exit.isFailure(yield* Fiber.await(reading)))
        assert.isTrue(readable.destroyed)
        assert.strictEqual(readable.listenerCount("data"), 0)
      }
      const readable = new PassThrough()
      const reading = yield* Effect.forkChild(forEachChunk(readable, () => undefined), start)
      yield* Fiber.interrupt(reading)
      assert.isTrue(readable.destroyed)
      assert.strictEqual(readable.listenerCount("data"), 0)
    }))

  it.live("that breaks just ends", () =>
    Effect.gen(function*() {
      const readable = new PassThrough()
      const reading = yield* Effect.forkChild(forEachChunk(readable, () => undefined), start)
      readable.destroy(new Error("broken"))
      yield* Fiber.join(reading)
      yield* forEachChunk(readable, () => undefined)
    }))
})
