/** Attacks on the Promise API, on the real binary: aborts at every moment, ends in the middle, and values that have no form. */
import { Reply, startTestCodex, type TestCodex, type TestModel } from "@effect-codex/testing/promises"
import { toStandardJsonSchema } from "@valibot/to-json-schema"
import { Codex, CodexError, tool } from "effect-codex/promises"
import * as Effect from "effect/Effect"
import { getEventListeners } from "node:events"
import * as v from "valibot"
import { afterAll, assert, beforeAll, describe, expect, it } from "vitest"
import { z } from "zod"
import { processesOf } from "../real/utils.ts"

let test: TestCodex
let codex: Codex
let model: TestModel

const replies: Array<Reply.Reply> = []
const enqueue = (...more: ReadonlyArray<Reply.Reply>) => void replies.push(...more)

/** A rejection that nobody handles fails the test. */
const unhandled: Array<unknown> = []
const onUnhandled = (reason: unknown) => void unhandled.push(reason)

beforeAll(async () => {
  process.on("unhandledRejection", onUnhandled)
  test = await startTestCodex({
    client: { serverRequests: "declineAll" },
    script: {
      respond: ({ lastUserText }) => lastUserText === "Wait." ? Reply.hang : replies.shift() ?? Reply.text("")
    }
  })
  ;({ codex, model } = test)
})

afterAll(async () => {
  await test.close()
  process.off("unhandledRejection", onUnhandled)
  assert.deepStrictEqual(unhandled, [])
})

const caught = (promise: Promise<unknown>) =>
  promise.then(() => assert.fail("it did not reject"), (error: unknown) => error)

describe("a signal", () => {
  it("neither keeps nor interrupts turns that have ended", async () => {
    const thread = await codex.threadStart()
    const aborting = new AbortController()
    for (let count = 0; count < 3; count++) {
      enqueue(Reply.text("done"))
      const turn = await thread.turn("Go.", { signal: aborting.signal })
      for await (const _ of turn.events) {
        // Until its end.
      }
      await turn.result
    }
    assert.strictEqual(getEventListeners(aborting.signal, "abort").length, 0)
  })

  it("interrupts a turn whatever the moment", async () => {
    const reason = new Error("enough")
    for (const ticks of [0, 2, 20, 500]) {
      const thread = await codex.threadStart()
      const aborting = new AbortController()
      const starting = thread.turn("Wait.", { signal: aborting.signal })
      const outcome = starting.then(({ result }) => caught(result), (error: unknown) => error)
      for (let tick = 0; tick < ticks; tick++) await new Promise(setImmediate)
      aborting.abort(reason)
      aborting.abort(new Error("twice"))
      assert.strictEqual(await outcome, reason, String(ticks))
      assert.strictEqual((await thread.run("Go.")).status, "completed", String(ticks))
    }
  })

  it("interrupts a turn when it is aborted between the start and the handle", async () => {
    const thread = await codex.threadStart()
    const aborting = new AbortController()
    const reason = new Error("enough")
    const signal = aborting.signal
    // The last thing before the handle is that the start takes its listener back.
    const remove = signal.removeEventListener.bind(signal)
    signal.removeEventListener = (...args: Parameters<AbortSignal["removeEventListener"]>) => {
      remove(...args)
      aborting.abort(reason)
    }
    const turn = await thread.turn("Wait.", { signal })
    assert.strictEqual(await caught(turn.result), reason)
    assert.strictEqual((await thread.run("Go.")).status, "completed")
  })
})

describe("a start", () => {
  it("that is aborted leaves no process, whatever the moment", async () => {
    const { codexHome, env, workspace } = test.home
    const before = await Effect.runPromise(processesOf(codexHome))
    const reason = new Error("enough")
    for (const ticks of [0, 3, 100, 3000]) {
      const aborting = new AbortController()
      const outcome = Codex.start({ codexHome, env, cwd: workspace, signal: aborting.signal }).then(
        async (own) => {
          await own.close()
          return reason
        },
        (error: unknown) => error
      )
      for (let tick = 0; tick < ticks; tick++) await new Promise(setImmediate)
      aborting.abort(reason)
      assert.strictEqual(await outcome, reason, String(ticks))
      assert.deepStrictEqual(await Effect.runPromise(processesOf(codexHome)), before, String(ticks))
    }
  })

  it("of a search or a watch that is aborted or closed leaves the client usable", async () => {
    const { workspace } = test.home
    const reason = new Error("enough")
    for (const ticks of [0, 1, 5, 50]) {
      const aborting = new AbortController()
      const outcome = codex.search.fileSession({ roots: [workspace], signal: aborting.signal }).then(
        async (session) => {
          await Promise.all([session.close(), session.close()])
          await caught(session.query("late"))
          return reason
        },
        (error: unknown) => error
      )
      for (let tick = 0; tick < ticks; tick++) await new Promise(setImmediate)
      aborting.abort(reason)
      assert.strictEqual(await outcome, reason, String(ticks))
    }
    const thread = await codex.threadStart()
    const watched = await codex.threadWatch(thread.id)
    const loop = watched.notifications[Symbol.asyncIterator]()
    const next = loop.next()
    const [one, two] = [watched.close(), watched.close()]
    await Promise.all([one, two, next.catch(() => {}), loop.return?.()])
    const { data } = await codex.request("thread/queue/list", { threadId: thread.id })
    assert.deepStrictEqual(data, [])
  })
})

