/** Hosted threads through a gateway, over WebSocket and HTTP. */
import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import * as ThreadGateway from "@effect-codex/cluster/ThreadGateway"
import * as ThreadHost from "@effect-codex/cluster/ThreadHost"
import * as ThreadIndex from "@effect-codex/cluster/ThreadIndex"
import * as ThreadRpcs from "@effect-codex/cluster/ThreadRpcs"
import type * as Protocol from "@effect-codex/protocol/Protocol"
import { Gate, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, layer } from "@effect/vitest"
import * as TestRunner from "effect/cluster/TestRunner"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Http from "node:http"
import { askedFor, asking, everyRequest } from "./utils.ts"

/** The requests that were decided about. */
const seen: Array<Omit<ThreadGateway.GatewayRequest, "headers"> & { readonly tenant: string | undefined }> = []

/** Opens the way for requests for the events of threads whose name says that they are late. */
let late = Deferred.makeUnsafe<void>()

const authorize = ({ headers, method, options, thread }: ThreadGateway.GatewayRequest) =>
  Effect.suspend(() => {
    const tenant = headers["x-tenant"]
    seen.push({ thread, method, options, tenant })
    const isAllowed = tenant !== undefined && thread.startsWith(`${tenant}/`) && options?.model !== "expensive"
    return Effect.as(method === "Events" && thread.includes("late") ? Deferred.await(late) : Effect.void, isAllowed)
  })

// @ts-expect-error A gateway without authorisation is no gateway.
ThreadGateway.layerWebSocket({ path: "/open" })
// @ts-expect-error
ThreadGateway.layerHttp({ path: "/open" })

const Gateways = HttpRouter.serve(
  Layer.mergeAll(
    ThreadGateway.layerWebSocket({ path: "/ws", authorize }),
    ThreadGateway.layerHttp({ path: "/http", authorize }),
    ThreadGateway.layerHttp({ path: "/http/models", authorize, allow: ["model", "limits", "localImage"] })
  ),
  { disableLogger: true, disableListenLog: true }
)

const host = ThreadHost.layer(asking).pipe(
  Layer.provideMerge(Gateways),
  Layer.provide([ThreadIndex.layerMemory, TestRunner.layer]),
  Layer.provideMerge(NodeHttpServer.layer(() => Http.createServer(), { host: "127.0.0.1", port: 0 })),
  Layer.provideMerge(TestCodex.layer({ script: TestCodex.echo }))
)

const origin = HttpServer.HttpServer.useSync(({ address }) =>
  `127.0.0.1:${new URL(NetAddress.formatUrlUnsafe(address)).port}`
)

/** The HTTP protocol of a client that speaks it itself. */
const protocol = Layer.unwrap(
  Effect.map(origin, (origin) => RpcClient.layerProtocolHttp({ url: `http://${origin}/http` }))
)
  .pipe(Layer.provide([FetchHttpClient.layer, RpcSerialization.layerNdjson]))

/** A client of the gateway. */
const connect = (
  protocol: "ws" | "http" | "http/models",
  headers: Readonly<Record<string, string>> = { "x-tenant": "a" }
) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(
      HostedThreads.layerRpc({
        url: `${protocol === "ws" ? "ws" : "http"}://${yield* origin}/${protocol}`,
        headers
      })
    )
    return Context.get(context, HostedThreads.HostedThreads)
  })

/** Every option that the host decides. */
const protectedOptions: ReadonlyArray<
  { readonly [N in ThreadGateway.ProtectedOption]: Required<Pick<HostedThreads.HostedTurnOptions, N>> }[
    ThreadGateway.ProtectedOption
  ]
> = [
  { additionalContext: {} },
  { approvalMode: "autoReview" },
  { approvalPolicy: "never" },
  { approvalsReviewer: "user" },
  { collaborationMode: null },
  { cwd: "/" },
  { cyberAccessProgram: null },
  { disabledPluginIds: [] },
  { effort: "high" },
  { environments: [] },
  { limits: { tokens: 1 } },
  { model: "other" },
  { multiAgentMode: null },
  { parentTurnId: "other" },
  { permissions: "other" },
  { responsesapiClientMetadata: {} },
  { responsesapiClientMetadataPatch: {} },
  { rootTurnId: "other" },
  { runtimeWorkspaceRoots: ["/"] },
  { sandbox: "fullAccess" },
  { sandboxPolicy: { type: "dangerFullAccess" } },
  { serviceTier: "fast" },
  { serviceTierForTurn: "fast" },
  { turnTrigger: "other" }
]

