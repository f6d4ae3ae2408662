/** Several clients in one program: nothing of one reaches another. */
import { FakeAppServer, Fixture, Gate } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex, type Notification, Router, ServerRequests } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as LayerMap from "effect/LayerMap"
import * as Stream from "effect/Stream"
import { inBackground } from "./scenario.ts"

const services = Effect.all([Codex.Codex, FakeAppServer.FakeAppServer, Router.Router])

const client = FakeAppServer.layerCodex

describe("two clients", () => {
  it.effect("one inside the other: the end of the inner one does not touch the outer one", () =>
    Effect.gen(function*() {
      const [outer, server, router] = yield* services
      const gate = yield* Gate.make
      yield* server.enqueue([gate, "done"])
      const running = yield* inBackground(Effect.flatMap(outer.threadStart(), (thread) => thread.run("go")))
      yield* gate.arrived
      yield* Effect.gen(function*() {
        const [inner, , own] = yield* services
        assert.notStrictEqual(own, router)
        const thread = yield* inner.threadStart()
        assert.strictEqual((yield* thread.run("go")).status, "completed")
      }).pipe(Effect.provide(client()))
      assert.isUndefined(running.pollUnsafe())
      yield* gate.open
      assert.strictEqual((yield* Fiber.join(running)).finalResponse, "done")
    }).pipe(Effect.provide(client())))

  it.effect("of two tenants: threads of the same id keep their events and handlers apart", () =>
    Effect.gen(function*() {
      const tenants = yield* LayerMap.make((tenant: string) =>
        client({
          client: {
            serverRequests: {
              "item/tool/requestUserInput": () =>
                Effect.fail(new ServerRequests.ServerRequestError({ message: tenant }))
            }
          }
        })
      )
      const heard: Array<Notification.Notification> = []
      const of = (tenant: string) =>
        Effect.flatMap(tenants.contextEffect(tenant), (context) => Effect.provideContext(services, context))
      yield* Effect.gen(function*() {
        const [one, , first] = yield* of("one")
        const [two, server, second] = yield* of("two")
        assert.notStrictEqual(first, second)
        const thread = yield* one.threadStart({
          serverRequests: {
            "item/tool/requestUserInput": () =>
              Effect.fail(new ServerRequests.ServerRequestError({ message: "the thread of one" }))
          }
        })
        assert.strictEqual((yield* two.threadStart()).id, thread.id)
        yield* inBackground(Stream.runForEach(thread.notifications, (event) => Effect.sync(() => heard.push(event))))
        yield* server.notifyAll([Fixture.turnStarted(thread.id, "turn of two")])
        const refusal = yield* Effect.flip(server.ask("item/tool/requestUserInput", {
          threadId: thread.id,
          turnId: "turn of two",
          itemId: "item",
          questions: []
        }))
        assert.strictEqual(refusal._tag === "RpcError" ? refusal.message : refusal._tag, "two")
        assert.deepStrictEqual(heard, [])
        assert.strictEqual(first.stats().turns, 0)
      })
    }).pipe(Effect.scoped))
})
