/** Hosted threads through a gateway, over WebSocket and HTTP. */
import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import * as ThreadGateway from "@effect-codex/cluster/ThreadGateway"
import * as ThreadHost from "@effect-codex/cluster/ThreadHost"
import * as ThreadIndex from "@effect-codex/cluster/ThreadIndex"
import { Gate, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, layer } from "@effect/vitest"
import * as TestRunner from "effect/cluster/TestRunner"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Http from "node:http"
import { askedFor } from "./utils.ts"

const authorize = ({ headers, thread }: ThreadGateway.GatewayRequest) =>
  Effect.succeed(thread.startsWith(`${headers["x-tenant"]}/`))

const Gateways = HttpRouter.serve(
  Layer.mergeAll(
    ThreadGateway.layerWebSocket({ path: "/ws", authorize }),
    ThreadGateway.layerHttp({ path: "/http", authorize })
  )
)

const host = ThreadHost.layer({
  serverRequests: "clients",
  thread: () => ({ approvalPolicy: "on-request", sandbox: "readOnly" })
}).pipe(
  Layer.provideMerge(Gateways),
  Layer.provide([ThreadIndex.layerMemory, TestRunner.layer]),
  Layer.provideMerge(NodeHttpServer.layer(() => Http.createServer(), { host: "127.0.0.1", port: 0 })),
  Layer.provideMerge(TestCodex.layer({ script: TestCodex.echo }))
)

/** A client of the gateway. */
const connect = (protocol: "ws" | "http", tenant = "a") =>
  Effect.gen(function*() {
    const server = yield* HttpServer.HttpServer
    const url = new URL(NetAddress.formatUrlUnsafe(server.address))
    const context = yield* Layer.build(
      HostedThreads.layerRpc({
        url: `${protocol}://127.0.0.1:${url.port}/${protocol}`,
        headers: { "x-tenant": tenant }
      })
    )
    return Context.get(context, HostedThreads.HostedThreads)
  })

describe("a gateway", () => {
  layer(host, { excludeTestServices: true })((it) => {
    for (const protocol of ["ws", "http"] as const) {
      it.effect(`passes every request, over ${protocol}`, () =>
        Effect.gen(function*() {
          const model = yield* ScriptedModel.ScriptedModel
          const threads = yield* connect(protocol)
          const thread = threads.thread(`a/${protocol}`)
          const events = yield* Stream.runCollect(thread.stream(`hello ${protocol}`))
          assert.strictEqual(events.at(-1)?.method, "$turnEnded")
          const gate = yield* Gate.make
          const steered = yield* Gate.make
          yield* model.enqueue(
            Reply.message({ deltas: ["one ", gate, "two"] }),
            Reply.message({ deltas: ["one ", steered, "two"] })
          )
          const turn = yield* thread.turn(`long ${protocol}`)
          yield* gate.arrived
          yield* turn.steer("more")
          yield* steered.arrived
          yield* turn.interrupt
          assert.strictEqual((yield* turn.run).status, "interrupted")
          const read = yield* thread.read({ includeTurns: true })
          assert.strictEqual(read.turns?.length, 2)
          assert.strictEqual((yield* thread.where).state, "idle")
          assert.isFalse(yield* thread.answer("none", {}))
        }))
    }

    it.effect("refuses the threads of others", () =>
      Effect.gen(function*() {
        const threads = yield* connect("ws")
        const errors = [
          yield* Effect.flip(threads.thread("b/x").run("no")),
          yield* Effect.flip(threads.thread("b/x").where),
          yield* Effect.flip(Stream.runDrain(threads.thread("b/x").notifications()))
        ]
        for (const error of errors) {
          assert.strictEqual(error._tag, "ThreadUnavailableError")
          if (error._tag === "ThreadUnavailableError") assert.strictEqual(error.reason, "Refused")
        }
      }))

    it.effect("leaves a run alone whose client has gone", () =>
      Effect.gen(function*() {
        const model = yield* ScriptedModel.ScriptedModel
        const gate = yield* Gate.make
        yield* model.enqueue(Reply.message({ deltas: ["one ", gate, "two"] }))
        const scope = yield* Scope.make()
        const leaving = yield* Effect.provideService(connect("ws"), Scope.Scope, scope)
        yield* leaving.thread("a/left").turn("left alone", { turnKey: "left" })
        yield* gate.arrived
        yield* Scope.close(scope, Exit.void)
        yield* gate.open
        const threads = yield* connect("ws")
        const result = yield* threads.thread("a/left").run("left alone", { turnKey: "left" })
        assert.strictEqual(result.finalResponse, "one two")
        assert.strictEqual((yield* askedFor("left alone")).length, 1)
      }))

    it.effect("shows approvals to clients, and takes their answers", () =>
      Effect.gen(function*() {
        const model = yield* ScriptedModel.ScriptedModel
        const threads = yield* connect("ws")
        const thread = threads.thread("a/approval")
        yield* model.enqueue(
          Reply.functionCall({
            name: "exec_command",
            arguments: { cmd: "touch made", sandbox_permissions: "require_escalated", justification: "I have to" }
          }),
          Reply.text("asked")
        )
        const answering = yield* thread.notifications().pipe(
          Stream.filter((event) => event.method === "$asked"),
          Stream.take(1),
          Stream.mapEffect((event) => thread.answer(event.requestId, { decision: "decline" })),
          Stream.runCollect,
          Effect.forkChild
        )
        const result = yield* thread.run("approve this")
        assert.deepStrictEqual(yield* Fiber.join(answering), [true])
        assert.strictEqual(result.finalResponse, "asked")
      }))
  })
})
