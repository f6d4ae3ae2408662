/**
 * The core of the SDK as a plain program, which any runtime can run: every transport on the real binary, with a scripted model.
 * Prints a line for each part that works.
 *
 *     bun --conditions=@effect-codex/source packages/codex/test/runtimes/core.ts stdio wss unix
 */
import { CodexHome, Gate, Item, Reply, ScriptedModel } from "@effect-codex/testing"
import { Codex, CodexError } from "effect-codex"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import * as proxy from "../sockets/proxy.ts"
import * as server from "../sockets/server.ts"
import * as tlsProxy from "./tlsProxy.ts"

type Client = Codex.Codex["Service"]

const replies = (...texts: ReadonlyArray<Reply.Reply>) =>
  ScriptedModel.ScriptedModel.use((model) => Effect.andThen(model.clear, model.enqueue(...texts)))

const Stock = Tool.make("stock", {
  parameters: Schema.Struct({ article: Schema.String }),
  success: Schema.Struct({ pieces: Schema.Int })
})
const tools = Toolkit.make(Stock)
const handlers = tools.toLayer({ stock: ({ article }) => Effect.succeed({ pieces: article.length }) })

const parts = {
  run: Effect.fnUntraced(function*(codex: Client) {
    yield* replies(Reply.text("Grüße, 世界"))
    const thread = yield* codex.threadStart()
    assert.equal((yield* thread.run("hello")).finalResponse, "Grüße, 世界")
  }),

  stream: Effect.fnUntraced(function*(codex: Client) {
    yield* replies(Reply.message({ deltas: Array.from({ length: 2000 }, (_, index) => `${index} `) }))
    const turn = yield* Effect.flatMap(codex.threadStart(), (thread) => thread.turn("count"))
    const text = (yield* Stream.runCollect(turn.text)).join("")
    assert.equal(text.trim().split(" ").length, 2000)
  }),

  approval: Effect.fnUntraced(function*(codex: Client) {
    const ask = Item.functionCall({
      name: "exec_command",
      arguments: { cmd: "echo approved", sandbox_permissions: "require_escalated", justification: "a test" }
    })
    yield* replies(Reply.make([ask]), Reply.text("done"))
    const asked: Array<string> = []
    const thread = yield* codex.threadStart({
      approvalPolicy: "on-request",
      serverRequests: {
        "item/commandExecution/requestApproval": ({ command }) => {
          asked.push(command ?? "")
          return Effect.succeed({ decision: "accept" as const })
        }
      }
    })
    const { items } = yield* thread.run("run it")
    assert.equal(asked.length, 1)
    assert.deepEqual(items.flatMap((item) => item.type === "commandExecution" ? [item.status] : []), ["completed"])
  }),

  tool: Effect.fnUntraced(function*(codex: Client) {
    yield* replies(Reply.functionCall({ name: "stock", arguments: { article: "lamp" } }), Reply.text("four"))
    const model = yield* ScriptedModel.ScriptedModel
    const thread = yield* Effect.provide(codex.threadStart({ tools }), handlers)
    assert.equal((yield* thread.run("How many?")).finalResponse, "four")
    assert.match((yield* model.awaitRequest(1)).toolOutput() ?? "", /"pieces":4/)
  }),

  typed: Effect.fnUntraced(function*(codex: Client) {
    yield* replies(Reply.text(`{"city":"Rome","founded":"-000752-04-21T00:00:00.000Z"}`))
    const thread = yield* codex.threadStart()
    const output = Schema.Struct({ city: Schema.String, founded: Schema.DateFromString })
    const result = yield* thread.run("When was it founded?", { output })
    assert.equal(result.output.founded.getUTCFullYear(), -752)
  }),

  interrupt: Effect.fnUntraced(function*(codex: Client) {
    yield* replies(Reply.hang, Reply.text("again"))
    const model = yield* ScriptedModel.ScriptedModel
    const thread = yield* codex.threadStart()
    const running = yield* Effect.forkChild(thread.run("wait"))
    const request = yield* model.awaitRequest(0)
    yield* Fiber.interrupt(running)
    assert.equal(yield* request.outcome, "aborted")
    assert.equal((yield* thread.run("go on")).finalResponse, "again")
  })
}

type Part = keyof typeof parts

