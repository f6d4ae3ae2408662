import { FakeAppServer, Fixture, Gate } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex, type CodexClient, Router, ServerRequests, Transport } from "effect-codex"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { collecting, idle, inBackground, scenario } from "./scenario.ts"

const place = { threadId: "thread-1", turnId: "turn-1", itemId: "item-1", startedAtMs: 0 }

/** Parameters for every method with which the server asks. */
const params: { readonly [M in ServerRequests.Method]: ServerRequests.Params<M> } = {
  "item/commandExecution/requestApproval": { ...place, command: "rm -rf /", cwd: "/", reason: "why not" },
  "item/fileChange/requestApproval": { ...place, reason: null, grantRoot: null },
  "item/permissions/requestApproval": { ...place, cwd: "/", reason: null, permissions: { network: { enabled: true } } },
  "item/tool/requestUserInput": { ...place, questions: [] },
  "mcpServer/elicitation/request": {
    mode: "form",
    threadId: "thread-1",
    turnId: null,
    serverName: "mail",
    message: "Who are you?",
    requestedSchema: { type: "object", properties: {} },
    _meta: null
  },
  "item/tool/call": { ...place, callId: "call-1", namespace: null, tool: "lookup", arguments: { key: "answer" } },
  "account/chatgptAuthTokens/refresh": { reason: "unauthorized", previousAccountId: null },
  "attestation/generate": {},
  "currentTime/read": { threadId: "thread-1" },
  applyPatchApproval: { conversationId: "thread-1", callId: "call-1", fileChanges: {}, reason: null, grantRoot: null },
  execCommandApproval: {
    conversationId: "thread-1",
    callId: "call-1",
    approvalId: null,
    command: ["rm", "-rf", "/"],
    cwd: "/",
    reason: null,
    parsedCmd: []
  }
}

const approval = "item/commandExecution/requestApproval"

/** A handler that waits until it is interrupted, and lets the test see both. */
const hanging = Effect.map(
  Effect.all([Deferred.make<ServerRequests.RequestContext>(), Deferred.make<void>()]),
  ([called, interrupted]) => ({
    handler: (_: unknown, context: ServerRequests.RequestContext) =>
      Deferred.succeed(called, context).pipe(
        Effect.andThen(Effect.never),
        Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
      ),
    called: Deferred.await(called),
    interrupted: Deferred.await(interrupted)
  })
)

/** The ids that were answered. */
const answeredIds = (server: FakeAppServer.Service) =>
  Effect.map(
    server.received,
    (messages) => messages.flatMap(({ id, method }) => method === undefined && id !== undefined ? [id] : [])
  )

type Served = Codex.Codex | CodexClient.CodexClient | Router.Router | FakeAppServer.FakeAppServer

/** A test of a client with these handlers. The server has a thread that no handle was made for. */
const withHandlers = <E>(
  serverRequests: ServerRequests.ServerRequestHandlers,
  run: Effect.Effect<void, E, Served | Scope.Scope>
) =>
  Effect.scoped(run).pipe(
    Effect.andThen(idle),
    Effect.provide(FakeAppServer.layerCodex({ threads: ["thread-1", "another"], client: { serverRequests } }))
  )

/** Asks, and expects the answer to a handler that broke. */
const askedInVain = (id: string) =>
  Effect.gen(function*() {
    const server = yield* FakeAppServer.FakeAppServer
    yield* Effect.exit(server.ask(approval, params[approval], { id }))
    assert.deepStrictEqual(yield* server.awaitMessage((message) => message["id"] === id), {
      id,
      error: { code: -32603, message: "The client's handler failed" }
    })
  })

