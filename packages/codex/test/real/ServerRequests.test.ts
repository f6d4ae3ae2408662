import { CodexHome, Gate, Item, Reply, TestCodex } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { ServerRequests } from "effect-codex"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { idle, setup } from "./utils.ts"

const asking = (home?: Parameters<typeof CodexHome.layer>[0], client?: TestCodex.Options["client"]) =>
  Effect.provide(
    TestCodex.layer({ home: { approvalPolicy: "on-request", ...home }, ...(client === undefined ? {} : { client }) })
  )

/** The model wants to run a command outside of the sandbox. */
const escalate = (cmd: string) =>
  Reply.functionCall({
    name: "exec_command",
    arguments: { cmd, sandbox_permissions: "require_escalated", justification: "I have to" }
  })

const patch = (file: string) =>
  Reply.make([
    Item.customToolCall({ name: "apply_patch", input: `*** Begin Patch\n*** Add File: ${file}\n+hi\n*** End Patch` })
  ])

/** Handlers that note what they are asked. */
const noting = (handlers: ServerRequests.AllHandlers) => {
  const asked: Array<ServerRequests.RequestContext> = []
  const noted = Object.entries(handlers).map(([method, handler]) => [
    method,
    (params: never, context: ServerRequests.RequestContext) => {
      asked.push(context)
      return handler(params, context)
    }
  ])
  return { asked, handlers: Object.fromEntries(noted) as ServerRequests.AllHandlers }
}

/** The second option of each question. */
const choose: ServerRequests.Handler<"item/tool/requestUserInput"> = ({ questions }) =>
  Effect.succeed({
    answers: Object.fromEntries(questions.map(({ id, options }) => [id, { answers: [options![1]!.label] }]))
  })

/** A tool that adds. */
const add: ServerRequests.Handler<"item/tool/call"> = ({ arguments: input, tool }) =>
  Effect.succeed({
    success: true,
    contentItems: [{ type: "inputText", text: `${tool} ${JSON.stringify(input)} is 42` }]
  })

