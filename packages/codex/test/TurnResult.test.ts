import type * as Protocol from "@effect-codex/protocol/Protocol"
import { Fixture } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Notification from "../src/model/turns/Notification.ts"
import * as TurnResult from "../src/model/turns/TurnResult.ts"

const message = (text: string, phase: string | null | undefined): Protocol.ThreadItem => {
  const { phase: _, ...item } = Fixture.agentMessage(text)
  return phase === undefined ? item : { ...item, phase }
}

const other: Protocol.ThreadItem = { type: "contextCompaction", id: "item-9" }

const events = (...all: ReadonlyArray<Fixture.Notification>) => all.map((event) => Notification.fromMessage(event))

describe("finalResponse", () => {
  const table: ReadonlyArray<
    readonly [name: string, items: ReadonlyArray<Protocol.ThreadItem>, expected: string | null]
  > = [
    ["nothing", [], null],
    ["no message", [other], null],
    ["one without a phase", [message("a", null)], "a"],
    ["one of an old server", [message("a", undefined)], "a"],
    ["the last of two", [message("a", null), message("b", null)], "b"],
    ["an empty text", [message("a", null), message("", null)], ""],
    ["commentary alone", [message("a", "commentary")], null],
    ["commentary, then the answer", [message("a", "commentary"), message("b", "final_answer")], "b"],
    ["the answer, then commentary", [message("a", "final_answer"), message("b", "commentary")], "a"],
    ["the answer, then one without a phase", [message("a", "final_answer"), message("b", null)], "a"],
    ["two answers", [message("a", "final_answer"), message("b", "final_answer")], "b"],
    ["an empty answer", [message("a", null), message("", "final_answer")], ""],
    ["a phase that is not known", [message("a", "soliloquy")], null],
    ["one without a phase, then one of a phase that is not known", [message("a", null), message("b", "x")], "a"],
    ["among others", [other, message("a", "final_answer"), other], "a"]
  ]
  for (const [name, items, expected] of table) {
    it(`${name}: ${JSON.stringify(expected)}`, () => assert.strictEqual(TurnResult.finalResponse(items), expected))
  }
})

describe("Fold", () => {
  it("folds the events of a turn, and returns the result with the completion", () => {
    const fold = new TurnResult.Fold("thread", "turn")
    const [compaction, answer] = [other, Fixture.agentMessage("done", { phase: "final_answer" })]
    const results = events(
      Fixture.turnStarted("thread", "turn"),
      Fixture.itemCompleted("thread", "turn", compaction),
      Fixture.delta("thread", "turn", "do"),
      Fixture.itemCompleted("thread", "turn", answer),
      Fixture.tokenUsage("thread", "turn", Fixture.tokens({ totalTokens: 1 })),
      Fixture.tokenUsage("thread", "turn", Fixture.tokens({ totalTokens: 2 }), Fixture.tokens({ totalTokens: 9 })),
      Fixture.turnCompleted("thread", "turn", { startedAt: 1, completedAt: 3, durationMs: 2000 })
    ).map((event) => fold.add(event))
    assert.deepStrictEqual(results.slice(0, -1), [undefined, undefined, undefined, undefined, undefined, undefined])
    assert.deepStrictEqual(results.at(-1), {
      threadId: "thread",
      id: "turn",
      status: "completed",
      error: null,
      startedAt: 1,
      completedAt: 3,
      durationMs: 2000,
      finalResponse: "done",
      items: [compaction, answer],
      usage: {
        last: Fixture.tokens({ totalTokens: 2 }),
        total: Fixture.tokens({ totalTokens: 9 }),
        turn: Fixture.tokens({ totalTokens: 9 }),
        subagents: Fixture.tokens({ totalTokens: 0, inputTokens: 0, outputTokens: 0 }),
        modelContextWindow: null
      },
      subagents: { running: 0, stopped: 0 }
    })
  })

  it("wants the events that change the result, and no others", () => {
    for (const event of Fixture.turnEvents({ threadId: "a", turnId: "b", deltas: ["c"] })) {
      const wanted = ["item/completed", "turn/completed", "thread/tokenUsage/updated"].includes(event.method)
      assert.strictEqual(TurnResult.Fold.wants(event.method), wanted, event.method)
    }
    for (const nothing of [undefined, null, 7, "toString"]) assert.isFalse(TurnResult.Fold.wants(nothing))
  })

  it.effect("has a Schema", () =>
    Effect.gen(function*() {
      const fold = new TurnResult.Fold("thread", "turn")
      const error = { message: "m", codexErrorInfo: { httpConnectionFailed: { httpStatusCode: 503 } } }
      const [result] = events(
        Fixture.itemCompleted("thread", "turn", Fixture.agentMessage("a")),
        Fixture.turnCompleted("thread", "turn", { error })
      ).flatMap((event) => fold.add(event) ?? [])
      assert.strictEqual(result?.status, "failed")
      const json: unknown = JSON.parse(JSON.stringify(yield* Schema.encodeEffect(TurnResult.TurnResult)(result!)))
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(TurnResult.TurnResult)(json), result)
    }))
})