describe("without handlers, the server is answered", () => {
  const answers: { readonly [M in ServerRequests.Method]: unknown } = {
    "item/commandExecution/requestApproval": { decision: "decline" },
    "item/fileChange/requestApproval": { decision: "decline" },
    "item/permissions/requestApproval": { permissions: {}, scope: "turn" },
    "item/tool/requestUserInput": { answers: {} },
    "mcpServer/elicitation/request": { action: "decline", content: null, _meta: null },
    "item/tool/call": {
      success: false,
      contentItems: [{ type: "inputText", text: "No handler is registered for the tool lookup." }]
    },
    "account/chatgptAuthTokens/refresh": { code: -32603, message: "This client does not manage ChatGPT tokens." },
    "attestation/generate": { code: -32603, message: "This client does not generate attestations." },
    "currentTime/read": { currentTimeAt: 0 },
    applyPatchApproval: { decision: { denied: { rejection: "Declined by the client." } } },
    execCommandApproval: { decision: { denied: { rejection: "Declined by the client." } } }
  }
  for (const method of Object.keys(params) as ReadonlyArray<ServerRequests.Method>) {
    scenario(method, () =>
      Effect.gen(function*() {
        const server = yield* FakeAppServer.FakeAppServer
        const exit = yield* Effect.exit(server.ask(method, FakeAppServer.verbatim(params[method]), { id: "q-1" }))
        const expected = answers[method]
        const answer = yield* server.awaitMessage(({ id }) => id === "q-1")
        assert.deepStrictEqual(
          answer,
          Exit.isSuccess(exit) ? { id: "q-1", result: expected } : { id: "q-1", error: expected }
        )
      }))
  }

  scenario("-32601 to a method that is not known, -32602 to parameters that do not fit", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const unknown = yield* Effect.flip(server.ask("future/question", { secret: true }))
      assert.deepInclude(unknown, { code: -32601, message: "This client does not know the method future/question" })
      for (const bad of [{}, null, undefined, [], { ...params[approval], threadId: 7 }]) {
        const invalid = yield* Effect.flip(server.ask(approval, FakeAppServer.verbatim(bad)))
        assert.isTrue(invalid._tag === "RpcError" && invalid.code === -32602)
        assert.match(invalid.message, /^Invalid params: (Missing key at \["\w+"\]|Expected .*)$/)
      }
    }))
})

