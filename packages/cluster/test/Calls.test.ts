/** The requests of a client, when its runner gives the thread up. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Calls from "../src/internal/client/Calls.ts"

it.effect("a request whose runner interrupts it fails, and its caller goes on", () =>
  Effect.gen(function*() {
    const error = yield* Effect.flip(Calls.call("t", Effect.interrupt))
    assert.strictEqual(error._tag === "ThreadUnavailableError" ? error.reason : error._tag, "Unreachable")
    // The interruption of the caller stays one.
    const waiting = yield* Effect.forkChild(Effect.exit(Effect.asVoid(Effect.flip(Calls.call("t", Effect.never)))))
    yield* Fiber.interrupt(waiting)
    assert.isTrue((yield* Fiber.await(waiting))._tag === "Failure")
  }))