const every: ReadonlyArray<Part> = ["run", "stream", "approval", "tool", "typed", "interrupt"]

/** Runs parts on one connection. */
const check = <E>(name: string, codexLayer: Layer.Layer<Codex.Services, E>, names = every) =>
  Effect.gen(function*() {
    const codex = yield* Codex.Codex
    for (const part of names) {
      yield* parts[part](codex)
      yield* Console.log(`${name} ${part}`)
    }
  }).pipe(Effect.provide(codexLayer))

/** Cuts the connection in the middle of a message; it continues on the next connection. */
const reconnect = Effect.fnUntraced(function*(address: string) {
  const cutting = yield* proxy.make(address)
  const gate = yield* Gate.make
  yield* replies(Reply.message({ deltas: ["half", gate, " whole"] }))
  yield* Effect.gen(function*() {
    const codex = yield* Codex.Codex
    const turn = yield* Effect.flatMap(codex.threadStart(), (thread) => thread.turn("go"))
    const text = yield* turn.text.pipe(
      Stream.tap((piece) =>
        piece === "half" ? Effect.andThen(Effect.sync(() => cutting.cut()), gate.open) : Effect.void
      ),
      Stream.runCollect
    )
    assert.equal(text.join(""), "half whole")
    assert.equal(cutting.connections, 2)
  }).pipe(Effect.provide(Codex.layerWebSocket({ url: cutting.address, reconnect: Schedule.spaced("10 millis") })))
})

/** Kills the server; the next run starts another one, and continues the thread. */
const restart = (codexLayer: Layer.Layer<Codex.Services, CodexError.ConnectError>) =>
  Effect.gen(function*() {
    yield* replies(Reply.text("one"), Reply.hang)
    const model = yield* ScriptedModel.ScriptedModel
    const codex = yield* Codex.Codex
    const thread = yield* codex.threadStart()
    yield* thread.run("first")
    const running = yield* Effect.forkChild(Effect.flip(thread.run("wait")))
    yield* model.awaitRequest(1)
    // The parent of the command is the server. Deno can't look it up in /proc without all permissions.
    yield* Effect.flip(codex.client.request("command/exec", {
      command: ["/bin/sh", "-c", "kill -9 $PPID"],
      sandboxPolicy: { type: "dangerFullAccess" }
    }))
    assert.equal((yield* Fiber.join(running))._tag, "CodexConnectionError")
    yield* replies(Reply.text("two"))
    const { finalResponse } = yield* Effect.retry(thread.run("second"), { while: CodexError.isRetryable, times: 20 })
    assert.equal(finalResponse, "two")
  }).pipe(Effect.provide(codexLayer))

const transports = {
  stdio: Effect.gen(function*() {
    const { env, workspace } = yield* CodexHome.CodexHome
    const stdio = Codex.layer({ cwd: workspace, env, restart: Schedule.spaced("10 millis") })
    yield* check("stdio", stdio)
    yield* restart(stdio)
    yield* Console.log("stdio restart")
  }),

  wss: Effect.gen(function*() {
    const token = "a-token-of-this-test"
    const digest = createHash("sha256").update(token).digest("hex")
    const { address } = yield* server.listen("ws", {
      args: ["--ws-auth", "capability-token", "--ws-token-sha256", digest]
    })
    const url = yield* tlsProxy.make(address)
    yield* check("wss", Codex.layerWebSocket({ url, token: Redacted.make(token) }))
    const refused = yield* Effect.flip(Effect.scoped(Layer.build(Codex.layerWebSocket({ url }))))
    assert(refused._tag === "CodexConnectError")
    assert.equal(refused.reason._tag, "Unauthorized")
    yield* Console.log("wss token")
  }),

  unix: Effect.gen(function*() {
    const { address } = yield* server.listen("unix")
    yield* check("unix", Codex.layerUnixSocket({ path: address }), ["run", "stream", "interrupt"])
    yield* reconnect(address)
    yield* Console.log("unix reconnect")
  })
}

const program = Effect.gen(function*() {
  for (const [name, transport] of Object.entries(transports)) if (process.argv.includes(name)) yield* transport
}).pipe(
  Effect.scoped,
  Effect.provide(CodexHome.layer().pipe(Layer.provideMerge(ScriptedModel.layer())))
)

await Effect.runPromise(program)
