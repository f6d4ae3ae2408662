import { Gate, Reply, TestCodex } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { ServerRequests } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { configOf, escalate, type Kind, kinds, type Lines, script, spawn, wait } from "./family.ts"
import { idle, restartServer, setup } from "./utils.ts"

const family = (
  kind: Kind,
  lines: Lines,
  { client, depth, ...home }: {
    readonly client?: TestCodex.Options["client"]
    readonly depth?: number
    readonly approvalPolicy?: "on-request" | "never"
    readonly sandboxMode?: "read-only" | "danger-full-access"
  } = {}
) =>
  Effect.provide(TestCodex.layer({
    script: script(lines),
    home: { approvalPolicy: "on-request", config: configOf(kind, depth), ...home },
    ...(client === undefined ? {} : { client })
  }))

/** Handlers that accept, and the contexts in which they were asked. */
const accepting = () => {
  const asked: Array<ServerRequests.RequestContext> = []
  const handlers = ServerRequests.make({
    "item/commandExecution/requestApproval": (_, context) =>
      Effect.sync(() => {
        asked.push(context)
        return { decision: "accept" as const }
      })
  })
  return { asked, handlers }
}

const spawnAndWait = (kind: Kind) => [spawn(kind), wait(kind), Reply.text("all done")]