describe("a command that needs approval", () => {
  it.live("is declined by default, and the turn continues", () =>
    Effect.gen(function*() {
      const { codex, home, model } = yield* setup
      const thread = yield* codex.threadStart()
      yield* model.enqueue(escalate("touch made"), Reply.text("a pity"))
      const result = yield* thread.run("make it")
      assert.strictEqual(result.status, "completed")
      assert.strictEqual(result.finalResponse, "a pity")
      assert.include((yield* model.awaitRequest(1)).toolOutput(), "rejected")
      assert.isFalse(existsSync(join(home.workspace, "made")))
    }).pipe(asking()))

  it.live("acceptAll accepts it, once: it really runs, and the next one is asked again", () =>
    Effect.gen(function*() {
      const { codex, home, model } = yield* setup
      const { asked, handlers } = noting(ServerRequests.acceptAll)
      const thread = yield* codex.threadStart({ serverRequests: handlers })
      yield* model.enqueue(escalate("echo made | tee -a made"), escalate("echo made | tee -a made"), Reply.text("done"))
      const result = yield* thread.run("make it")
      assert.include((yield* model.awaitRequest(1)).toolOutput("call_0_0"), "Output:\nmade\n")
      assert.include((yield* model.awaitRequest(2)).toolOutput("call_1_0"), "Output:\nmade\n")
      assert.strictEqual(readFileSync(join(home.workspace, "made"), "utf8"), "made\nmade\n")
      assert.deepStrictEqual(
        asked.map(({ method, threadId, turnId }) => [method, threadId, turnId]),
        [0, 1].map(() => ["item/commandExecution/requestApproval", thread.id, result.id])
      )
      assert.strictEqual(new Set(asked.map(({ requestId }) => requestId)).size, 2)
    }).pipe(asking()))

  it.live("acceptForSession accepts it, and the same one is not asked again", () =>
    Effect.gen(function*() {
      const { codex, home, model } = yield* setup
      const { asked, handlers } = noting(ServerRequests.acceptForSession)
      const thread = yield* codex.threadStart({ serverRequests: handlers })
      yield* model.enqueue(escalate("echo made >> made"), escalate("echo made >> made"), Reply.text("done"))
      yield* thread.run("make it")
      yield* model.enqueue(escalate("echo made >> made"), Reply.text("done"))
      yield* thread.run("again")
      assert.strictEqual(readFileSync(join(home.workspace, "made"), "utf8"), "made\nmade\nmade\n")
      assert.strictEqual(asked.length, 1)
    }).pipe(asking()))

  it.live("is answered by the thread's handlers, then by the client's; both may require services", () => {
    class Policy extends Context.Service<Policy, { readonly allows: (command: string) => boolean }>()("test/Policy") {}
    class Refusal extends Context.Service<Refusal, { readonly decision: "decline" | "cancel" }>()("test/Refusal") {}
    return Effect.gen(function*() {
      const { codex, model } = yield* setup
      const byThread = yield* codex.threadStart({
        serverRequests: ServerRequests.make({
          "item/commandExecution/requestApproval": ({ command }) =>
            Policy.useSync((policy) => ({ decision: policy.allows(command ?? "") ? "accept" : "decline" }))
        })
      })
      const byClient = yield* codex.threadStart({ serverRequests: {} })
      const outcome = Effect.fnUntraced(function*(thread: typeof byThread, cmd: string) {
        yield* model.enqueue(escalate(cmd), Reply.text("done"))
        const { status } = yield* thread.run("go")
        const last = (yield* model.requests).at(-1)!
        return [status, last.toolOutput()?.includes("Process exited with code 0") ?? false]
      })
      assert.deepStrictEqual(yield* outcome(byThread, "echo fine"), ["completed", true])
      assert.deepStrictEqual(yield* outcome(byThread, "echo other"), ["completed", false])
      // `cancel` declines, and interrupts the turn.
      assert.deepStrictEqual(yield* outcome(byClient, "echo fine"), ["interrupted", false])
    }).pipe(
      Effect.provide(
        TestCodex.layer({
          home: { approvalPolicy: "on-request" },
          client: {
            serverRequests: ServerRequests.make({
              "item/commandExecution/requestApproval": () => Refusal.useSync(({ decision }) => ({ decision }))
            })
          }
        }).pipe(Layer.provide(Layer.succeed(Refusal, { decision: "cancel" })))
      ),
      Effect.provideService(Policy, { allows: (command) => command.includes("fine") })
    )
  })

  it.live("a handler that fails or dies declines it, and its message does not end the turn", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      const handlers: ReadonlyArray<ServerRequests.ServerRequestHandlers> = [
        {
          "item/commandExecution/requestApproval": () =>
            Effect.fail(new ServerRequests.ServerRequestError({ message: "no idea" }))
        },
        { "item/commandExecution/requestApproval": () => Effect.die("a bug") },
        {
          "item/commandExecution/requestApproval": () => {
            throw new Error("a bug")
          }
        }
      ]
      for (const serverRequests of handlers) {
        const thread = yield* codex.threadStart({ serverRequests })
        yield* model.enqueue(escalate("echo hi"), Reply.text("done"))
        assert.strictEqual((yield* thread.run("go")).finalResponse, "done")
        assert.notInclude((yield* model.requests).at(-1)!.toolOutput(), "Process exited with code 0")
      }
      assert.deepInclude(router.stats(), idle)
    }).pipe(asking()))

  it.live("its handler is interrupted with the turn, and the next turn is asked anew", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const asked = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      const thread = yield* codex.threadStart({
        serverRequests: {
          "item/commandExecution/requestApproval": () =>
            Deferred.succeed(asked, void 0).pipe(
              Effect.andThen(Effect.never),
              Effect.onInterrupt(() => Deferred.succeed(interrupted, void 0))
            )
        }
      })
      yield* model.enqueue(escalate("echo hi"))
      const turn = yield* thread.turn("go")
      yield* Deferred.await(asked)
      yield* turn.interrupt
      yield* Deferred.await(interrupted)
      assert.strictEqual((yield* turn.run).status, "interrupted")
      yield* model.enqueue(Reply.text("fine"))
      assert.strictEqual((yield* thread.run("go on")).finalResponse, "fine")
    }).pipe(asking()))
})

describe("a person in the loop", () => {
  it.live("answers slowly, while other turns go on", () =>
    Effect.scoped(Effect.gen(function*() {
      const { codex, home, model } = yield* setup
      const inbox = yield* ServerRequests.inbox()
      const careful = yield* codex.threadStart({ serverRequests: inbox.handlers })
      const other = yield* codex.threadStart()
      yield* model.enqueue(escalate("touch made"))
      const waiting = yield* Effect.forkChild(careful.run("make it"))

      const request = (yield* inbox.requests.pipe(Stream.take(1), Stream.runCollect))[0]!
      assert(request.method === "item/commandExecution/requestApproval")
      assert.include(request.params.command, "touch made")
      assert.strictEqual(request.params.reason, "I have to")
      assert.strictEqual(request.context.threadId, careful.id)

      const gate = yield* Gate.make
      yield* model.enqueue(Reply.message({ deltas: ["one ", gate, "two"] }))
      yield* other.stream("count").pipe(
        Stream.tap((event) => event.method === "item/agentMessage/delta" ? gate.open : Effect.void),
        Stream.runDrain
      )
      assert.deepStrictEqual(yield* inbox.pending, [request])
      assert.isFalse(existsSync(join(home.workspace, "made")))

      yield* model.enqueue(Reply.text("done"))
      assert.isTrue(yield* request.respond({ decision: "accept" }))
      assert.strictEqual((yield* Fiber.join(waiting)).finalResponse, "done")
      assert.isTrue(existsSync(join(home.workspace, "made")))
      assert.deepStrictEqual(yield* inbox.pending, [])
      assert.isFalse(yield* request.respond({ decision: "decline" }))
    })).pipe(asking()))

  it.live("is too late when the turn was interrupted", () =>
    Effect.scoped(Effect.gen(function*() {
      const { codex, model } = yield* setup
      const inbox = yield* ServerRequests.inbox(["item/commandExecution/requestApproval"])
      const thread = yield* codex.threadStart({ serverRequests: inbox.handlers })
      yield* model.enqueue(escalate("echo hi"))
      const turn = yield* thread.turn("go")
      const request = (yield* inbox.requests.pipe(Stream.take(1), Stream.runCollect))[0]!
      yield* turn.interrupt
      yield* request.closed
      assert.isFalse(yield* request.respond({ decision: "accept" }))
      assert.deepStrictEqual(yield* inbox.pending, [])
      assert.strictEqual((yield* turn.run).status, "interrupted")
    })).pipe(asking()))
})