describe("a queue", () => {
  it("has one start for each input, however it is changed meanwhile", async () => {
    const thread = await codex.threadStart()
    const running = await thread.turn("Wait.")
    const added = await Promise.all(["a", "b", "c"].map((text) => thread.queue.add(text)))
    assert.strictEqual(new Set(added.map(({ id }) => id)).size, 3)
    const [first] = added
    const starts = added.map((queued) => queued.turn().then(({ id }) => id, (error: unknown) => String(error)))
    const aborting = new AbortController()
    const aborted = caught(added[1]!.turn({ signal: aborting.signal }))
    aborting.abort(new Error("enough"))
    assert.strictEqual(String(await aborted), "Error: enough")
    assert.deepStrictEqual(
      await Promise.all([thread.queue.remove(first!.id), thread.queue.remove(first!.id)]).then((all) => all.sort()),
      [false, true]
    )
    for await (const list of thread.queue.changes) {
      if (list.length === 2) break
    }
    await running.steer("Go on.")
    await running.result
    const ids = await Promise.all(starts)
    assert.include(ids[0], "QueuedTurnRemovedError")
    assert.strictEqual(new Set(ids).size, 3)
    await caught(thread.queue.remove("\u0000").then(() => Promise.reject(new Error("removed nothing"))))
  })
})

describe("a loop", () => {
  it("shares a turn with others, each of which may be left", async () => {
    const thread = await codex.threadStart()
    enqueue(Reply.text("one two three"))
    const turn = await thread.turn("Go.")
    const methods = async (leave: boolean) => {
      const seen: Array<string> = []
      for await (const { method } of turn.events) {
        seen.push(method)
        if (leave) break
      }
      return seen.at(-1)
    }
    const [left, ...ends] = await Promise.all([methods(true), methods(false), methods(false)])
    assert.isString(left)
    assert.deepStrictEqual(ends, ["turn/completed", "turn/completed"])
    assert.strictEqual(await methods(false), "turn/completed")
    assert.deepStrictEqual(await Promise.all([turn.result, turn.result]).then(([a, b]) => a === b), true)
  })
})

describe("a tool", () => {
  it("may return or throw anything", async () => {
    const circular: { self?: unknown } = {}
    circular.self = circular
    const values: Record<string, () => unknown> = {
      symbol: () => Symbol("x"),
      func: () => () => 1,
      hidden: () => ({ toJSON: () => undefined }),
      bigint: () => ({ a: 1n }),
      circular: () => circular,
      nan: () => NaN,
      huge: () => "x".repeat(300_000),
      nothing: () => Promise.reject(undefined),
      bare: () => Promise.reject(Object.create(null)),
      odd: () => Promise.reject(Object.assign(new Error(), { message: 3 })),
      thenable: () =>
        new Proxy({}, {
          get: () => {
            throw new Error("a bad thenable")
          }
        }),
      map: () => new Map([[1, 2]])
    }
    const names = Object.keys(values)
    const tools = Object.fromEntries(
      names.map((name) => [name, tool({ description: name, execute: () => values[name]?.() })])
    )
    const thread = await codex.threadStart({ tools })
    enqueue(...names.map((name) => Reply.functionCall({ name, arguments: {} })), Reply.text("done"))
    assert.strictEqual((await thread.run("Go.")).finalResponse, "done")
    const requests = model.requests().slice(-names.length)
    const outputs = new Map(names.map((name, index) => [name, (requests[index]?.toolOutput() ?? "").slice(0, 120)]))
    for (const name of ["symbol", "func", "hidden"]) assert.include(outputs.get(name), "no JSON form", name)
    for (const name of ["bigint", "circular", "nothing", "bare", "odd", "thenable"]) {
      assert.include(outputs.get(name), `The tool ${name} failed`, name)
    }
    assert.deepStrictEqual([outputs.get("nan"), outputs.get("map")], ["null", "{}"])
  })

  it("reports a check of its Schema that throws as a wrong parameter", async () => {
    const broken = tool({
      description: "x",
      parameters: z.object({
        a: z.string().refine(() => {
          throw new Error("the check broke")
        })
      }),
      execute: () => "ran"
    })
    const thread = await codex.threadStart({ tools: { broken } })
    enqueue(Reply.functionCall({ name: "broken", arguments: { a: "b" } }), Reply.text("done"))
    await thread.run("Go.")
    assert.include(model.requests().at(-1)!.toolOutput(), "the check broke")
  })
})

