/** The Promise API on the real binary. */
import { Reply, startTestCodex, type TestCodex, type TestModel } from "@effect-codex/testing/promises"
import { toStandardJsonSchema } from "@valibot/to-json-schema"
import { Codex, CodexError, tool } from "effect-codex/promises"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
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

  it("name unknown methods", async () => {
    // @ts-expect-error The request has another name.
    await expect(codex.threadStart({ serverRequests: { "item/commandExecution/approval": () => {} } }))
      .rejects.toThrow("did you mean")
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
