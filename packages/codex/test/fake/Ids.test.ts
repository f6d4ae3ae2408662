/** Ids of the server's requests are 64-bit integers: more than a JavaScript number can tell apart. */
import { Fixture } from "@effect-codex/testing"
import { assert, it } from "@effect/vitest"
import { Codex, Transport } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

const ask = (id: string) => `{"id":${id},"method":"currentTime/read","params":{"threadId":"thread-1"}}\n`

it.effect("requests with ids beyond 2^53 are answered, and cancelled, each under its own", () =>
  Effect.gen(function*() {
    const answers = yield* Queue.unbounded<string>()
    const connected = yield* Deferred.make<Transport.MemoryServer>()
    const gate = yield* Deferred.make<void>()
    const server = Transport.layerMemory((server) =>
      server.messages.pipe(
        Stream.runForEach((line) => {
          const { id, method } = JSON.parse(line) as { readonly id: number; readonly method?: string }
          const reply = (result: object) => server.write(`${JSON.stringify({ id, result })}\n`)
          switch (method) {
            case "initialize":
              return reply({ userAgent: "codex/0.171.0", serverInfo: { name: "codex", version: "0.171.0" } })
            case "initialized":
              return Deferred.succeed(connected, server)
            case "thread/read":
              return reply({ thread: Fixture.thread({ id: "thread-1" }) })
            default:
              return Queue.offer(answers, line)
          }
        })
      )
    )
    const asked: Array<string | number> = []
    const threeAsked = yield* Deferred.make<void>()
    yield* Effect.gen(function*() {
      const { write } = yield* Deferred.await(connected)
      yield* write(`{"method":"thread/started","params":{"thread":{"id":"thread-1"}}}\n`)
      yield* write([ask("9007199254740992"), ask("9007199254740993"), ask("-9223372036854775808")].join(""))
      yield* Deferred.await(threeAsked)
      yield* write(
        `{"method":"serverRequest/resolved","params":{"threadId":"thread-1","requestId":9007199254740993}}\n`
      )
      yield* write(ask("1"))
      const ids = (yield* Queue.takeN(answers, 3)).map((line) => /"id":([^,]*)/.exec(line)?.[1])
      assert.deepStrictEqual(ids.sort(), ["-9223372036854775808", "1", "9007199254740992"])
      assert.lengthOf(asked, 4)
    }).pipe(
      Effect.provide(
        Codex.layerTransport({
          serverRequests: {
            "currentTime/read": (_, { requestId }) => {
              asked.push(requestId)
              if (asked.length === 3) Deferred.doneUnsafe(threeAsked, Effect.void)
              const open = asked.length === 4 ? Deferred.succeed(gate, undefined) : Effect.void
              return open.pipe(Effect.andThen(Deferred.await(gate)), Effect.as({ currentTimeAt: 0 }))
            }
          }
        }).pipe(Layer.provide(server))
      )
    )
  }))
