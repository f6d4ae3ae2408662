/** Ids of the server's requests are 64-bit integers: more than a JavaScript number can tell apart. */
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
          if (!line.includes("\"initialize\"")) {
            return line.includes("\"initialized\"") ? Deferred.succeed(connected, server) : Queue.offer(answers, line)
          }
          const { id } = JSON.parse(line) as { readonly id: number }
          const serverInfo = { name: "codex", version: "0.171.0" }
          return server.write(`${JSON.stringify({ id, result: { userAgent: "codex/0.171.0", serverInfo } })}\n`)
        })
      )
    )
    const asked: Array<string | number> = []
    yield* Effect.gen(function*() {
      const { write } = yield* Deferred.await(connected)
      yield* write(`{"method":"thread/started","params":{"thread":{"id":"thread-1"}}}\n`)
      yield* write([ask("9007199254740992"), ask("9007199254740993"), ask("-9223372036854775808")].join(""))
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
              const open = asked.length === 4 ? Deferred.succeed(gate, undefined) : Effect.void
              return open.pipe(Effect.andThen(Deferred.await(gate)), Effect.as({ currentTimeAt: 0 }))
            }
          }
        }).pipe(Layer.provide(server))
      )
    )
  }))
