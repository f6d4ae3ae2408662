/** Cases of the reference that no other file has: see `docs/contributing/parity.md`. */
import * as Protocol from "@effect-codex/protocol/Protocol"
import { FakeAppServer, Fixture, Gate } from "@effect-codex/testing"
import { assert, describe } from "@effect/vitest"
import { Codex, Input } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { collecting, scenario } from "./scenario.ts"

const setup = Effect.gen(function*() {
  const server = yield* FakeAppServer.FakeAppServer
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  return { server, codex, thread }
})

describe("reviewer decisions", () => {
  const actions: ReadonlyArray<Protocol.GuardianApprovalReviewAction> = [
    { type: "command", command: "rm -rf /scratch/scratch", cwd: "/project/my app", source: "shell" },
    { type: "applyPatch", cwd: "/project", files: ["/project/a.ts", "/project/sub dir/b.ts"] }
  ]

  scenario("names commands and files by absolute paths, as they came", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      yield* server.on("turn/start", () => ({ turn: Fixture.turn({ id: "turn-1" }) }))
      const turn = yield* thread.turn("go")
      const review = (action: Protocol.GuardianApprovalReviewAction) => ({
        method: "item/autoApprovalReview/started" as const,
        params: {
          threadId: thread.id,
          turnId: turn.id,
          reviewId: "review-1",
          targetItemId: null,
          startedAtMs: 0,
          review: { status: "inProgress", riskLevel: null, rationale: null, userAuthorization: null },
          action
        }
      })
      yield* server.notifyAll([...actions.map(review), Fixture.turnCompleted(thread.id, turn.id)])
      const events = yield* Stream.runCollect(turn.stream)
      assert.deepStrictEqual(
        events.flatMap((event) => event.method === "item/autoApprovalReview/started" ? [event.params.action] : []),
        actions
      )
      const codec = Protocol.GuardianApprovalReviewAction
      for (const action of actions) {
        const encoded = yield* Effect.orDie(Schema.encodeEffect(codec)(action))
        assert.deepStrictEqual(encoded, action)
        assert.deepStrictEqual(yield* Effect.orDie(Schema.decodeUnknownEffect(codec)(encoded)), action)
      }
    }))
})

describe("values of tomorrow", () => {
  scenario("are sent, and arrive, as they are", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      const plan = { type: "chatgpt", email: null, planType: "self_serve_business_prolite" } as const
      yield* server.on("account/read", () => FakeAppServer.verbatim({ account: plan, requiresOpenaiAuth: true }))
      assert.deepStrictEqual((yield* codex.account()).account, plan)
      for (const effort of ["max", "ultra", "future"]) {
        for (const approvalsReviewer of ["auto_review", "guardian_subagent", "future_reviewer"]) {
          const thread = yield* codex.threadStart({ threadSource: "future_source", approvalsReviewer })
          yield* thread.run("go", { effort })
          const { params } = (yield* server.requests).at(-2)!
          assert.deepStrictEqual(params, { threadSource: "future_source", approvalsReviewer })
          assert.deepInclude((yield* server.requests).at(-1)!.params, { threadId: thread.id, effort })
        }
      }
    }))
})

describe("notifications", () => {
  scenario("have the types of their methods, beside unknown ones", () =>
    Effect.gen(function*() {
      const { codex, server, thread } = yield* setup
      const messages = [
        { method: "thread/queue/changed", params: { threadId: thread.id } },
        { method: "warning", params: { message: "careful", threadId: null } },
        { method: "future/notification", params: { threadId: thread.id, more: true } }
      ]
      const others = Stream.filter(codex.client.notifications, ({ method }) => method !== "thread/started")
      const reading = yield* collecting(others, messages.length)
      yield* server.write(messages.map(Fixture.line).join(""))
      const [queue, warning, future] = yield* Fiber.join(reading)
      assert(queue?.method === "thread/queue/changed")
      assert.strictEqual(queue.params.threadId, thread.id)
      assert(warning?.method === "warning")
      assert.strictEqual(warning.params.message, "careful")
      assert.deepStrictEqual(future, { method: "$unknown", raw: messages[2]! })
    }))
})

describe("a raw turn/start that is answered with the turn that runs", () => {
  scenario("changes nothing: its handle receives all events once, and the end", () =>
    Effect.gen(function*() {
      const { codex, server, thread } = yield* setup
      const gate = yield* Gate.make
      yield* server.enqueue(["one ", gate, "two"])
      const turn = yield* thread.turn("go")
      yield* gate.arrived
      yield* server.on("turn/start", () => ({ turn: Fixture.turn({ id: turn.id }) }))
      const raw = yield* codex.client.request("turn/start", { threadId: thread.id, input: [Input.text("more")] })
      assert.strictEqual(raw.turn.id, turn.id)
      yield* gate.open
      assert.deepStrictEqual(yield* Stream.runCollect(turn.text), ["one ", "two"])
      assert.strictEqual((yield* turn.run).finalResponse, "one two")
      assert.deepStrictEqual((yield* Stream.runCollect(turn.stream)).map(({ method }) => method), ["turn/completed"])
    }))
})

describe("an external message", () => {
  scenario("stands alone, has a name, and steers no turn; otherwise nothing is sent", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const message = Input.externalMessage({ toolName: "mail", content: "hi" })
      const inputs: ReadonlyArray<Input.Input> = [
        // @ts-expect-error it can't be an item of a list
        [message, "and this"],
        // @ts-expect-error not even alone
        [message],
        Input.externalMessage({ toolName: " \t", content: "hi" }),
        Input.externalMessage({ toolName: "", content: [{ type: "input_text", text: "hi" }] })
      ]
      for (const input of inputs) {
        const error = yield* Effect.flip(thread.run(input))
        assert.isTrue(error._tag === "InvalidInputError" && error.field === "input")
      }
      assert.deepStrictEqual((yield* server.requests).map(({ method }) => method), ["initialize", "thread/start"])

      const gate = yield* Gate.make
      yield* server.enqueue(["a", gate])
      const turn = yield* thread.turn("go")
      yield* gate.arrived
      assert.strictEqual((yield* Effect.flip(turn.steer(message)))._tag, "InvalidInputError")
      assert.isFalse((yield* server.requests).some(({ method }) => method === "turn/steer"))
      yield* gate.open
      yield* turn.run
    }))

  scenario("may have several contents", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const content = [{ type: "input_text", text: "one" }, { type: "input_text", text: "two" }] as const
      yield* thread.run(Input.externalMessage({ toolName: "mail", namespace: "inbox", content }))
      assert.deepStrictEqual((yield* server.awaitRequest("turn/start")).params, {
        threadId: thread.id,
        input: [],
        toolOutput: { name: "mail", namespace: "inbox", output: content }
      })
    }))
})