describe("a file change", () => {
  it.live("is asked for outside of the sandbox: declined, then accepted", () =>
    Effect.gen(function*() {
      const { codex, home, model } = yield* setup
      const { asked, handlers } = noting(ServerRequests.acceptAll)
      const file = join(home.workspace, "a.txt")
      const declining = yield* codex.threadStart()
      yield* model.enqueue(patch("a.txt"), Reply.text("a pity"))
      yield* declining.run("write")
      assert.include((yield* model.awaitRequest(1)).toolOutput(), "rejected")
      assert.isFalse(existsSync(file))

      const accepting = yield* codex.threadStart({ serverRequests: handlers })
      yield* model.enqueue(patch("a.txt"), Reply.text("done"))
      yield* accepting.run("write")
      assert.include((yield* model.awaitRequest(3)).toolOutput(), "Success")
      assert.strictEqual(readFileSync(file, "utf8"), "hi\n")
      assert.deepStrictEqual(asked.map(({ method }) => method), ["item/fileChange/requestApproval"])
    }).pipe(asking({ model: "gpt-5.5", sandboxMode: "read-only" })))
})

describe("permissions", () => {
  it.live("are granted as asked for, for the turn or the session, or not at all", () =>
    Effect.gen(function*() {
      const { codex, home, model } = yield* setup
      const permissions = { network: { enabled: true }, file_system: { write: [home.userHome] } }
      const granted = Effect.fnUntraced(function*(serverRequests: ServerRequests.ServerRequestHandlers) {
        const thread = yield* codex.threadStart({ serverRequests })
        yield* model.enqueue(
          Reply.functionCall({ name: "request_permissions", arguments: { reason: "to fetch", permissions } }),
          Reply.text("done")
        )
        yield* thread.run("go")
        return JSON.parse((yield* model.requests).at(-1)!.toolOutput()!)
      })
      assert.deepStrictEqual(yield* granted(ServerRequests.acceptAll), { permissions, scope: "turn" })
      assert.deepStrictEqual(yield* granted(ServerRequests.acceptForSession), { permissions, scope: "session" })
      const none = { permissions: { network: null, file_system: null }, scope: "turn" }
      assert.deepStrictEqual(yield* granted({}), none)
    }).pipe(asking({ config: { features: { request_permissions_tool: true } } })))
})

describe("a question to the user", () => {
  it.live("is answered by a handler, and by none with no answers", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const plan = {
        mode: "plan" as const,
        settings: { model: "mock-model", reasoning_effort: null, developer_instructions: null }
      }
      const answered = Effect.fnUntraced(function*(serverRequests: ServerRequests.ServerRequestHandlers) {
        const thread = yield* codex.threadStart({ serverRequests })
        yield* model.enqueue(
          Reply.functionCall({
            name: "request_user_input",
            arguments: {
              questions: [{
                id: "colour",
                header: "Colour",
                question: "Which?",
                options: [{ label: "blue", description: "like the sky" }, { label: "red", description: "like roses" }]
              }]
            }
          }),
          Reply.text("done")
        )
        yield* thread.run("go", { collaborationMode: plan })
        return JSON.parse((yield* model.requests).at(-1)!.toolOutput()!)
      })
      assert.deepStrictEqual(yield* answered({ "item/tool/requestUserInput": choose }), {
        answers: { colour: { answers: ["red"] } }
      })
      assert.deepStrictEqual(yield* answered(ServerRequests.acceptAll), { answers: {} })
    }).pipe(asking()))
})

describe("a dynamic tool", () => {
  it.live("is called with a handler, and fails for the model without one", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const output = Effect.fnUntraced(function*(serverRequests: ServerRequests.ServerRequestHandlers) {
        const thread = yield* codex.threadStart({
          serverRequests,
          dynamicTools: [{
            type: "function",
            name: "add",
            description: "Adds.",
            inputSchema: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } } }
          }]
        })
        yield* model.enqueue(Reply.functionCall({ name: "add", arguments: { a: 40, b: 2 } }), Reply.text("done"))
        const { items } = yield* thread.run("go")
        const call = items.find((item) => item.type === "dynamicToolCall")
        assert(call?.type === "dynamicToolCall")
        return [call.success, (yield* model.requests).at(-1)!.toolOutput()]
      })
      assert.deepStrictEqual(yield* output({ "item/tool/call": add }), [true, `add {"a":40,"b":2} is 42`])
      assert.deepStrictEqual(yield* output(ServerRequests.acceptAll), [
        false,
        "No handler is registered for the tool add."
      ])
    }).pipe(asking()))
})