describe("a handler", () => {
  it.effect("is given the parameters and the context; its answer is sent with the id as it came", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      yield* withHandlers(
        {
          [approval]: (params, context) =>
            Effect.sync(() => {
              seen.push([params.command, context])
              return { decision: "accept" as const }
            })
        },
        Effect.gen(function*() {
          const server = yield* FakeAppServer.FakeAppServer
          for (const id of [0, 7, "a text"]) {
            assert.deepStrictEqual(yield* server.ask(approval, params[approval], { id }), { decision: "accept" })
            yield* server.awaitMessage((message) => message["id"] === id && message["method"] === undefined)
          }
          assert.deepStrictEqual(seen[2], ["rm -rf /", {
            method: approval,
            requestId: "a text",
            threadId: "thread-1",
            turnId: "turn-1"
          }])
        })
      )
    }))

  /** Arrays in each other. */
  const nested = (depth: number): unknown => depth === 0 ? "deep" : [nested(depth - 1)]

  it.effect("that dies is answered with an error, though the logger dies of that", () =>
    withHandlers(
      { [approval]: () => Effect.die("oh no") },
      Effect.gen(function*() {
        const server = yield* FakeAppServer.FakeAppServer
        const error = yield* Effect.flip(server.ask(approval, params[approval]))
        assert.deepInclude(error, { code: -32603 })
      })
    ).pipe(
      Effect.provide(Logger.layer([
        Logger.make(() => {
          throw new Error("the disk is full")
        })
      ]))
    ))

  it.effect("that fails, dies, throws, or returns a value without a JSON form, is answered with an error", () =>
    Effect.gen(function*() {
      const circular: Record<string, unknown> = {}
      circular["self"] = circular
      const table: ReadonlyArray<
        readonly [handler: ServerRequests.Handler<typeof approval>, code: number, message: string, data?: unknown]
      > = [
        [
          () => Effect.fail(new ServerRequests.ServerRequestError({ message: "nobody is home" })),
          -32603,
          "nobody is home"
        ],
        [
          () => Effect.fail(new ServerRequests.ServerRequestError({ message: "no", code: -1, data: { a: 1 } })),
          -1,
          "no",
          { a: 1 }
        ],
        [
          () => Effect.fail(new ServerRequests.ServerRequestError({ message: "no", data: circular })),
          -32603,
          "no"
        ],
        [() => Effect.die(new Error("secret")), -32603, "The client's handler failed"],
        [
          () => {
            throw new Error("secret")
          },
          -32603,
          "The client's handler failed"
        ],
        ...[circular, () => 1, { toJSON: () => undefined }, 1n, nested(200)].map((answer) =>
          [() => Effect.succeed(answer as never), -32603, "The client's answer can't be sent as JSON"] as const
        ),
        [() => Effect.interrupt, -32603, "The client's handler failed"],
        [() => undefined as never, -32603, "The client's handler failed"]
      ]
      for (const [handler, code, message, data] of table) {
        yield* withHandlers(
          { [approval]: handler },
          Effect.gen(function*() {
            const server = yield* FakeAppServer.FakeAppServer
            yield* Effect.exit(server.ask(approval, params[approval], { id: "q" }))
            assert.deepStrictEqual(yield* server.awaitMessage(({ id }) => id === "q"), {
              id: "q",
              error: { code, message, ...(data === undefined ? {} : { data }) }
            })
          })
        )
      }
    }))

  it.effect("that is no Effect, or fails with no error, is answered and logged with the reason", () =>
    Effect.suspend(() => {
      const logged: Array<string> = []
      const logger = Logger.make(({ cause, message }) => {
        logged.push(`${message} ${Cause.pretty(cause)}`)
      })
      return Effect.gen(function*() {
        const promise = "returned a Promise: it must return an Effect"
        const table: ReadonlyArray<readonly [handler: () => unknown, log: string]> = [
          [async () => ({ decision: "accept" }), promise],
          // A rejection that nobody looked at would end the program.
          [() => Promise.reject(new Error("too late")), promise],
          [() => ({ decision: "accept" }), "must return an Effect, but returned object"],
          [() => undefined, "must return an Effect, but returned undefined"],
          [() => Effect.fail(null), "failed with something other than a ServerRequestError"],
          [() => Effect.fail(undefined), "The handler of"],
          [() => Effect.fail("secret"), "failed with something other than a ServerRequestError"]
        ]
        for (const [handler, log] of table) {
          const handlers = { [approval]: handler } as ServerRequests.ServerRequestHandlers
          // The client's handlers, and a thread's.
          yield* withHandlers(handlers, askedInVain("client"))
          yield* withHandlers(
            {},
            Effect.gen(function*() {
              const codex = yield* Codex.Codex
              yield* codex.threadStart({ serverRequests: handlers })
              yield* askedInVain("thread")
            })
          )
          assert.strictEqual(logged.length, 2, log)
          for (const line of logged.splice(0)) {
            assert.match(line, /^The handler of item\/commandExecution\/requestApproval/)
            assert.include(line, log)
          }
        }
      }).pipe(Effect.provide(Logger.layer([logger])))
    }))

  it.effect("that never ends does not block anything else", () =>
    Effect.gen(function*() {
      const slow = yield* hanging
      yield* withHandlers(
        { [approval]: slow.handler },
        Effect.gen(function*() {
          const server = yield* FakeAppServer.FakeAppServer
          const codex = yield* Codex.Codex
          const asking = yield* inBackground(server.ask(approval, { ...params[approval], turnId: "another" }))
          yield* slow.called
          const events = yield* collecting(codex.notifications, 1)
          yield* server.notify("warning", { threadId: null, message: "still here" })
          yield* Fiber.join(events)
          const thread = yield* codex.threadStart()
          assert.strictEqual((yield* thread.run("go")).status, "completed")
          assert.deepStrictEqual(
            yield* server.ask("item/tool/requestUserInput", params["item/tool/requestUserInput"]),
            {
              answers: {}
            }
          )
          yield* Fiber.interrupt(asking)
          yield* slow.interrupted
        })
      )
    }))

  it.effect("is interrupted when the server needs no answer any more, and then sends none", () =>
    Effect.gen(function*() {
      const slow = yield* hanging
      yield* withHandlers(
        { [approval]: slow.handler },
        Effect.gen(function*() {
          const server = yield* FakeAppServer.FakeAppServer
          const asking = yield* inBackground(server.ask(approval, params[approval]))
          yield* slow.called
          yield* Fiber.interrupt(asking)
          yield* slow.interrupted
          assert.deepStrictEqual(yield* answeredIds(server), [])
        })
      )
    }))

  it.effect("that can't be interrupted sends no unneeded answer", () =>
    Effect.gen(function*() {
      const called = yield* Gate.make
      yield* withHandlers(
        { [approval]: () => Effect.uninterruptible(Effect.as(called.pass, { decision: "accept" as const })) },
        Effect.gen(function*() {
          const server = yield* FakeAppServer.FakeAppServer
          const asking = yield* inBackground(server.ask(approval, params[approval]))
          yield* called.arrived
          yield* Fiber.interrupt(asking)
          yield* server.ask("attestation/generate", {}).pipe(Effect.flip)
          yield* called.open
          yield* server.ask("attestation/generate", {}, { id: "last" }).pipe(Effect.flip)
          assert.deepStrictEqual(yield* answeredIds(server), [1, "last"])
        })
      )
    }))

  for (const claimed of [true, false]) {
    it.effect(`is interrupted by the end of its turn${claimed ? "" : ", though nobody here has started that"}`, () =>
      Effect.gen(function*() {
        const slow = yield* hanging
        yield* withHandlers(
          { [approval]: slow.handler },
          Effect.gen(function*() {
            const server = yield* FakeAppServer.FakeAppServer
            const thread = yield* (yield* Codex.Codex).threadStart()
            const gate = yield* Gate.make
            yield* server.enqueue([gate, "done"])
            const turn = claimed ? yield* thread.turn("go") : { id: "another" }
            yield* inBackground(server.ask(approval, { ...params[approval], threadId: thread.id, turnId: turn.id }))
            assert.strictEqual((yield* slow.called).turnId, turn.id)
            if (claimed) yield* gate.open
            else yield* server.notifyAll([Fixture.turnCompleted(thread.id, turn.id)])
            yield* slow.interrupted
            assert.deepStrictEqual(yield* answeredIds(server), [])
          })
        )
      }))
  }

  it.effect("is interrupted when the connection is lost", () =>
    Effect.gen(function*() {
      const slow = yield* hanging
      yield* withHandlers(
        { "attestation/generate": slow.handler },
        Effect.gen(function*() {
          const server = yield* FakeAppServer.FakeAppServer
          yield* inBackground(Effect.flip(server.ask("attestation/generate", {})))
          yield* slow.called
          yield* server.crash()
          yield* slow.interrupted
        })
      )
    }))

  it.effect("is interrupted by the end of the scope, which waits for it; also when an id was used twice", () =>
    Effect.gen(function*() {
      const called = [yield* Gate.make, yield* Gate.make] as const
      const ended: Array<number> = []
      let count = 0
      const scope = yield* Scope.make()
      const services = yield* Layer.buildWithScope(
        FakeAppServer.layerCodex({
          client: {
            serverRequests: {
              "attestation/generate": () => {
                const index = count++
                return called[index]!.pass.pipe(
                  Effect.onInterrupt(() => Effect.andThen(Effect.yieldNow, Effect.sync(() => ended.push(index)))),
                  Effect.as({ token: "token" })
                )
              }
            }
          }
        }),
        scope
      )
      const server = Context.get(services, FakeAppServer.FakeAppServer)
      yield* server.write(`{"id":"same","method":"attestation/generate","params":{}}\n`)
      yield* called[0].arrived
      yield* server.write(`{"id":"same","method":"attestation/generate","params":{}}\n`)
      yield* called[1].arrived
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(ended, [0, 1])
    }))

  it.effect("may close the scope itself: everything is closed, and it is interrupted", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const below = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      yield* Scope.addFinalizer(scope, Deferred.succeed(below, undefined))
      const services = yield* Layer.buildWithScope(
        FakeAppServer.layerCodex({
          client: {
            serverRequests: {
              "attestation/generate": () =>
                Scope.close(scope, Exit.void).pipe(
                  Effect.as({ token: "token" }),
                  Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
                )
            }
          }
        }),
        scope
      )
      yield* Context.get(services, FakeAppServer.FakeAppServer).write(
        `{"id":1,"method":"attestation/generate","params":{}}\n`
      )
      yield* Deferred.await(below)
      yield* Deferred.await(interrupted)
    }))

  scenario(
    "of a thread is for as long as the thread is loaded, and of none if it could not be",
    () =>
      Effect.gen(function*() {
        const server = yield* FakeAppServer.FakeAppServer
        const codex = yield* Codex.Codex
        const serverRequests = ServerRequests.make({ [approval]: () => Effect.succeed({ decision: "accept" }) })
        const refusal = new FakeAppServer.RpcError({ code: -32600, message: "no" })
        const ask = (threadId: string) => server.ask(approval, { ...place, threadId })
        for (const method of ["thread/archived", "thread/closed", "thread/deleted"] as const) {
          const { id } = yield* codex.threadResume("stored", { serverRequests })
          assert.deepStrictEqual(yield* ask(id), { decision: "accept" })
          yield* Effect.flip(codex.threadResume("unknown", { serverRequests }))
          assert.deepStrictEqual(yield* ask("unknown"), { decision: "decline" })
          yield* server.on("thread/resume", () => Effect.fail(refusal))
          yield* Effect.flip(codex.threadResume(id, { serverRequests: ServerRequests.declineAll }))
          yield* server.on("thread/resume", (_, { byDefault }) => byDefault)
          assert.deepStrictEqual(yield* ask(id), { decision: "accept" })
          yield* server.notify(method, { threadId: id })
          assert.deepStrictEqual(yield* ask(id), { decision: "decline" })
        }
      }),
    { threads: ["stored"] }
  )

  scenario(
    "of a thread answers again when a handle loads the thread again that was closed, or its source was",
    () =>
      Effect.gen(function*() {
        const server = yield* FakeAppServer.FakeAppServer
        const codex = yield* Codex.Codex
        const router = yield* Router.Router
        const source = yield* codex.threadStart({ serverRequests: ServerRequests.declineAll })
        const fork = yield* codex.threadFork(source.id)
        yield* server.on("thread/unsubscribe", () => ({ status: "unsubscribed" }))
        for (const { id } of [source, fork]) {
          yield* codex.client.request("thread/unsubscribe", { threadId: id })
          yield* server.notify("thread/closed", { threadId: id })
        }
        assert.strictEqual(yield* ask(fork.id), "accept")
        assert.strictEqual(router.stats().threads, 1)
        yield* fork.run("go")
        assert.strictEqual(yield* ask(fork.id), "decline")
      }),
    { client: { serverRequests: ServerRequests.acceptAll } }
  )

  it.effect("of a thread answers for that thread, and leaves the rest to those of the client", () =>
    withHandlers(
      {
        [approval]: () => Effect.succeed({ decision: "cancel" }),
        "item/fileChange/requestApproval": () => Effect.succeed({ decision: "cancel" })
      },
      Effect.gen(function*() {
        const server = yield* FakeAppServer.FakeAppServer
        const codex = yield* Codex.Codex
        const thread = yield* codex.threadStart({
          serverRequests: {
            [approval]: () => Effect.succeed({ decision: "accept" }),
            execCommandApproval: () => Effect.succeed({ decision: "approved" })
          }
        })
        const ask = (method: typeof approval | "item/fileChange/requestApproval", threadId: string) =>
          server.ask(method, { ...place, threadId })
        assert.deepStrictEqual(yield* ask(approval, thread.id), { decision: "accept" })
        assert.deepStrictEqual(yield* ask(approval, "another"), { decision: "cancel" })
        assert.deepStrictEqual(yield* ask("item/fileChange/requestApproval", thread.id), { decision: "cancel" })
        // It names its thread in another way.
        const legacy = { ...params.execCommandApproval, conversationId: thread.id }
        assert.deepStrictEqual(yield* server.ask("execCommandApproval", legacy), { decision: "approved" })
        assert.notProperty((yield* server.awaitRequest("thread/start")).message["params"], "serverRequests")
      })
    ))

  it.effect("has the services that the layer, or threadStart, is given", () =>
    Effect.gen(function*() {
      class Judge extends Context.Service<Judge, { readonly verdict: "accept" | "decline" | "cancel" }>()("Judge") {}
      const asking = { [approval]: () => Effect.map(Judge, ({ verdict: decision }) => ({ decision })) }
      yield* Effect.gen(function*() {
        const server = yield* FakeAppServer.FakeAppServer
        const thread = yield* (yield* Codex.Codex).threadStart({ serverRequests: asking }).pipe(
          Effect.provideService(Judge, { verdict: "accept" })
        )
        assert.deepStrictEqual(yield* server.ask(approval, { ...params[approval], threadId: "another" }), {
          decision: "cancel"
        })
        assert.deepStrictEqual(yield* server.ask(approval, { ...params[approval], threadId: thread.id }), {
          decision: "accept"
        })
      }).pipe(
        Effect.provide(
          FakeAppServer.layerCodex({ threads: ["another"], client: { serverRequests: asking } }).pipe(
            Layer.provide(Layer.succeed(Judge, { verdict: "cancel" as const }))
          )
        )
      )
    }))
})

