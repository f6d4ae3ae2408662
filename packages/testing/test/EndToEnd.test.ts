import { CodexHome, Gate, Item, Reply, ScriptedModel, Step } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RawCodex from "./RawCodex.ts"

const live = (options?: Parameters<typeof CodexHome.layer>[0], script?: ScriptedModel.Script) =>
  CodexHome.layer(options).pipe(Layer.provideMerge(ScriptedModel.layer(script)))

const setup = Effect.gen(function*() {
  const model = yield* ScriptedModel.ScriptedModel
  const codex = yield* RawCodex.make
  return { model, codex }
})

describe("the real binary on a scripted model", () => {
  it.live("runs a turn with deltas, phases, reasoning and usage", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(Reply.make([
        Item.reasoning({ deltas: ["h", "m"] }),
        Item.message({ text: "Let me see.", phase: "commentary" }),
        Item.message({ deltas: ["grü", "ß 🦀"], phase: "final_answer" })
      ], { usage: { inputTokens: 12, cachedInputTokens: 3, outputTokens: 5, reasoningOutputTokens: 2 } }))
      const thread = yield* codex.startThread()
      assert.deepStrictEqual(yield* model.requests, [])
      const turn = yield* codex.run(thread, "sag hallo")
      assert.strictEqual(turn.status, "completed")

      const messages = (yield* codex.received).filter((message) => message.params.turnId === turn.id)
      assert.deepStrictEqual(
        messages.filter((message) => message.method === "item/agentMessage/delta").map((message) =>
          message.params.delta
        ),
        ["Let me see.", "grü", "ß 🦀"]
      )
      const items = messages.filter((message) => message.method === "item/completed").map((message) =>
        message.params.item
      )
      assert.deepStrictEqual(items.map((item) => [item.type, item.text ?? item.summary, item.phase]), [
        ["userMessage", undefined, undefined],
        ["reasoning", ["hm"], undefined],
        ["agentMessage", "Let me see.", "commentary"],
        ["agentMessage", "grüß 🦀", "final_answer"]
      ])
      const usage = messages.find((message) => message.method === "thread/tokenUsage/updated")
      assert.deepInclude(usage?.params.tokenUsage.last, {
        inputTokens: 12,
        cachedInputTokens: 3,
        outputTokens: 5,
        reasoningOutputTokens: 2,
        totalTokens: 17
      })

      const [request, ...rest] = yield* model.requests
      assert.deepStrictEqual(rest, [])
      assert.strictEqual(request!.model, "mock-model")
      assert.strictEqual(request!.lastUserText, "sag hallo")
      assert.strictEqual(request!.kind, "turn")
      assert.strictEqual(request!.threadId, thread)
      assert.strictEqual(request!.turnId, turn.id)
      assert.strictEqual(request!.body.stream, true)
      assert.isUndefined(request!.outputFormat)
      assert.isTrue(request!.texts("developer")[0]?.startsWith("You are a coding agent"))
      assert.include(request!.toolNames, "exec_command")
      assert.notInclude(request!.toolNames, "apply_patch")
    }).pipe(Effect.scoped, Effect.provide(live())))

  it.live("runs a command and sends its output to the model", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const home = yield* CodexHome.CodexHome
      yield* model.enqueue(
        Reply.make([
          Item.functionCall({ name: "exec_command", arguments: { cmd: "pwd" }, callId: "where" }),
          Item.functionCall({ name: "nonesuch", arguments: {} })
        ]),
        Reply.text("done")
      )
      const turn = yield* codex.run(yield* codex.startThread(), "where are you?")
      assert.strictEqual(turn.status, "completed")
      const requests = yield* model.requests
      assert.strictEqual(requests.length, 2)
      assert.isUndefined(requests[0]!.toolOutput())
      assert.include(requests[1]!.toolOutput("where"), `Output:\n${home.workspace}\n`)
      assert.strictEqual(requests[1]!.toolOutput("call_0_1"), "unsupported call: nonesuch")
    }).pipe(Effect.scoped, Effect.provide(live())))

  it.live("patches files, if the model has apply_patch", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(
        Reply.make([
          Item.customToolCall({
            name: "apply_patch",
            input: "*** Begin Patch\n*** Add File: a.txt\n+hi\n*** End Patch"
          })
        ]),
        Reply.functionCall({ name: "exec_command", arguments: { cmd: "cat a.txt" } }),
        Reply.text("done")
      )
      yield* codex.run(yield* codex.startThread(), "write")
      const requests = yield* model.requests
      assert.include(requests[0]!.toolNames, "apply_patch")
      assert.include(requests[1]!.toolOutput(), "Success. Updated the following files:\nA a.txt")
      assert.include(requests[2]!.toolOutput(), "Output:\nhi\n")
    }).pipe(Effect.scoped, Effect.provide(live({ model: "gpt-5.5", sandboxMode: "workspace-write" }))))

  it.live("maps failures of the model to errors of the turn", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const failures: ReadonlyArray<readonly [Reply.Reply, unknown]> = [
        [Reply.failed({ code: "server_is_overloaded", message: "later" }), "serverOverloaded"],
        [Reply.failed({ code: "rate_limit_exceeded", message: "slow" }), "rateLimitExceeded"],
        [Reply.failed({ code: "insufficient_quota", message: "pay" }), "usageLimitExceeded"],
        [Reply.failed({ code: "something_new", message: "?" }), "other"],
        [Reply.httpError(500, "oops"), "internalServerError"],
        [Reply.httpError(401, "who?"), { httpConnectionFailed: { httpStatusCode: 401 } }],
        [Reply.httpError(429, "slow"), { responseTooManyFailedAttempts: { httpStatusCode: 429 } }],
        [Reply.cut, "other"],
        [Reply.message({ deltas: ["half", Step.cut] }), "other"],
        [Reply.failed({ code: "context_length_exceeded", message: "big" }), "contextWindowExceeded"]
      ]
      const thread = yield* codex.startThread()
      for (const [reply, info] of failures) {
        yield* model.enqueue(reply)
        const turn = yield* codex.run(thread, "go")
        assert.strictEqual(turn.status, "failed")
        assert.deepStrictEqual(turn.error.codexErrorInfo, info)
      }
      assert.strictEqual((yield* model.requests).length, failures.length)

      yield* model.enqueue(Reply.text("summary"), Reply.text("fine again"))
      assert.strictEqual((yield* codex.run(thread, "go on")).status, "completed")
      const [compaction, turn] = (yield* model.requests).slice(-2)
      assert.deepStrictEqual([compaction!.kind, turn!.kind], ["compaction", "turn"])
    }).pipe(Effect.scoped, Effect.provide(live())))

  it.live("waits at gates for steering and interruption", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.startThread()
      const steer = yield* Gate.make
      yield* model.enqueue(Reply.message({ deltas: ["one ", steer, "two"] }), Reply.text("as you like"))
      const turnId = yield* codex.startTurn(thread, "count")
      yield* steer.arrived
      yield* codex.waitFor("item/agentMessage/delta", (params) => params.delta === "one ")
      yield* codex.request("turn/steer", {
        threadId: thread,
        expectedTurnId: turnId,
        input: [{ type: "text", text: "faster" }]
      })
      yield* steer.open
      assert.strictEqual((yield* codex.completed(turnId)).status, "completed")
      assert.deepStrictEqual((yield* model.requests).map((request) => request.lastUserText), ["count", "faster"])

      const interrupt = yield* Gate.make
      yield* model.enqueue(Reply.after(interrupt, Reply.text("never said")))
      const interrupted = yield* codex.startTurn(thread, "count on")
      yield* interrupt.arrived
      yield* codex.request("turn/interrupt", { threadId: thread, turnId: interrupted })
      assert.strictEqual((yield* codex.completed(interrupted)).status, "interrupted")
      const request = yield* model.awaitRequest(2)
      assert.strictEqual(yield* request.outcome, "aborted")

      yield* model.enqueue(Reply.text("three"))
      assert.strictEqual((yield* codex.run(thread, "and now?")).status, "completed")
    }).pipe(Effect.scoped, Effect.provide(live())))

  it.live("sends approvals to the client, or to the reviewing model", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const escalate = Reply.functionCall({
        name: "exec_command",
        arguments: { cmd: "touch made", sandbox_permissions: "require_escalated", justification: "I have to" }
      })
      yield* model.enqueue(escalate, Reply.text("made"))
      const asking = yield* codex.startThread({ approvalPolicy: "on-request" })
      const turnId = yield* codex.startTurn(asking, "make it")
      const approval = yield* codex.waitFor("item/commandExecution/requestApproval")
      assert.strictEqual(approval.params.reason, "I have to")
      yield* codex.respond(approval.id!, { decision: "accept" })
      yield* codex.completed(turnId)
      assert.include((yield* model.awaitRequest(1)).toolOutput(), "Process exited with code 0")

      yield* model.enqueue(escalate, Reply.text(`{"outcome":"deny","rationale":"no"}`), Reply.text("what a pity"))
      const reviewed = yield* codex.startThread({ approvalPolicy: "on-request", approvalsReviewer: "auto_review" })
      yield* codex.run(reviewed, "make it")
      const [turn, review, answer] = (yield* model.requests).slice(2)
      assert.deepStrictEqual([turn!.threadId, answer!.threadId], [reviewed, reviewed])
      assert.notStrictEqual(review!.threadId, reviewed)
      assert.strictEqual(review!.outputFormat?.name, "codex_output_schema")
      assert.notInclude(answer!.toolOutput(), "Process exited with code 0")

      yield* model.enqueue(escalate, Reply.text(`{"outcome":"allow"}`), Reply.text("made again"))
      yield* codex.run(reviewed, "make it again")
      assert.include((yield* model.awaitRequest(7)).toolOutput(), "Process exited with code 0")
    }).pipe(Effect.scoped, Effect.provide(live())))

  it.live("serves many threads with one function", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const names = Array.from({ length: 8 }, (_, index) => `thread ${index}`)
      const answers = yield* Effect.forEach(names, (name) =>
        Effect.gen(function*() {
          const turn = yield* codex.run(yield* codex.startThread(), name)
          return turn.items.at(-1).text
        }), { concurrency: "unbounded" })
      assert.deepStrictEqual(answers, names.map((name) => `echo of ${name}`))
    }).pipe(
      Effect.scoped,
      Effect.provide(live({}, { respond: (request) => Reply.text(`echo of ${request.lastUserText}`) }))
    ))
})
