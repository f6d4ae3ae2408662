/** Cases of the reference that no other file has: see `docs/parity.md`. */
import * as Protocol from "@effect-codex/protocol/Protocol"
import { FakeAppServer, Fixture, Gate } from "@effect-codex/testing"
import { assert, describe } from "@effect/vitest"
import { Codex, Input, type Notification, type Thread } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { idle, inBackground, scenario } from "./scenario.ts"

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

setFlagsFromString("--expose_gc")
const collectGarbage: () => void = runInNewContext("gc")

/** Until the garbage collector has taken them all: what somebody still holds makes the test time out. */
const collected = (references: ReadonlyArray<WeakRef<object>>): Effect.Effect<void> =>
  Effect.sync(() => {
    collectGarbage()
    return references.every((reference) => reference.deref() === undefined)
  }).pipe(
    Effect.andThen((gone) => Effect.as(Effect.yieldNow, gone)),
    Effect.repeat({ until: (gone) => gone }),
    Effect.asVoid
  )

/** References to the events of a turn that say something, as they pass. */
const watched = (events: Stream.Stream<Notification.Notification, unknown>) => {
  const references: Array<WeakRef<object>> = []
  return {
    references,
    drain: Stream.runForEach(events, (event) =>
      Effect.sync(() => {
        if (event.method === "item/agentMessage/delta") references.push(new WeakRef(event))
      }))
  }
}

const alive = (references: ReadonlyArray<WeakRef<object>>) =>
  references.filter((reference) => reference.deref() !== undefined).length

describe("memory", () => {
  const deltas = Array.from({ length: 1000 }, (_, index) => `piece ${index}`)

  scenario("what every consumer has seen is freed while the turn runs", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const gate = yield* Gate.make
      yield* server.enqueue([...deltas, gate, "end"])
      const turn = yield* thread.turn("go")
      const { drain, references } = watched(turn.stream)
      const consumer = yield* inBackground(drain)
      yield* gate.arrived
      yield* Effect.repeat(Effect.yieldNow, { until: () => references.length === deltas.length })
      yield* collected(references)
      assert.isUndefined(consumer.pollUnsafe())
      yield* gate.open
      yield* Fiber.join(consumer)
      assert.lengthOf(references, deltas.length + 1)
    }))

  scenario("what the handle of an ended turn still holds is freed with the handle", () =>
    Effect.gen(function*() {
      const { server, thread } = yield* setup
      const gate = yield* Gate.make
      yield* server.enqueue([gate, ...deltas])
      const handles = { seen: yield* thread.turn("go"), unseen: yield* joined(thread) }
      yield* gate.arrived
      const { drain, references } = watched(handles.seen.stream)
      const consumer = yield* inBackground(drain)
      yield* gate.open
      yield* handles.seen.run
      yield* Fiber.join(consumer)
      collectGarbage()
      assert.strictEqual(alive(references), deltas.length)
      Reflect.deleteProperty(handles, "unseen")
      yield* collected(references)
      yield* idle
    }))
})

/** A second handle of the turn that runs. */
const joined = (thread: Thread.Thread) => thread.turn("me too", { whenBusy: "steer" })