/** Asks for a command on a thread; the answer. */
const ask = (threadId: string) =>
  Effect.map(
    FakeAppServer.FakeAppServer.use((server) => server.ask(approval, { ...place, threadId })),
    ({ decision }) => decision
  )

/** A client in memory that accepts, on a server with these threads below each other. */
const accepting = (parents: Readonly<Record<string, string>>, options: { readonly logs?: Array<string> } = {}) => ({
  ...options,
  threads: ["root", "root-of-another"],
  client: { serverRequests: ServerRequests.acceptAll },
  handlers: {
    "thread/read": ({ threadId }: { readonly threadId: string }, { byDefault }: FakeAppServer.Request<"thread/read">) =>
      threadId in parents
        ? Effect.succeed({ thread: Fixture.thread({ id: threadId, parentThreadId: parents[threadId]! }) })
        : byDefault
  }
})

/** The threads that were looked up. */
const lookUps = Effect.map(
  Effect.flatMap(FakeAppServer.FakeAppServer, (server) => server.requests),
  (requests) =>
    requests.flatMap(({ method, params }) =>
      method === "thread/read" && Predicate.hasProperty(params, "threadId") ? [params.threadId] : []
    )
)

describe("a thread of unknown parent", () => {
  const logs: Array<string> = []
  scenario(
    "is looked up, once and up to the top: the handlers of the nearest thread above answer",
    () =>
      Effect.gen(function*() {
        const codex = yield* Codex.Codex
        const { id } = yield* codex.threadResume("root", { serverRequests: ServerRequests.declineAll })
        const answers = yield* Effect.all([ask("grandchild"), ask("grandchild"), ask("child")], {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(answers, ["decline", "decline", "decline"])
        assert.deepStrictEqual(yield* lookUps, ["grandchild", "child"])
        assert.strictEqual(yield* ask("stranger"), "accept")
        assert.strictEqual(codex.thread("child").parentThreadId, id)
      }),
    accepting({ child: "root", grandchild: "child", stranger: "elsewhere", elsewhere: "root-of-another" })
  )

  scenario("is declined if the look-up fails or takes too long, and this is logged", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      assert.strictEqual(yield* ask("unknown\u001b[2J"), "decline")
      assert.isTrue(logs.every((line) => !line.includes("\u001b")))
      yield* server.on("thread/read", () => Effect.never)
      const asking = yield* inBackground(ask("silent"))
      yield* server.awaitRequest("thread/read", 1)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(asking), "decline")
      assert.strictEqual(logs.filter((line) => line.startsWith("Warn Declined")).length, 2)
    }), accepting({}, { logs }))

  scenario("without a parent is answered by the client's handlers", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* ask("root"), "accept")
    }), accepting({}))

  const circular: Array<string> = []
  scenario("is declined if the threads above lead back to it, and this is logged", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* ask("one"), "decline")
      assert.strictEqual(yield* ask("below"), "decline")
      assert.strictEqual(yield* ask("itself"), "decline")
      assert.strictEqual(circular.filter((line) => line.startsWith("Warn Declined")).length, 3)
    }), accepting({ one: "two", two: "one", below: "one", itself: "itself" }, { logs: circular }))
})

