/** A person in the loop: the inbox that `ServerRequests.inbox` makes. */
import { FakeAppServer } from "@effect-codex/testing"
import { assert, describe } from "@effect/vitest"
import { Codex, ServerRequests } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { alive, collectGarbage } from "./gc.ts"
import { inBackground, scenario } from "./scenario.ts"

const command = (command: string, threadId: string, turnId = "turn") => ({
  itemId: "item",
  startedAtMs: 0,
  command,
  threadId,
  turnId
})

const method = "item/commandExecution/requestApproval"

/** An inbox in a scope of its own, for a thread of its own. */
const setup = Effect.gen(function*() {
  const server = yield* FakeAppServer.FakeAppServer
  const codex = yield* Codex.Codex
  const scope = yield* Scope.make()
  const inbox = yield* Scope.provide(ServerRequests.inbox(), scope)
  const thread = yield* codex.threadStart({ serverRequests: inbox.handlers })
  /** Asks for a command, and is in the inbox when this succeeds. */
  const ask = (cmd: string, turnId?: string) =>
    Effect.gen(function*() {
      const answer = yield* inBackground(server.ask(method, command(cmd, thread.id, turnId)))
      yield* inbox.requests.pipe(Stream.filter((request) => commandOf(request) === cmd), Stream.runHead)
      return answer
    })
  return { server, codex, thread, inbox, ask, close: Scope.close(scope, Exit.void) }
})

const commandOf = (request: ServerRequests.Pending): unknown =>
  request.method === method ? request.params.command : undefined

const commandsOf = (requests: ReadonlyArray<ServerRequests.Pending>) => requests.map(commandOf)

const collect = (inbox: ServerRequests.Inbox<ServerRequests.InteractiveMethod>, count: number) =>
  inbox.requests.pipe(Stream.take(count), Stream.runCollect)

/** Says yes to every command. */
const accept = (request: ServerRequests.Pending): Effect.Effect<boolean> =>
  request.method === method ? request.respond({ decision: "accept" }) : Effect.die("not a command")

describe("requests", () => {
  scenario("begin with those that wait, and go on with each new one", () =>
    Effect.gen(function*() {
      const { ask, inbox } = yield* setup
      const one = yield* ask("one")
      const two = yield* ask("two")
      const consumer = yield* inBackground(collect(inbox, 3))
      const three = yield* ask("three")
      assert.deepStrictEqual(commandsOf(yield* Fiber.join(consumer)), ["one", "two", "three"])
      assert.deepStrictEqual(commandsOf(yield* inbox.pending), ["one", "two", "three"])
      yield* Effect.forEach(yield* inbox.pending, accept)
      for (const answer of [one, two, three]) {
        assert.deepStrictEqual(yield* Fiber.join(answer), { decision: "accept" })
      }
      assert.deepStrictEqual(yield* inbox.pending, [])
    }))

  scenario(
    "reach every consumer; the first answer counts, and the others hear that theirs came late",
    () =>
      Effect.gen(function*() {
        const { ask, inbox } = yield* setup
        const consumers = [yield* inBackground(collect(inbox, 1)), yield* inBackground(collect(inbox, 1))]
        const answer = yield* ask("one")
        const [[first], [second]] = yield* Effect.all([Fiber.join(consumers[0]!), Fiber.join(consumers[1]!)])
        assert.strictEqual(first, second)
        assert(first!.method === method)
        assert.isTrue(yield* first!.respond({ decision: "decline" }))
        assert.isFalse(yield* first!.respond({ decision: "accept" }))
        assert.isFalse(yield* first!.fail("no"))
        assert.deepStrictEqual(yield* Fiber.join(answer), { decision: "decline" })
      })
  )

  scenario("can be refused with a message", () =>
    Effect.gen(function*() {
      const { ask, inbox } = yield* setup
      const answer = yield* ask("one")
      const [request] = yield* inbox.pending
      assert.isTrue(yield* request!.fail("nobody is at home"))
      const error = yield* Effect.flip(Fiber.join(answer))
      assert(error._tag === "RpcError")
      assert.deepStrictEqual([error.code, error.message], [-32603, "nobody is at home"])
    }))

  scenario("are all that a person can answer; the rest is not taken", () =>
    Effect.gen(function*() {
      const { inbox, server, thread } = yield* setup
      const at = { threadId: thread.id, turnId: "turn", itemId: "item", startedAtMs: 0 }
      const where = { conversationId: thread.id, callId: "call" }
      const asked = yield* Effect.forEach(
        [
          server.ask("item/fileChange/requestApproval", at),
          server.ask("item/permissions/requestApproval", { ...at, cwd: "/", permissions: {} }),
          server.ask("item/tool/requestUserInput", { ...at, questions: [] }),
          server.ask("mcpServer/elicitation/request", {
            threadId: thread.id,
            serverName: "server",
            mode: "url",
            url: "https://example.com",
            elicitationId: "1",
            message: "Look."
          }),
          server.ask("applyPatchApproval", { ...where, fileChanges: {} }),
          server.ask("execCommandApproval", { ...where, command: ["ls"], cwd: "/", parsedCmd: [] })
        ] as ReadonlyArray<Effect.Effect<unknown, unknown>>,
        inBackground
      )
      const requests = yield* collect(inbox, 6)
      for (const request of requests) {
        switch (request.method) {
          case "item/fileChange/requestApproval":
            yield* request.respond({ decision: "acceptForSession" })
            break
          case "item/permissions/requestApproval":
            yield* request.respond({ permissions: { network: { enabled: true } }, scope: "turn" })
            break
          case "item/tool/requestUserInput":
            yield* request.respond({ answers: { q: { answers: ["a"] } } })
            break
          case "mcpServer/elicitation/request":
            yield* request.respond({ action: "accept" })
            break
          case "applyPatchApproval":
          case "execCommandApproval":
            yield* request.respond({ decision: "approved" })
            break
          case "item/commandExecution/requestApproval":
            assert.fail("nobody asked for a command")
        }
      }
      assert.deepStrictEqual(yield* Effect.forEach(asked, Fiber.join), [
        { decision: "acceptForSession" },
        { permissions: { network: { enabled: true } }, scope: "turn" },
        { answers: { q: { answers: ["a"] } } },
        { action: "accept" },
        { decision: "approved" },
        { decision: "approved" }
      ])
      const tool = yield* server.ask("item/tool/call", { ...at, callId: "call", tool: "add", arguments: {} })
      assert.isFalse(tool.success)
      assert.isAbove((yield* server.ask("currentTime/read", { threadId: thread.id })).currentTimeAt, -1)
    }))

  scenario("are of the methods that were asked for", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const codex = yield* Codex.Codex
      const inbox = yield* ServerRequests.inbox(["item/tool/call"])
      const thread = yield* codex.threadStart({ serverRequests: inbox.handlers })
      const at = { threadId: thread.id, turnId: "turn", callId: "call" }
      assert.deepStrictEqual(yield* server.ask(method, command("ls", thread.id)), { decision: "decline" })
      const answer = yield* inBackground(server.ask("item/tool/call", { ...at, tool: "add", arguments: {} }))
      const [request] = yield* inbox.requests.pipe(Stream.take(1), Stream.runCollect)
      assert.strictEqual(request!.params.tool, "add")
      const response = { success: true, contentItems: [] }
      yield* request!.respond(response)
      assert.deepStrictEqual(yield* Fiber.join(answer), response)
    }))
})

