/**
 * A client that does not read: the real server closes its connection. Part of `npm run test:sockets`, because it takes a few seconds;
 * `Work.test.ts` has a short form, in which the proxy cuts.
 */
import { Gate, Reply } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import type { Notification } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { agentTexts } from "../real/utils.ts"
import { behindProxy, connected } from "./behindProxy.ts"
import * as server from "./server.ts"

/** Pieces that fill the buffers of a connection, about 4.2 MB of TCP or 0.2 MB of a Unix socket. */
const large = { unix: 40, ws: 500 } as const

/** Pieces that fill the queue of the server: 32,768 messages for each connection. */
const small = 36_000

for (const how of ["unix", "ws"] as const) {
  layer(server.layer(how, { script: {}, process: { env: { RUST_LOG: "warn" } } }), { excludeTestServices: true })(
    `a client that does not read (${how})`,
    (it) => {
      it.effect("is disconnected by the server, and misses nothing of its turn", () =>
        behindProxy(({ codex, model, proxy }) =>
          Effect.gen(function*() {
            const { logged } = yield* server.ListeningServer
            const [start, end] = [yield* Gate.make, yield* Gate.make]
            const flood = Array.from(
              { length: large[how] + small },
              (_, index) => index < large[how] ? `${index} ${"x".repeat(10_000)} ` : `${index} `
            )
            yield* model.enqueue(Reply.message({ deltas: ["begin ", start, ...flood, end, "end"] }))
            const thread = yield* codex.threadStart()
            const turn = yield* thread.turn("go")
            const streamed = yield* Effect.forkChild(Stream.runCollect(turn.stream), { startImmediately: true })
            const text = yield* Effect.forkChild(Stream.runCollect(turn.text), { startImmediately: true })
            yield* start.arrived
            proxy.stall()
            yield* start.open
            yield* logged("disconnecting slow connection")
            proxy.flow()
            yield* connected(codex, 2)
            yield* end.open
            const result = yield* turn.run
            const whole = `begin ${flood.join("")}end`
            const events = yield* Fiber.join(streamed)
            assert.isTrue(agentTexts(result).join("") === whole)
            assert.isTrue((yield* Fiber.join(text)).join("") === whole)
            assert.isTrue(deltasOf(events) === whole)
            assert.deepStrictEqual(lifecycleOf(events), [
              "item/started userMessage",
              "item/completed userMessage",
              "item/started agentMessage",
              "item/completed agentMessage"
            ])
          })
        ))
    }
  )
}

const deltasOf = (events: ReadonlyArray<Notification.Notification>): string =>
  events.flatMap((event) => event.method === "item/agentMessage/delta" ? [event.params.delta] : []).join("")

const lifecycleOf = (events: ReadonlyArray<Notification.Notification>): ReadonlyArray<string> =>
  events.flatMap((event) =>
    event.method === "item/started" || event.method === "item/completed"
      ? [`${event.method} ${event.params.item.type}`]
      : []
  )
