/** Cases of the reference that no other file has: see `docs/parity.md`. */
import * as Protocol from "@effect-codex/protocol/Protocol"
import { FakeAppServer, Fixture, Gate } from "@effect-codex/testing"
import { assert, describe } from "@effect/vitest"
import { Codex, Input } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { scenario } from "./scenario.ts"

const setup = Effect.gen(function*() {
  const server = yield* FakeAppServer.FakeAppServer
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  return { server, codex, thread }
})

describe("what the reviewer decides", () => {
  const actions: ReadonlyArray<Protocol.GuardianApprovalReviewAction> = [
    { type: "command", command: "rm -rf /tmp/scratch", cwd: "/work/my project", source: "shell" },
    { type: "applyPatch", cwd: "/work", files: ["/work/a.ts", "/work/sub dir/b.ts"] }
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

describe("a raw turn/start that is answered with the turn that runs", () => {
  scenario("disturbs nobody: its handle gets all events, once, and the end", () =>
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
  scenario("stands alone, has a name, and steers nobody; else nothing is sent", () =>
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

const goal = (threadId: string, status: "active" | "paused" | "complete") => ({
  threadId,
  objective: "go on",
  status,
  tokenBudget: null,
  tokensUsed: 0,
  timeUsedSeconds: 0,
  createdAt: 0,
  updatedAt: 0
})

/** The first turn ends, and the second begins. */
const rollover = (threadId: string) => [
  Fixture.turnCompleted(threadId, "turn-1"),
  Fixture.turnStarted(threadId, "turn-2")
]

/** The turn that the client knows is the first one; the server has begun the second. */
const stale = (method: "turn/steer" | "turn/interrupt") =>
  Effect.gen(function*() {
    const { server, thread } = yield* setup
    const update = (status: "active" | "paused" | "complete") =>
      server.notify("thread/goal/updated", { threadId: thread.id, turnId: null, goal: goal(thread.id, status) })
    yield* server.on("thread/goal/clear", () => ({ cleared: false }))
    yield* server.on("thread/goal/set", ({ status }) =>
      Effect.gen(function*() {
        yield* update(status === "paused" ? "paused" : "active")
        if (status === "active") yield* server.notifyAll([Fixture.turnStarted(thread.id, "turn-1")])
        return { goal: goal(thread.id, status === "paused" ? "paused" : "active") }
      }))
    yield* server.on(method, (params) => {
      const turnId = "expectedTurnId" in params ? params.expectedTurnId : params.turnId
      return turnId === "turn-2"
        ? FakeAppServer.verbatim({ turnId })
        : Effect.fail(
          new FakeAppServer.RpcError({
            code: -32600,
            message: `expected active turn id ${turnId} but found turn-2`
          })
        )
    })
    return { server, thread, update, goal: yield* thread.startGoal("go on") }
  })

describe("a goal whose turn is another by now", () => {
  scenario("is steered by the id that the server names", () =>
    Effect.gen(function*() {
      const { goal, server, thread, update } = yield* stale("turn/steer")
      yield* goal.steer("faster")
      const steered = (yield* server.requests).filter(({ method }) => method === "turn/steer")
      assert.deepStrictEqual(steered.map(({ message }) => message["params"]), [
        { threadId: thread.id, expectedTurnId: "turn-1", input: [Input.text("faster")] },
        { threadId: thread.id, expectedTurnId: "turn-2", input: [Input.text("faster")] }
      ])
      yield* server.notifyAll(rollover(thread.id))
      yield* update("complete")
      yield* server.notifyAll([
        Fixture.itemCompleted(thread.id, "turn-2", Fixture.agentMessage("done")),
        Fixture.turnCompleted(thread.id, "turn-2")
      ])
      const result = yield* goal.run
      assert.deepStrictEqual([result.id, result.status, result.finalResponse], ["turn-1", "completed", "done"])
    }))

  scenario("is paused, and interrupted by the id that the server names", () =>
    Effect.gen(function*() {
      const { goal, server, thread } = yield* stale("turn/interrupt")
      yield* goal.interrupt
      const ids = (yield* server.requests).flatMap(({ message, method }) =>
        method === "turn/interrupt" ? [message["params"]] : []
      )
      assert.deepStrictEqual(ids, ["turn-1", "turn-2"].map((turnId) => ({ threadId: thread.id, turnId })))
      assert.include((yield* server.awaitRequest("thread/goal/set", 1)).params, { status: "paused" })
      yield* server.notifyAll([
        ...rollover(thread.id),
        Fixture.turnCompleted(thread.id, "turn-2", { status: "interrupted" })
      ])
      const result = yield* goal.run
      assert.deepStrictEqual([result.id, result.status], ["turn-1", "interrupted"])
    }))
})