describe("a request that needs no answer any more leaves", () => {
  scenario("when the server withdraws it", () =>
    Effect.gen(function*() {
      const { ask, inbox, server, thread } = yield* setup
      const asking = yield* ask("one")
      const [request] = yield* inbox.pending
      yield* Fiber.interrupt(asking)
      yield* request!.closed
      assert.deepStrictEqual(yield* inbox.pending, [])
      assert.isFalse(yield* accept(request!))
      // Nothing is sent for it: the next answer is the first.
      yield* server.ask("currentTime/read", { threadId: thread.id })
      const answers = (yield* server.received).filter((message) => "result" in message || "error" in message)
      assert.strictEqual(answers.length, 1)
    }))

  scenario("before a slow consumer gets to it", () =>
    Effect.gen(function*() {
      const { ask, inbox } = yield* setup
      const busy = yield* Deferred.make<void>()
      const consumer = yield* inBackground(
        inbox.requests.pipe(
          Stream.tap((request) => commandOf(request) === "one" ? Deferred.await(busy) : Effect.void),
          Stream.take(2),
          Stream.runCollect
        )
      )
      yield* ask("one")
      const two = yield* ask("two")
      yield* ask("three")
      const [, withdrawn] = yield* inbox.pending
      yield* Fiber.interrupt(two)
      yield* withdrawn!.closed
      yield* Deferred.succeed(busy, void 0)
      assert.deepStrictEqual(commandsOf(yield* Fiber.join(consumer)), ["one", "three"])
    }))

  scenario("when its turn ends", () =>
    Effect.gen(function*() {
      const { ask, inbox, server, thread } = yield* setup
      yield* ask("one", "turn-1")
      const [request] = yield* inbox.pending
      const turn = { id: "turn-1", items: [], status: "interrupted" }
      yield* server.notify("turn/completed", { threadId: thread.id, turn })
      yield* request!.closed
      assert.deepStrictEqual(yield* inbox.pending, [])
    }))

  scenario("when the connection is lost", () =>
    Effect.gen(function*() {
      const { ask, inbox, server } = yield* setup
      const answer = yield* ask("one")
      const [request] = yield* inbox.pending
      yield* server.crash()
      yield* request!.closed
      assert.deepStrictEqual(yield* inbox.pending, [])
      assert.isFalse(yield* accept(request!))
      yield* Effect.exit(Fiber.join(answer))
    }))
})

describe("a consumer that leaves", () => {
  scenario("keeps no later request, wherever it was", () =>
    Effect.gen(function*() {
      const { ask, inbox } = yield* setup
      yield* ask("one")
      yield* collect(inbox, 1)
      const refs: Array<WeakRef<object>> = []
      const accepted = Effect.gen(function*() {
        const two = yield* ask("two")
        const [, request] = yield* inbox.pending
        refs.push(new WeakRef(request!))
        yield* accept(request!)
        yield* Fiber.join(two)
      })
      yield* accepted
      yield* collectGarbage
      assert.strictEqual(alive(refs), 0)
    }))
})

describe("when the scope closes", () => {
  scenario(
    "what nobody has answered is declined, the streams end, and what comes later is declined",
    () =>
      Effect.gen(function*() {
        const { ask, close, inbox, server, thread } = yield* setup
        const consumer = yield* inBackground(Stream.runCollect(inbox.requests))
        const one = yield* ask("one")
        const two = yield* ask("two")
        const [first, second] = yield* inbox.pending
        yield* accept(first!)
        yield* close
        assert.deepStrictEqual(yield* Fiber.join(one), { decision: "accept" })
        assert.deepStrictEqual(yield* Fiber.join(two), { decision: "decline" })
        yield* second!.closed
        assert.isFalse(yield* accept(second!))
        assert.deepStrictEqual(commandsOf(yield* Fiber.join(consumer)), ["one", "two"])
        assert.deepStrictEqual(yield* server.ask(method, command("three", thread.id)), { decision: "decline" })
        assert.deepStrictEqual(yield* Stream.runCollect(inbox.requests), [])
      })
  )
})