describe("a Schema", () => {
  interface Tree {
    readonly name: string
    readonly children: ReadonlyArray<Tree>
  }
  const tree: z.ZodType<Tree> = z.lazy(() => z.object({ name: z.string(), children: z.array(tree) }))

  it("of any form is followed, or refused before the turn", async () => {
    const thread = await codex.threadStart()
    const cases: ReadonlyArray<readonly [string, z.ZodType, unknown, unknown]> = [
      ["a transform", z.object({ a: z.string().transform((text) => text.length) }), { a: "four" }, { a: 4 }],
      ["a default", z.object({ a: z.number().default(7) }), { a: 1 }, { a: 1 }],
      ["a union", z.object({ u: z.union([z.string(), z.number()]) }), { u: 3 }, { u: 3 }],
      [
        "a discriminated union",
        z.object({
          u: z.discriminatedUnion("t", [
            z.object({ t: z.literal("a"), x: z.number() }),
            z.object({ t: z.literal("b") })
          ])
        }),
        { u: { t: "b" } },
        { u: { t: "b" } }
      ],
      ["recursion", z.object({ tree }), { tree: { name: "a", children: [{ name: "b", children: [] }] } }, undefined],
      ["a coercion", z.object({ d: z.iso.datetime() }), { d: "2026-01-01T00:00:00Z" }, undefined],
      ["a tuple", z.object({ t: z.tuple([z.string(), z.number()]) }), { t: { 0: "a", 1: 2 } }, { t: ["a", 2] }],
      ["null", z.object({ n: z.string().nullable(), e: z.enum(["x", "y"]) }), { n: null, e: "y" }, undefined]
    ]
    for (const [name, schema, answer, expected = answer] of cases) {
      enqueue(Reply.text(JSON.stringify(answer)))
      const result = await thread.run("Go.", { output: schema }).catch((error: unknown) =>
        assert.fail(`${name}: ${error}`)
      )
      assert.deepStrictEqual(result.output, expected, name)
    }
    const requests = model.requests().length
    const refused: ReadonlyArray<readonly [string, z.ZodType]> = [
      ["a date", z.object({ d: z.date() })],
      ["a bigint", z.object({ b: z.bigint() })],
      ["a map", z.object({ m: z.map(z.string(), z.number()) })],
      ["a symbol", z.object({ s: z.symbol() })]
    ]
    for (const [name, output] of refused) {
      assert.instanceOf(await caught(thread.run("Go.", { output })), CodexError.InvalidInputError, name)
    }
    assert.strictEqual(model.requests().length, requests)
  })

  it("may refuse an answer, also with a check that throws", async () => {
    const thread = await codex.threadStart()
    const output = toStandardJsonSchema(v.object({ a: v.pipe(v.string(), v.minLength(2)) }))
    enqueue(Reply.text(`{"a":"b"}`))
    assert.instanceOf(await caught(thread.run("Go.", { output })), CodexError.OutputDecodeError)
    const broken = z.object({ a: z.string() }).refine(() => {
      throw new Error("the check broke")
    })
    enqueue(Reply.text(`{"a":"b"}`))
    const error = await caught(thread.run("Go.", { output: broken }))
    assert.instanceOf(error, CodexError.OutputDecodeError)
    assert.include(String(error), "the check broke")
  })
})

describe("an end", () => {
  it("in the middle of everything rejects all of it, once and for all", async () => {
    const own = await startTestCodex({ script: { respond: () => Reply.hang } })
    const thread = await own.codex.threadStart()
    const turn = await thread.turn("Wait.")
    const outcomes = [
      turn.result,
      thread.run("Later."),
      own.codex.threadStart(),
      (async () => {
        for await (const _ of turn.events) {
          // Until the connection ends.
        }
        throw new Error("the loop ended")
      })(),
      own.codex.models()[Symbol.asyncIterator]().next().then(() => Promise.reject(new Error("in time")))
    ].map(caught)
    await Promise.all([own.codex.close(), own.codex.close()])
    await own.codex.close()
    for (const error of await Promise.all(outcomes)) assert.instanceOf(error, Error)
    await expect(own.codex.threadStart()).rejects.toThrow(CodexError.CodexConnectionError)
    await expect(thread.run("Again.")).rejects.toThrow(CodexError.CodexConnectionError)
    await turn.interrupt().catch(() => {})
    for await (const state of own.codex.connection) assert.isString(state._tag)
    assert.instanceOf(
      await caught((async () => {
        for await (const _ of own.codex.notifications) assert.fail()
      })()),
      CodexError.CodexConnectionError
    )
    await own.close()
  })
})
