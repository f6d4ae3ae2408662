/**
 * The behaviour on every supported version of the server. The normal tests run on the pinned one;
 * `npm run test:versions` runs it on older ones, by way of CODEX_PATH.
 */
import { Gate, Item, Reply, TestCodex } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { CodexError, Input, ServerRequests } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { agentTexts, deltas, echoing, idle, scripted, serverOf, setup } from "../real/utils.ts"

const isAtLeast = (version: string, minor: number): boolean => Number(version.split(".")[1]) >= minor

const escalated = Reply.make([
  Item.functionCall({
    name: "exec_command",
    arguments: {
      cmd: "touch made-by-codex && echo approved",
      sandbox_permissions: "require_escalated",
      justification: "a test"
    }
  })
])

describe("every version", () => {
  it.live("shakes hands", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      assert.match(codex.metadata.serverVersion, /^\d+\.\d+\.\d+/)
    }).pipe(echoing))

  it.live("runs and streams turns, one after the other and side by side", () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const thread = yield* codex.threadStart()
      const [one, two] = yield* Effect.all([thread.run("one"), thread.run("two")], { concurrency: 2 })
      assert.deepStrictEqual([one.finalResponse, two.finalResponse], ["one", "two"])
      assert.notStrictEqual(one.id, two.id)

      const answers = yield* Effect.forEach(["a", "b", "c", "d"], (text) =>
        Effect.gen(function*() {
          const thread = yield* codex.threadStart()
          const events = yield* Stream.runCollect(thread.stream(text))
          assert.strictEqual(events.at(-1)?.method, "turn/completed")
          return deltas(events).join("")
        }), { concurrency: 4 })
      assert.deepStrictEqual(answers, ["a", "b", "c", "d"])
      assert.deepInclude(router.stats(), idle)
    }).pipe(echoing))

  it.live("decodes every notification of a turn", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(
        Reply.make([
          Item.message({ text: "thinking", phase: "commentary" }),
          Item.functionCall({ name: "exec_command", arguments: { cmd: "echo done" } })
        ]),
        Reply.message({ deltas: ["he", "llo"], phase: "final_answer" }, { usage: { inputTokens: 3, outputTokens: 4 } })
      )
      const thread = yield* codex.threadStart()
      const turn = yield* thread.turn("go")
      const events = yield* Stream.runCollect(turn.stream)
      assert.deepStrictEqual(events.filter((event) => event.method.startsWith("$")), [])
      const result = yield* turn.run
      assert.strictEqual(result.finalResponse, "hello")
      const [output] = (yield* model.awaitRequest(1)).inputItems("function_call_output")
      assert.include(result.items.map(({ type }) => type), "commandExecution", JSON.stringify(output))
      assert.strictEqual(result.usage?.last.totalTokens, 7)
    }).pipe(scripted))

  it.live("steers a turn, also one that has just been started", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.message({ deltas: ["one", gate, " more"] }), Reply.text("steered"))
      const thread = yield* codex.threadStart()
      const turn = yield* thread.turn("start")
      yield* turn.steer("and this")
      yield* gate.arrived
      yield* gate.open
      assert.strictEqual((yield* turn.run).finalResponse, "steered")
      assert.include((yield* model.awaitRequest(1)).userTexts.join("|"), "and this")
    }).pipe(scripted))

  it.live("interrupts a turn, also one that has just been started", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart()
      const turn = yield* thread.turn("stop me")
      yield* turn.interrupt
      assert.include(["interrupted", "completed"], (yield* turn.run).status)
      assert.strictEqual((yield* thread.run("go on")).finalResponse, "go on")
    }).pipe(echoing))

  it.live("interrupts the turn with the fiber, and the thread continues", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      const thread = yield* codex.threadStart()
      yield* model.enqueue(Reply.hang, Reply.text("after"))
      const running = yield* Effect.forkChild(thread.run("never ends"))
      yield* model.awaitRequest(0)
      yield* Fiber.interrupt(running)
      assert.strictEqual((yield* thread.run("next")).finalResponse, "after")
      assert.deepInclude(router.stats(), idle)
    }).pipe(scripted))

  it.live("fails with the turn's error, and keeps the completed items", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(Reply.failed({ code: "insufficient_quota", message: "no money" }))
      const thread = yield* codex.threadStart()
      const error = yield* Effect.flip(thread.run("fail"))
      assert(error._tag === "TurnFailedError")
      assert.strictEqual(error.result.status, "failed")
      assert.deepStrictEqual(error.result.items.map((item) => item.type), ["userMessage"])
    }).pipe(scripted))

  it.live("resumes, forks, names, reads, lists, archives and compacts threads", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart()
      yield* thread.run("first")
      yield* thread.setName("a name")
      const fork = yield* codex.threadFork(thread.id)
      assert.notStrictEqual(fork.id, thread.id)
      assert.strictEqual((yield* fork.run("second")).finalResponse, "second")
      const read = yield* codex.threadRead(thread.id, { includeTurns: true })
      assert.strictEqual(read.name, "a name")
      assert.deepStrictEqual((read.turns ?? []).flatMap(agentTexts), ["first"])
      assert.strictEqual((yield* (yield* codex.threadResume(thread.id)).run("third")).finalResponse, "third")
      const listed = yield* Stream.runCollect(codex.threadList())
      assert.includeMembers(listed.map(({ id }) => id), [thread.id])
      yield* thread.compact
      yield* codex.threadArchive(thread.id)
      const archived = yield* codex.threadListPage({ archived: true })
      assert.deepStrictEqual(archived.data.map(({ id }) => id), [thread.id])
      assert.strictEqual((yield* codex.threadUnarchive(thread.id)).id, thread.id)
      assert.isAbove((yield* Stream.runCollect(codex.models())).length, 0)
    }).pipe(echoing))

  it.live("answers approvals", () =>
    Effect.gen(function*() {
      const asked = yield* Deferred.make<string | null | undefined>()
      const layer = TestCodex.layer({
        script: { replies: [escalated, Reply.text("ran"), escalated, Reply.text("refused")] },
        home: { approvalPolicy: "on-request" },
        client: {
          serverRequests: {
            "item/commandExecution/requestApproval": (params) =>
              Effect.as(Deferred.succeed(asked, params.command), { decision: "accept" } as const)
          }
        }
      })
      yield* Effect.gen(function*() {
        const { codex, model } = yield* setup
        const accepted = yield* codex.threadStart()
        yield* accepted.run("run it")
        assert.include(yield* Deferred.await(asked), "echo approved")
        assert.include(JSON.stringify((yield* model.awaitRequest(1)).toolOutput()), "approved")
        const declined = yield* codex.threadStart({ serverRequests: ServerRequests.declineAll })
        yield* declined.run("run it again")
        assert.match(JSON.stringify((yield* model.awaitRequest(3)).toolOutput()), /reject|denied|declined/i)
      }).pipe(Effect.provide(layer))
    }))

  it.live("refuses options that the server is too old for, before anything is sent", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      const exit = yield* Effect.exit(
        thread.run(Input.externalMessage({ toolName: "mail", content: "hello from outside" }))
      )
      if (isAtLeast(codex.metadata.serverVersion, 151)) {
        assert.isTrue(Exit.isSuccess(exit))
      } else {
        const error = yield* Effect.flip(exit)
        assert.strictEqual(error._tag, "UnsupportedByServerError")
        assert.lengthOf(yield* model.requests, 0)
      }
    }).pipe(echoing))

  it.live("fails every caller with the way in which the process was lost", () =>
    Effect.gen(function*() {
      const { codex, home, model } = yield* setup
      yield* model.enqueue(Reply.hang)
      const thread = yield* codex.threadStart()
      const running = yield* Effect.forkChild(Effect.flip(thread.run("wait")))
      yield* model.awaitRequest(0)
      process.kill(yield* serverOf(home.codexHome), "SIGKILL")
      const error = yield* Fiber.join(running)
      assert(error._tag === "CodexConnectionError" && error.reason._tag === "Exited")
      assert.strictEqual(error.reason.signal, "SIGKILL")
      assert.isTrue(CodexError.isRetryable(error))
      assert.strictEqual(yield* Effect.flip(thread.run("again")), error)
    }).pipe(scripted))
})