describe("on a shared server", () => {
  const logs: Array<string> = []
  it.effect("only threads of this client, and those that derive from them, are answered; other requests get no answer", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const codex = yield* Codex.Codex
      yield* codex.threadResume("root")
      assert.strictEqual(yield* ask("child"), "accept")
      for (const [stranger, last] of [["unknown", "unknown"], ["foreign", "foreign"], ["one", "two"]] as const) {
        const asking = yield* inBackground(ask(stranger))
        yield* server.awaitMessage(({ method, params }) =>
          method === "thread/read" && Predicate.hasProperty(params, "threadId") && params.threadId === last
        )
        // Later requests are answered.
        assert.strictEqual(yield* ask("child"), "accept")
        yield* Fiber.interrupt(asking)
      }
      assert.strictEqual((yield* answeredIds(server)).length, 4)
      assert.strictEqual(logs.filter((line) => line.startsWith("Info Left")).length, 3)
    }).pipe(
      Effect.provide(
        Codex.layerTransport({ serverRequests: ServerRequests.acceptAll }).pipe(
          Layer.provide(Layer.effect(
            Transport.Transport,
            Effect.map(Transport.Transport, ({ connect }) => ({
              connect: Effect.map(connect, (connection) => ({ ...connection, isShared: true }))
            }))
          )),
          Layer.provideMerge(FakeAppServer.layer({
            threads: ["root", "foreign"],
            handlers: accepting({ child: "root", one: "two", two: "one" }).handlers
          })),
          Layer.provideMerge(Logger.layer([
            Logger.make(({ logLevel, message }) =>
              void logs.push(`${logLevel} ${[message].flat().map(String).join(" ")}`)
            )
          ]))
        )
      )
    ))
})