for (const kind of kinds) {
  describe(`a sub-agent (${kind})`, () => {
    it.live("of a thread that declines, under a client that accepts: its command does not run", () =>
      Effect.gen(function*() {
        const { codex, home } = yield* setup
        const thread = yield* codex.threadStart({ serverRequests: ServerRequests.declineAll })
        const result = yield* thread.run("go")
        assert.strictEqual(result.finalResponse, "all done")
        assert.isFalse(existsSync(join(home.workspace, "proof")))
      }).pipe(family(kind, {
        parent: spawnAndWait(kind),
        child: [escalate("touch proof"), Reply.text("I tried")]
      }, { client: { serverRequests: ServerRequests.acceptAll } })))

    it.live("of a thread that accepts, under a client that declines: its command runs, and the handler receives its origin", () =>
      Effect.gen(function*() {
        const { codex, home, router } = yield* setup
        const { asked, handlers } = accepting()
        const thread = yield* codex.threadStart({ serverRequests: handlers })
        const result = yield* thread.run("go")
        assert.isTrue(existsSync(join(home.workspace, "proof")))
        assert.strictEqual(asked.length, 1)
        const [context] = asked
        assert.notStrictEqual(context!.threadId, thread.id)
        assert.notStrictEqual(context!.turnId, result.id)
        assert.deepInclude(context, { parentThreadId: thread.id, rootThreadId: thread.id })
        assert.deepInclude(router.stats(), { ...idle, threads: 2 })
      }).pipe(family(kind, {
        parent: spawnAndWait(kind),
        child: [escalate("touch proof"), Reply.text("done")]
      })))

    it.live("asks the inbox of its thread", () =>
      Effect.gen(function*() {
        const { codex, home } = yield* setup
        const inbox = yield* ServerRequests.inbox()
        const thread = yield* codex.threadStart({ serverRequests: inbox.handlers })
        const answering = yield* inbox.requests.pipe(
          Stream.take(1),
          Stream.runForEach((request) => {
            assert.strictEqual(request.context.parentThreadId, thread.id)
            return request.method === "item/commandExecution/requestApproval"
              ? request.respond({ decision: "accept" })
              : Effect.void
          }),
          Effect.forkChild
        )
        yield* thread.run("go")
        yield* Fiber.join(answering)
        assert.isTrue(existsSync(join(home.workspace, "proof")))
      }).pipe(
        Effect.scoped,
        family(kind, { parent: spawnAndWait(kind), child: [escalate("touch proof"), Reply.text("done")] })
      ))

    it.live("of a fork of a declining thread, under a client that accepts: neither runs a command", () =>
      Effect.gen(function*() {
        const { codex, home } = yield* setup
        const source = yield* codex.threadStart({ serverRequests: ServerRequests.declineAll })
        yield* source.run("begin")
        const fork = yield* codex.threadFork(source.id)
        yield* codex.threadArchive(source.id)
        yield* fork.run("go")
        assert.isFalse(existsSync(join(home.workspace, "fork")))
        assert.isFalse(existsSync(join(home.workspace, "child")))
        const own = yield* codex.threadFork(fork.id, { serverRequests: ServerRequests.acceptAll })
        yield* own.run("go")
        assert.isTrue(existsSync(join(home.workspace, "own")))
      }).pipe(family(kind, {
        parent: [
          Reply.text("hello"),
          escalate("touch fork"),
          ...spawnAndWait(kind),
          escalate("touch own"),
          Reply.text("done")
        ],
        child: [escalate("touch child"), Reply.text("I tried")]
      }, { client: { serverRequests: ServerRequests.acceptAll } })))

    it.live("is on the children of its thread, with its name, and its own events", () =>
      Effect.gen(function*() {
        const { codex, router } = yield* setup
        const thread = yield* codex.threadStart()
        const children = yield* thread.children.pipe(Stream.take(1), Stream.runCollect, Effect.forkChild)
        const events = yield* Stream.runCollect(thread.stream("go"))
        const [child] = yield* Fiber.join(children)
        assert.strictEqual(child!.parentThreadId, thread.id)
        assert.isString(child!.agentName)
        if (kind === "v2") assert.strictEqual(child!.agentName, "helper")
        assert.deepStrictEqual(child!.sandbox, thread.sandbox)
        assert.strictEqual((yield* child!.read()).parentThreadId, thread.id)
        for (const event of events) {
          if ("params" in event && "threadId" in event.params) assert.strictEqual(event.params.threadId, thread.id)
        }
        // A later consumer receives the sub-agents that exist.
        const again = yield* thread.children.pipe(Stream.take(1), Stream.runCollect)
        assert.deepStrictEqual(again.map(({ id }) => id), [child!.id])
        assert.strictEqual(thread.parentThreadId, undefined)
        const archived = yield* router.notifications.pipe(
          Stream.filter(({ method }) => method === "thread/archived"),
          Stream.take(2),
          Stream.runDrain,
          Effect.forkChild({ startImmediately: true })
        )
        yield* codex.threadArchive(thread.id)
        yield* Fiber.join(archived)
        assert.deepInclude(router.stats(), { ...idle, threads: 0 })
      }).pipe(family(kind, { parent: spawnAndWait(kind) })))

    it.live("that outlives its turn asks the handlers of its thread", () =>
      Effect.gen(function*() {
        const gate = yield* Gate.make
        yield* Effect.gen(function*() {
          const { codex, home, router } = yield* setup
          const { asked, handlers } = accepting()
          const thread = yield* codex.threadStart({ serverRequests: handlers })
          const ended = yield* router.notifications.pipe(
            Stream.filter((event) => event.method === "turn/completed" && event.params.threadId !== thread.id),
            Stream.take(1),
            Stream.runDrain,
            Effect.forkChild({ startImmediately: true })
          )
          const result = yield* thread.run("go")
          assert.deepStrictEqual(result.subagents, { running: 1, stopped: 0 })
          yield* gate.open
          yield* Fiber.join(ended)
          assert.strictEqual(asked.length, 1)
          assert.isTrue(existsSync(join(home.workspace, "proof")))
          assert.deepInclude(router.stats(), { subagents: 0, roots: 0 })
        }).pipe(family(kind, {
          parent: [spawn(kind), Reply.text("I do not wait")],
          child: [Reply.after(gate, escalate("touch proof")), Reply.text("done")]
        }))
      }))

    it.live("counts in the usage of its turn", () =>
      Effect.gen(function*() {
        const { codex } = yield* setup
        const thread = yield* codex.threadStart()
        yield* thread.run("first")
        const { subagents, usage } = yield* thread.run("go")
        assert.deepInclude(usage?.last, { totalTokens: 1300, inputTokens: 1000, outputTokens: 300 })
        assert.deepInclude(usage?.turn, { totalTokens: 1422, inputTokens: 1110, outputTokens: 312 })
        assert.deepInclude(usage?.total, { totalTokens: 1423, inputTokens: 1111 })
        assert.deepInclude(usage?.subagents, { totalTokens: 33_044, inputTokens: 33_000, outputTokens: 44 })
        assert.deepStrictEqual(subagents, { running: 0, stopped: 0 })
        const alone = yield* thread.run("last")
        assert.deepInclude(alone.usage?.subagents, { totalTokens: 0, inputTokens: 0, outputTokens: 0 })
        assert.deepStrictEqual(Object.keys(alone.usage!.turn).sort(), Object.keys(alone.usage!.subagents).sort())
      }).pipe(family(kind, {
        parent: [
          Reply.text("hello", { usage: { inputTokens: 1 } }),
          spawn(kind, {}, { usage: { inputTokens: 10, outputTokens: 2 } }),
          wait(kind, { usage: { inputTokens: 100, outputTokens: 10 } }),
          Reply.text("all done", { usage: { inputTokens: 1000, outputTokens: 300 } })
        ],
        child: [
          Reply.functionCall({ name: "exec_command", arguments: { cmd: "true" } }, {
            usage: { inputTokens: 11_000, outputTokens: 22 }
          }),
          Reply.text("done", { usage: { inputTokens: 22_000, outputTokens: 22 } })
        ]
      })))
  })
}

