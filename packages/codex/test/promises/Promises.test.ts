/** The Promise API on the real binary. */
import { Reply, startTestCodex, type TestCodex, type TestModel } from "@effect-codex/testing/promises"
import { toStandardJsonSchema } from "@valibot/to-json-schema"
import { Codex, CodexError, McpConfig, ServerRequests, tool } from "effect-codex/promises"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { existsSync, mkdirSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import * as v from "valibot"
import { afterAll, assert, beforeAll, describe, expect, it } from "vitest"
import { z } from "zod"
import { processesOf } from "../real/utils.ts"

let test: TestCodex
let codex: Codex
let model: TestModel

/** The replies to come. A turn may be interrupted before the model is asked, so what waits is not among them. */
const replies: Array<Reply.Reply> = []
const enqueue = (...more: ReadonlyArray<Reply.Reply>) => void replies.push(...more)

beforeAll(async () => {
  test = await startTestCodex({
    client: { serverRequests: "declineAll" },
    script: {
      respond: ({ lastUserText }) => lastUserText === "Wait." ? Reply.hang : replies.shift() ?? Reply.text("")
    }
  })
  ;({ codex, model } = test)
})

afterAll(() => test.close())

describe("a thread", () => {
  it("runs turns", async () => {
    enqueue(Reply.text("hello"))
    const thread = await codex.threadStart({ sandbox: "readOnly" })
    const result = await thread.run("Say hello.")
    assert.strictEqual(result.finalResponse, "hello")
    assert.strictEqual(thread.sandbox?.type, "readOnly")
  })

  it("streams turns, whose loop can be left", async () => {
    const thread = await codex.threadStart()
    enqueue(Reply.text("one two"))
    let text = ""
    for await (const event of thread.stream("Count.")) {
      if (event.method === "item/agentMessage/delta") text += event.params.delta
    }
    assert.strictEqual(text, "one two")
    for await (const event of thread.stream("Wait.")) {
      if (event.method === "turn/started") break
    }
    const { turns } = await thread.read({ includeTurns: true })
    assert.strictEqual(turns.at(-1)?.status, "interrupted")
  })

  it("returns handles of turns", async () => {
    const thread = await codex.threadStart()
    enqueue(Reply.text("steered"))
    const turn = await thread.turn("Wait.")
    const pieces: Array<string> = []
    const reading = (async () => {
      for await (const piece of turn.text) pieces.push(piece)
    })()
    await turn.steer("Go on.")
    const [{ finalResponse, id }] = await Promise.all([turn.result, reading])
    assert.deepStrictEqual([finalResponse, id, pieces.join("")], ["steered", turn.id, "steered"])
    const second = await thread.turn("Wait.")
    await second.interrupt()
    assert.strictEqual((await second.result).status, "interrupted")
  })

  it("rejects with the errors of the Effect API, which print their message first", async () => {
    const thread = await codex.threadStart()
    enqueue(Reply.httpError(400))
    const error = await thread.run("Fail.").then(() => assert.fail(), (error: unknown) => error)
    assert.instanceOf(error, CodexError.TurnFailedError)
    assert.include(error.stack ?? "", "Promises.test.ts")
    enqueue(Reply.httpError(400))
    const output = z.object({ tests: z.number() })
    const typed = await thread.run("Fail.", { output }).then(() => assert.fail(), (error: unknown) => error)
    assert.instanceOf(typed, CodexError.TurnFailedError)
    assert.include(typed.stack ?? "", "Promises.test.ts")
    // @ts-expect-error The option has another name.
    await expect(thread.run("Hello.", { timeout: 3 })).rejects.toThrow("timeout is not an option")
  })
})

describe("an AbortSignal", () => {
  it("interrupts a run on the server, and rejects with its reason", async () => {
    const thread = await codex.threadStart()
    const aborting = new AbortController()
    const reason = new Error("changed my mind")
    const run = thread.run("Wait.", { signal: aborting.signal })
    for await (const event of thread.notifications) {
      if (event.method === "turn/started") break
    }
    aborting.abort(reason)
    assert.strictEqual(await run.catch((error: unknown) => error), reason)
    const { turns } = await thread.read({ includeTurns: true })
    assert.strictEqual(turns.at(-1)?.status, "interrupted")
  })

  it("sends nothing if it is aborted already", async () => {
    const thread = await codex.threadStart()
    const before = model.requests().length
    const signal = AbortSignal.abort(new Error("too late"))
    await expect(thread.run("Wait.", { signal })).rejects.toThrow("too late")
    await expect((async () => {
      for await (const _ of thread.stream("Wait.", { signal })) assert.fail()
    })()).rejects.toThrow("too late")
    assert.strictEqual(model.requests().length, before)
  })

  it("ends the loops and the result of a turn", async () => {
    const thread = await codex.threadStart()
    const aborting = new AbortController()
    const turn = await thread.turn("Wait.", { signal: aborting.signal })
    const loop = (async () => {
      for await (const event of turn.events) {
        if (event.method === "turn/started") aborting.abort(new Error("enough"))
      }
    })()
    const result = turn.result
    await expect(result).rejects.toThrow("enough")
    await expect(loop).rejects.toThrow("enough")
    const interrupted = codex.thread(thread.id)
    enqueue(Reply.text("free again"))
    assert.strictEqual((await interrupted.run("Hello.")).finalResponse, "free again")
  })
})

describe("a typed answer", () => {
  const answer = JSON.stringify({ tests: 3, note: null, at: { 0: "a", 1: 2 } })

  it("follows a Schema of zod", async () => {
    const output = z.object({
      tests: z.number().int(),
      note: z.string().optional(),
      at: z.tuple([z.string(), z.number()])
    })
    enqueue(Reply.text(answer))
    const thread = await codex.threadStart()
    const result = await thread.run("Count.", { output })
    assert.deepStrictEqual(result.output, { tests: 3, at: ["a", 2] })
    const { tests }: { tests: number } = result.output
    assert.strictEqual(tests, 3)
  })

  it("follows a Schema of valibot", async () => {
    const output = toStandardJsonSchema(v.object({ tests: v.number(), at: v.optional(v.string()) }))
    enqueue(Reply.text(JSON.stringify({ tests: 3, at: null })))
    const thread = await codex.threadStart()
    assert.deepStrictEqual((await thread.run("Count.", { output })).output, { tests: 3 })
    await expect(thread.run("Count.", { output: v.object({ tests: v.number() }) }))
      .rejects.toThrow("toStandardJsonSchema")
  })

  it("follows an Effect Schema, in a stream and in a turn", async () => {
    const output = Schema.Struct({ at: Schema.Date })
    const thread = await codex.threadStart()
    enqueue(Reply.text(JSON.stringify({ at: "2026-01-02T00:00:00.000Z" })))
    for await (const event of thread.stream("When?", { output })) {
      if (event.method === "$output") assert.strictEqual(event.output.at.getUTCDate(), 2)
    }
    enqueue(Reply.text(JSON.stringify({ at: "2026-01-02T00:00:00.000Z" })))
    const turn = await thread.turn("When?", { output })
    assert.strictEqual((await turn.result).output.at.getUTCDate(), 2)
  })

  it("is checked by the Schema itself", async () => {
    const thread = await codex.threadStart()
    const output = z.object({ even: z.number() }).refine(async ({ even }) => even % 2 === 0, "it is odd")
    enqueue(Reply.text(JSON.stringify({ even: 3 })))
    await expect(thread.run("Even?", { output })).rejects.toThrow("it is odd")
    await expect(thread.run("What?", { output: z.custom() })).rejects.toThrow(CodexError.InvalidInputError)
  })
})

describe("a tool", () => {
  it("is an async function with the parameters of its Schema", async () => {
    const aborted: Array<boolean> = []
    const stock = tool({
      description: "Returns how many pieces of an article are in stock",
      parameters: z.object({ article: z.string(), size: z.number().optional() }),
      execute: async ({ article, size }, { signal }) => {
        aborted.push(signal.aborted)
        if (article === "none") throw new Error("there is no such article")
        return { article, size: size ?? null }
      }
    })
    const ping = tool({ description: "Answers", execute: () => undefined })
    const thread = await codex.threadStart({ tools: { stock, ping } })
    enqueue(
      Reply.functionCall({ name: "stock", arguments: { article: "lamp" } }),
      Reply.functionCall({ name: "stock", arguments: { article: "none" } }),
      Reply.functionCall({ name: "stock", arguments: { article: 3 } }),
      Reply.functionCall({ name: "ping", arguments: {} }),
      Reply.text("done")
    )
    await thread.run("Go.")
    const outputs = model.requests().slice(-4).map((request) => request.toolOutput())
    assert.strictEqual(outputs[0], `{"article":"lamp","size":null}`)
    assert.strictEqual(outputs[1], "The tool stock failed: there is no such article")
    assert.include(outputs[2], "Invalid parameters for the tool stock")
    assert.strictEqual(outputs[3], "Done.")
    assert.deepStrictEqual(aborted, [false, false])
  })

  it("fails before the thread starts if it is none", async () => {
    // @ts-expect-error A tool has a function.
    await expect(codex.threadStart({ tools: { stock: { description: "" } } })).rejects.toThrow("stock has no function")
  })
})

const at = (path: string) => join(test.home.workspace, path)

const patch = (path: string) =>
  Reply.functionCall({
    name: "exec_command",
    arguments: { cmd: `apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: ${path}\n+hi\n*** End Patch\nEOF\n` }
  })

const escalate = (cmd: string) =>
  Reply.functionCall({
    name: "exec_command",
    arguments: { cmd, sandbox_permissions: "require_escalated", justification: "test" }
  })

describe("approvals", () => {
  const escalated = Reply.functionCall({
    name: "exec_command",
    arguments: { cmd: "echo approved", sandbox_permissions: "require_escalated", justification: "test" }
  })

  it("are answered by async functions", async () => {
    const asked: Array<string> = []
    const thread = await codex.threadStart({
      approvalPolicy: "on-request",
      serverRequests: {
        "item/commandExecution/requestApproval": async ({ command }, { signal, threadId }) => {
          asked.push(`${threadId} ${signal.aborted} ${command}`)
          return { decision: "accept" }
        }
      }
    })
    enqueue(escalated, Reply.text("done"))
    await thread.run("Go.")
    assert.strictEqual(asked.length, 1)
    assert.include(model.requests().at(-1)!.toolOutput(), "approved")
  })

  it("are declined if the function throws", async () => {
    const thread = await codex.threadStart({
      approvalPolicy: "on-request",
      serverRequests: { "item/commandExecution/requestApproval": async () => Promise.reject(new Error("no")) }
    })
    enqueue(escalated, Reply.text("done"))
    await thread.run("Go.")
    assert.notInclude(model.requests().at(-1)!.toolOutput(), "approved\n")
  })

  it("are answered by rules, which leave the rest to the next handlers, and follow links", async () => {
    mkdirSync(at("src"))
    mkdirSync(at("outside"))
    symlinkSync(at("outside"), at("src/link"))
    const left: Array<string> = []
    const thread = await codex.threadStart({
      sandbox: "readOnly",
      approvalPolicy: "on-request",
      serverRequests: [
        ServerRequests.rules([{ action: "allow", command: ["touch"] }, { action: "allow", path: at("src") }]),
        {
          "item/commandExecution/requestApproval": async ({ command }) => {
            left.push(String(command))
            return { decision: "accept" }
          }
        }
      ]
    })
    enqueue(
      escalate("touch one"),
      patch("src/a.txt"),
      patch("src/link/b.txt"),
      escalate("cp one two"),
      Reply.text("done")
    )
    await thread.run("Go.")
    assert.deepStrictEqual(
      ["one", "two", "src/a.txt", "outside/b.txt"].map((path) => existsSync(at(path))),
      [true, true, true, false]
    )
    assert.lengthOf(left, 1)
    assert.include(left[0], "cp one two")
  })

  it("name unknown methods", async () => {
    // @ts-expect-error The request has another name.
    await expect(codex.threadStart({ serverRequests: { "item/commandExecution/approval": () => {} } }))
      .rejects.toThrow("did you mean")
  })
})

/** Takes the values of a loop up to one of them. */
const until = async <A>(values: AsyncIterable<A>, isLast: (value: A) => boolean): Promise<A> => {
  for await (const value of values) if (isLast(value)) return value
  return assert.fail("the loop has ended")
}

describe("capabilities", () => {
  it("queue turns", async () => {
    const thread = await codex.threadStart()
    const running = await thread.turn("Wait.")
    const [first, second] = [await thread.queue.add("first"), await thread.queue.add("Wait.")]
    await thread.queue.reorder([second.id, first.id])
    assert.deepStrictEqual((await thread.queue.current()).map(({ id }) => id), [second.id, first.id])
    assert.isTrue(await thread.queue.remove(second.id))
    await expect(second.turn()).rejects.toThrow(CodexError.QueuedTurnRemovedError)
    const changed = until(thread.queue.changes, (list) => JSON.stringify(list).includes("one"))
    assert.strictEqual((await thread.queue.update(first.id, "one")).id, first.id)
    await changed
    const aborted = first.turn({ signal: AbortSignal.abort(new Error("enough")) })
    await expect(aborted).rejects.toThrow("enough")
    await running.interrupt()
    await running.result
    enqueue(Reply.text("queued"))
    await thread.queue.start()
    assert.strictEqual((await (await first.turn()).result).finalResponse, "queued")
  })

  it("return to a checkpoint", async () => {
    const thread = await codex.threadStart()
    enqueue(Reply.text("one"), Reply.text("two"))
    const first = await thread.run("One.")
    const checkpoint = await thread.checkpoint()
    assert.strictEqual(checkpoint.turnId, first.id)
    await thread.run("Two.")
    assert.deepStrictEqual(await checkpoint.restore(), { saved: undefined })
    assert.lengthOf((await thread.read({ includeTurns: true })).turns, 1)
  })

  it("list and stop background terminals", async () => {
    const thread = await codex.threadStart({ sandbox: "fullAccess" })
    const terminals = thread.backgroundTerminals
    enqueue(
      Reply.functionCall({ name: "exec_command", arguments: { cmd: "sleep 60", yield_time_ms: 250 } }),
      Reply.text("started")
    )
    const started = until(terminals.changes, (running) => running.length === 1)
    await thread.run("Start.")
    const processId = (await started)[0]?.processId ?? ""
    const settled = terminals.settled()
    assert.isTrue(await terminals.stop(processId))
    await settled
    await terminals.stopAll()
    assert.deepStrictEqual(await terminals.current(), [])
  })

  it("search files, in a session that is closed, and threads", async () => {
    const roots = [import.meta.dirname]
    const [found] = await codex.search.files("Promises.test", { roots })
    assert.strictEqual(found?.path, "Promises.test.ts")
    const session = await codex.search.fileSession({ roots })
    const results = until(session.changes, ({ files }) => files.length > 0)
    await session.query("Promises.test")
    assert.strictEqual((await results).files[0]?.path, "Promises.test.ts")
    assert.strictEqual((await session.current()).query, "Promises.test")
    await session.close()
    await expect(until(session.changes, () => false)).rejects.toThrow("the loop has ended")

    const thread = await codex.threadStart()
    enqueue(Reply.text("ok"))
    await thread.run("A needle in a haystack.")
    const match = await until(codex.search.threads("needle"), () => true)
    assert.strictEqual(match.thread.id, thread.id)
    const live = await until(codex.search.threadsLive("needle"), ({ isComplete }) => isComplete)
    assert.strictEqual(live.threads[0]?.thread.id, thread.id)
  })

  it("read limits, skills, hooks and MCP servers", async () => {
    await expect(codex.rateLimits.current()).rejects.toThrow(CodexError.CodexRpcError)
    await expect(until(codex.rateLimits.changes, () => true)).rejects.toThrow(CodexError.CodexRpcError)
    const cwds = [test.home.workspace]
    assert.strictEqual((await codex.skills.current({ cwds }))[0]?.cwd, cwds[0])
    assert.lengthOf(await until(codex.skills.changes({ cwds }), () => true), 1)
    assert.strictEqual((await codex.hooks.list({ cwds }))[0]?.cwd, cwds[0])
    const runs = until(codex.hooks.runs, () => true)
    const thread = await codex.threadStart({
      config: {
        bypass_hook_trust: true,
        hooks: { UserPromptSubmit: [{ hooks: [{ type: "command", command: "echo hooked" }] }] },
        ...McpConfig.config({ missing: { command: "/nonexistent" } })
      }
    })
    const servers = await until(
      codex.mcp.startup(thread.id),
      (servers) => servers.some((server) => server.error !== null)
    )
    assert.deepInclude(servers[0], { name: "missing", status: "failed" })
    assert.lengthOf(await codex.mcp.status({ threadId: thread.id, server: "missing" }), 1)
    await expect(codex.mcp.resources({ server: "none" })).rejects.toThrow(CodexError.InvalidInputError)
    await expect(codex.mcp.login("none")).rejects.toThrow(CodexError.CodexRpcError)
    const call = { threadId: thread.id, server: "missing", tool: "none" }
    await expect(codex.mcp.callTool(call, { timeout: "10 seconds" })).rejects.toThrow(CodexError.CodexRpcError)
    await expect(codex.mcp.readResource({ server: "missing", uri: "x:", threadId: thread.id }))
      .rejects.toThrow(CodexError.CodexRpcError)
    await codex.mcp.reload()
    enqueue(Reply.text("ok"))
    await thread.run("Go.")
    assert.strictEqual((await runs).params.threadId, thread.id)
  })
})

describe("a connection", () => {
  it("ends its process when it is disposed of", async () => {
    let codexHome = ""
    {
      await using own = await startTestCodex()
      codexHome = own.home.codexHome
      assert.isAbove((await Effect.runPromise(processesOf(codexHome))).length, 0)
      assert.isString(own.codex.metadata.serverVersion)
      assert.isTrue(await own.codex.isLoggedIn())
      own.model.enqueue(Reply.text("hello"))
      const thread = await own.codex.threadStart()
      assert.strictEqual((await thread.run("Say hello.")).finalResponse, "hello")
    }
    assert.deepStrictEqual(await Effect.runPromise(processesOf(codexHome)), [])
  })

  it("rejects if it cannot be made", async () => {
    await expect(Codex.start({ codexPath: "/nonexistent/codex" })).rejects.toThrow(CodexError.CodexConnectError)
    await expect(Codex.connect({ url: "ws://127.0.0.1:1", reconnect: false })).rejects.toThrow(
      CodexError.CodexConnectError
    )
    // @ts-expect-error The option has another name.
    await expect(Codex.start({ apiKey: "sk" })).rejects.toThrow("apiKey is not an option")
  })
})

describe("an Effect", () => {
  it("is not awaited by mistake", async () => {
    const thread = await Effect.runPromise(codex.effect.threadStart())
    await expect((async () => await thread.run("Hello."))()).rejects.toThrow("effect-codex/promises")
    await expect((async () => await thread.turn("Hello."))()).rejects.toThrow("thread.turn returns an Effect")
    enqueue(Reply.text("hello"))
    assert.strictEqual((await Effect.runPromise(thread.run("Hello."))).finalResponse, "hello")
  })
})
