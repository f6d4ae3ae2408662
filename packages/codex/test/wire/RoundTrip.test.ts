import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Deadlines from "../../src/base/Deadlines.ts"
import { roundTrip } from "../../src/wire/RoundTrip.ts"
import * as Router from "../../src/wire/Router.ts"
import { AllSlots } from "../../src/wire/Slots.ts"

it.effect("an answer that cannot be read fails its request, and frees its slot once", () =>
  Effect.gen(function*() {
    const router = yield* Router.Router
    const all = new AllSlots(1, Effect.void, () => {})
    const slots = all.of("model/list")
    const connection = {
      receive: () => Effect.never,
      send: (message: string) =>
        Effect.sync(() => void router.accept([JSON.stringify({ id: JSON.parse(message).id, result: {} })]))
    }
    const exit = yield* Effect.exit(
      roundTrip({ router, deadlines: yield* Deadlines.make, connection, slots: all }, {
        method: "model/list",
        params: {},
        read: () => {
          throw new RangeError("too deep")
        },
        timeout: Duration.seconds(1)
      })
    )
    assert.isTrue(Exit.hasDies(exit))
    assert.deepStrictEqual([slots.tryTake(), slots.tryTake()], [true, false])
  }).pipe(Effect.scoped, Effect.provide(Router.layer)))