describe("a sub-agent of a sub-agent", () => {
  it.live("asks the handlers of the outermost thread, which learn the whole line", () =>
    Effect.gen(function*() {
      const { codex, home } = yield* setup
      const { asked, handlers } = accepting()
      const thread = yield* codex.threadStart({ serverRequests: handlers })
      const { usage } = yield* thread.run("go")
      assert.isTrue(existsSync(join(home.workspace, "proof")))
      assert.strictEqual(asked.length, 1)
      const [context] = asked
      assert.strictEqual(context!.rootThreadId, thread.id)
      const child = codex.thread(context!.parentThreadId!)
      assert.strictEqual(child.parentThreadId, thread.id)
      assert.strictEqual(codex.thread(context!.threadId!).parentThreadId, child.id)
      assert.strictEqual(usage?.subagents.totalTokens, 7)
    }).pipe(family("v1", {
      parent: spawnAndWait("v1"),
      child: spawnAndWait("v1"),
      grandchild: [escalate("touch proof", { usage: { inputTokens: 7 } }), Reply.text("done")]
    }, { depth: 3 })))
})

const command = escalate("touch proof")

const restarting = (parent: Lines["parent"], serverRequests: ServerRequests.ServerRequestHandlers = {}) =>
  family("v1", { parent }, { client: { restart: Schedule.spaced("1 millis"), serverRequests } })

describe("a fork, after a restart of the server,", () => {
  it.live("asks its own handlers, also when its source was archived before its next use", () =>
    Effect.gen(function*() {
      const { codex, home } = yield* setup
      const source = yield* codex.threadStart()
      yield* source.run("one")
      const fork = yield* codex.threadFork(source.id, { serverRequests: ServerRequests.declineAll })
      yield* fork.run("two")
      yield* restartServer
      yield* source.run("three")
      yield* codex.threadArchive(source.id)
      yield* fork.run("go")
      assert.isFalse(existsSync(join(home.workspace, "proof")))
    }).pipe(restarting(
      [Reply.text("1"), Reply.text("2"), Reply.text("3"), command, Reply.text("I tried")],
      ServerRequests.acceptAll
    )))

  it.live("asks the handlers of its source, also when that was archived before the restart", () =>
    Effect.gen(function*() {
      const { codex, home } = yield* setup
      const source = yield* codex.threadStart({ serverRequests: ServerRequests.acceptAll })
      yield* source.run("one")
      const fork = yield* codex.threadFork(source.id)
      yield* fork.run("two")
      yield* codex.threadArchive(source.id)
      yield* restartServer
      yield* fork.run("go")
      assert.isTrue(existsSync(join(home.workspace, "proof")))
    }).pipe(restarting([Reply.text("1"), Reply.text("2"), command, Reply.text("done")])))
})

describe("tools of a thread", () => {
  for (
    const { kind, fields, offered } of [
      { kind: "v2", fields: {}, offered: true },
      { kind: "v1", fields: { fork_context: true }, offered: true },
      { kind: "v1", fields: {}, offered: false }
    ] as const
  ) {
    it.live(`${offered ? "are" : "are not"} offered to a sub-agent (${kind}, ${JSON.stringify(fields)})`, () =>
      Effect.gen(function*() {
        const { codex, model } = yield* setup
        const called: Array<ServerRequests.RequestContext> = []
        const thread = yield* codex.threadStart({
          dynamicTools: [{
            type: "function",
            name: "lookup",
            description: "Looks up.",
            inputSchema: { type: "object" }
          }],
          serverRequests: ServerRequests.make({
            "item/tool/call": (_, context) =>
              Effect.sync(() => {
                called.push(context)
                return { success: true, contentItems: [{ type: "inputText", text: "42" }] }
              })
          })
        })
        yield* thread.run("go")
        assert.deepStrictEqual(called.map(({ parentThreadId }) => parentThreadId), offered ? [thread.id] : [])
        const outputs = (yield* model.requests).filter(({ parentThreadId }) => parentThreadId !== undefined)
          .map((request) => request.toolOutput())
        assert.strictEqual(outputs.at(-1), offered ? "42" : "unsupported call: lookup")
      }).pipe(family(kind, {
        parent: [spawn(kind, fields), wait(kind), Reply.text("all done")],
        child: [Reply.functionCall({ name: "lookup", arguments: {} }), Reply.text("done")]
      })))
  }
})