describe("a gateway", () => {
  layer(host, { excludeTestServices: true })((it) => {
    for (const protocol of ["ws", "http"] as const) {
      it.effect(`passes every request, over ${protocol}`, () =>
        Effect.gen(function*() {
          const threads = yield* connect(protocol)
          yield* everyRequest(threads.thread(`a/${protocol}`))
        }))
    }

    for (const protocol of ["ws", "http"] as const) {
      it.effect(`refuses every request to the threads of others, over ${protocol}`, () =>
        Effect.gen(function*() {
          const { thread } = yield* connect(protocol)
          const foreign = thread("b/x")
          const requests = {
            Run: foreign.run("no"),
            Events: Stream.runDrain(foreign.notifications()),
            Steer: foreign.steer("no"),
            Interrupt: foreign.interrupt(),
            Read: foreign.read(),
            Answer: foreign.answer("1.1", {}),
            Where: foreign.where
          }
          assert.hasAllKeys(requests, [...ThreadRpcs.group.requests.keys()])
          for (const [method, request] of Object.entries(requests)) {
            seen.length = 0
            const error = yield* Effect.flip(Effect.asVoid(request))
            assert.deepInclude(error, { _tag: "ThreadUnavailableError", thread: "b/x", reason: "Refused" })
            assert.deepStrictEqual(seen, [
              { thread: "b/x", method, options: method === "Run" ? {} : undefined, tenant: "a" }
            ])
          }
          assert.strictEqual((yield* askedFor("no")).length, 0)
        }))
    }

    for (const protocol of ["ws", "http"] as const) {
      it.effect(`refuses options that the host decides, over ${protocol}`, () =>
        Effect.gen(function*() {
          const thread = (yield* connect(protocol)).thread(`a/${protocol} options`)
          const text = `refused over ${protocol}`
          for (const options of protectedOptions) {
            seen.length = 0
            const error = yield* Effect.flip(thread.run(text, options))
            const [field = ""] = Object.keys(options)
            assert.deepInclude(error, { _tag: "InvalidInputError", field })
            assert.include(error.message, `add ${JSON.stringify(field)} to \`allow\` of the gateway`)
            assert.deepStrictEqual(seen.map(({ options }) => options), [options])
          }
          for (
            const refused of [
              Effect.asVoid(Effect.flatMap(thread.turn(text, { sandbox: "fullAccess" }), ({ run }) => run)),
              Stream.runDrain(thread.stream(text, { sandbox: "fullAccess" }))
            ]
          ) {
            assert.deepInclude(yield* Effect.flip(refused), { _tag: "InvalidInputError", field: "sandbox" })
          }
          const path = "/etc/passwd"
          const files: ReadonlyArray<Protocol.UserInputInput> = [
            { type: "localImage", path },
            { type: "localAudio", path },
            { type: "mention", name: "x", path },
            { type: "skill", name: "x", path }
          ]
          for (const item of files) {
            for (
              const refused of [thread.run(item), thread.run([{ type: "text", text }, item]), thread.steer([item])]
            ) {
              const error = yield* Effect.flip(refused)
              assert.deepInclude(error, { _tag: "InvalidInputError", field: "input" })
              assert.include(error.message, `add ${JSON.stringify(item.type)} to \`allow\` of the gateway`)
            }
          }
          assert.strictEqual((yield* askedFor(text)).length, 0)
          assert.deepInclude(yield* thread.where, { state: "closed", epoch: 0 })

          const result = yield* thread.run(text, {
            outputSchema: { type: "object", properties: {}, required: [], additionalProperties: false },
            subagents: "leave",
            summary: "none",
            sandbox: undefined
          })
          assert.strictEqual(result.finalResponse, text)
        }))
    }

    it.effect("lets clients set the options that it allows, as far as it authorizes them", () =>
      Effect.gen(function*() {
        const thread = (yield* connect("http/models")).thread("a/models")
        const refused = yield* Effect.flip(thread.run("expensive", { model: "expensive" }))
        assert.deepInclude(refused, { _tag: "ThreadUnavailableError", reason: "Refused" })
        const other = yield* Effect.flip(thread.run("other", { model: "cheap", effort: "high" }))
        assert.deepInclude(other, { _tag: "InvalidInputError", field: "effort" })
        // The gateway lets it pass, so the host looks for the file.
        const missing = yield* Effect.flip(thread.run({ type: "localImage", path: "/nowhere/image.png" }))
        assert.notInclude(missing.message, "gateway")
        yield* thread.run("cheap", { model: "cheap", limits: { tokens: Infinity } })
        const [request] = yield* askedFor("cheap")
        assert.strictEqual(request?.body.model, "cheap")
        assert.strictEqual((yield* askedFor("expensive")).length + (yield* askedFor("other")).length, 0)
      }))

    it.effect("checks the requests of clients that speak the protocol themselves", () =>
      Effect.gen(function*() {
        const client = yield* RpcClient.make(ThreadRpcs.group)
        const headers = { "x-tenant": "a" }
        const send = (options: unknown, thread = "a/raw options") =>
          Effect.flip(client.Run({ thread, turnKey: "k", input: "raw", options, onCutOff: "fail" }, { headers }))
        for (
          const [field, options] of [
            ["whenBusy", { whenBusy: "steer" }],
            ["output", { output: {} }],
            ["clientUserMessageId", { clientUserMessageId: "other" }],
            ["threadId", { threadId: "other" }],
            ["__proto__", JSON.parse(`{ "__proto__": { "sandbox": "fullAccess" } }`)],
            ["toString", { toString: "x" }],
            ["sandbox", { sandbox: null }],
            ["options", "fullAccess"],
            ["options", [{ sandbox: "fullAccess" }]],
            ["options", null]
          ] as const
        ) {
          assert.deepInclude(yield* send(options), { _tag: "InvalidInputError", field })
        }
        assert.deepInclude(yield* send({}, "a/".padEnd(256, "n")), { _tag: "InvalidInputError", field: "thread" })
        assert.strictEqual((yield* askedFor("raw")).length, 0)
      }).pipe(Effect.provide(protocol)))

    it.effect("sends events to a client that speaks the protocol itself", () =>
      Effect.gen(function*() {
        const { thread } = yield* connect("ws")
        yield* thread("a/raw").run("raw input", { turnKey: "raw" })
        const client = yield* RpcClient.make(ThreadRpcs.group)
        const headers = { "x-tenant": "a" }
        const events = yield* client.Events({ thread: "a/raw", from: null, turnKey: "raw" }, { headers }).pipe(
          Stream.map(ThreadRpcs.readEvents),
          Stream.flattenIterable,
          Stream.takeUntil(({ method }) => method === "$turnEnded"),
          Stream.runCollect
        )
        const [here, started] = events
        assert.deepStrictEqual(here?.method === "$here" && here.end, events.at(-1)?.cursor)
        assert.deepInclude(started, { method: "$turnStarted", turnKey: "raw", attempt: 1 })
        assert.strictEqual(
          events.map((event) => event.method === "item/agentMessage/delta" ? event.params.delta : "").join(""),
          "raw input"
        )
      }).pipe(Effect.provide(protocol)))

    it.effect("refuses a client that does not say who it is", () =>
      Effect.gen(function*() {
        const { thread } = yield* connect("ws", {})
        const error = yield* Effect.flip(thread("a/x").where)
        assert.deepInclude(error, { _tag: "ThreadUnavailableError", reason: "Refused" })
      }))

    it.effect("emits all events of a run that is faster than the request for them", () =>
      Effect.gen(function*() {
        const { thread: named } = yield* connect("ws")
        const thread = named("a/late")
        const stream = thread.stream("late", { turnKey: "k" })
        const first = yield* Effect.forkChild(Stream.runCollect(stream))
        const { stream: ofTurn } = yield* Effect.andThen(
          thread.run("late", { turnKey: "k" }),
          thread.turn("late", { turnKey: "k" })
        )
        yield* Deferred.succeed(late, undefined)
        const events = yield* Fiber.join(first)
        assert.deepStrictEqual([events[0]?.method, events.at(-1)?.method], ["$turnStarted", "$turnEnded"])
        assert.deepStrictEqual(yield* Stream.runCollect(ofTurn), events)
        late = Deferred.makeUnsafe<void>()
        const again = yield* Effect.forkChild(Stream.runCollect(stream))
        yield* thread.run("late", { turnKey: "k" })
        yield* thread.run("later")
        yield* Deferred.succeed(late, undefined)
        assert.deepStrictEqual(yield* Fiber.join(again), events)
      }))

    const asks = {
      run: (thread: HostedThreads.HostedThread) => Effect.asVoid(thread.run("left alone", { turnKey: "left" })),
      stream: (thread: HostedThreads.HostedThread) => Stream.runDrain(thread.stream("left alone", { turnKey: "left" })),
      turn: (thread: HostedThreads.HostedThread) =>
        Effect.flatMap(thread.turn("left alone", { turnKey: "left" }), (turn) => Stream.runDrain(turn.stream))
    }
    for (const [name, ask] of Object.entries(asks)) {
      it.effect(`leaves a run alone whose client has gone: ${name}`, () =>
        Effect.gen(function*() {
          const model = yield* ScriptedModel.ScriptedModel
          const before = (yield* askedFor("left alone")).length
          const gate = yield* Gate.make
          yield* model.enqueue(Reply.message({ deltas: ["one ", gate, "two"] }))
          const scope = yield* Scope.make()
          const leaving = yield* Effect.provideService(connect("ws"), Scope.Scope, scope)
          const left = leaving.thread(`a/left ${name}`)
          const asking = yield* Effect.forkChild(Effect.flip(ask(left)))
          const following = yield* Effect.forkChild(Effect.flip(Stream.runDrain(left.notifications())))
          yield* gate.arrived
          yield* Scope.close(scope, Exit.void)
          // Its callers are told, and so is one who comes later.
          for (const told of [Fiber.join(asking), Fiber.join(following), Effect.flip(ask(left))]) {
            const error = yield* told
            assert.deepInclude(error, { _tag: "ThreadUnavailableError", reason: "Unreachable" })
          }
          yield* gate.open
          const threads = yield* connect("ws")
          const result = yield* threads.thread(`a/left ${name}`).run("left alone", { turnKey: "left" })
          assert.strictEqual(result.finalResponse, "one two")
          assert.strictEqual((yield* askedFor("left alone")).length, before + 1)
        }))
    }
  })
})
