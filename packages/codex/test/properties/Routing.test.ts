/**
 * Whatever the order in which the events of several turns arrive, however they are cut into chunks, and whatever garbage
 * stands between them: each turn's consumers get exactly its events, in order, and its result is what they add up to.
 */
import { FakeAppServer, Fixture } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex, type Notification, Router, type TurnResult } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const Text = Schema.String.check(Schema.isMaxLength(12))

/** The events of a turn, between its start and its end. */
const Step = Schema.Union([
  Schema.Struct({ step: Schema.Literal("delta"), text: Text }),
  Schema.Struct({
    step: Schema.Literal("message"),
    text: Text,
    phase: Schema.NullOr(Schema.Literals(["commentary", "final_answer"]))
  }),
  Schema.Struct({
    step: Schema.Literal("usage"),
    tokens: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))
  })
])

const Turns = Schema.Array(Schema.Struct({
  steps: Schema.Array(Step).check(Schema.isMaxLength(8)),
  status: Schema.Literals(["completed", "interrupted", "failed"])
})).check(Schema.isMinLength(1), Schema.isMaxLength(4))

const Numbers = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000 }))).check(
  Schema.isMinLength(1),
  Schema.isMaxLength(30)
)

const Garbage = Schema.Array(Schema.Literals([
  "",
  "   ",
  "not json",
  "{\"half\":",
  "null",
  "[]",
  "42",
  "\"text\"",
  "{}",
  "{\"method\":7}",
  "{\"id\":true}",
  "{\"id\":{},\"method\":\"item/tool/call\"}",
  "{\"id\":987654,\"result\":{}}",
  "{\"method\":\"turn/started\"}",
  "{\"method\":\"turn/completed\",\"params\":null}",
  "{\"method\":\"item/agentMessage/delta\",\"params\":{\"turnId\":\"somebody else's\",\"threadId\":\"x\"}}",
  "\u0000\u0001",
  "é{"
])).check(Schema.isMaxLength(12))

/** The garbage is logged, a hundred times over. */
const silent = Logger.layer([])

type Turn = (typeof Turns.Type)[number]

const eventsOf = (turn: Turn, threadId: string, turnId: string): ReadonlyArray<Fixture.Notification> => [
  Fixture.turnStarted(threadId, turnId),
  ...turn.steps.map((step, index) => {
    switch (step.step) {
      case "delta":
        return Fixture.delta(threadId, turnId, step.text)
      case "message":
        return Fixture.itemCompleted(
          threadId,
          turnId,
          Fixture.agentMessage(step.text, { id: `message-${index}`, phase: step.phase })
        )
      case "usage":
        return Fixture.tokenUsage(threadId, turnId, Fixture.tokens({ totalTokens: step.tokens }))
    }
  }),
  Fixture.turnCompleted(threadId, turnId, {
    status: turn.status,
    error: turn.status === "failed"
      ? { message: "it failed", codexErrorInfo: null, additionalDetails: null, misalignment: null }
      : null
  })
]

/** The result by the book, as plainly as can be. */
const referenceResult = (turn: Turn) => {
  const messages = turn.steps.flatMap((step) => step.step === "message" ? [step] : [])
  const final = messages.filter(({ phase }) => phase === "final_answer").at(-1)
  const phaseless = messages.filter(({ phase }) => phase === null).at(-1)
  const usage = turn.steps.flatMap((step) => step.step === "usage" ? [step.tokens] : []).at(-1)
  return {
    status: turn.status,
    texts: messages.map(({ text }) => text),
    finalResponse: (final ?? phaseless)?.text ?? null,
    tokens: usage ?? null
  }
}

const summary = (result: TurnResult.TurnResult) => ({
  status: result.status,
  texts: result.items.flatMap((item) => item.type === "agentMessage" ? [item.text] : []),
  finalResponse: result.finalResponse,
  tokens: result.usage?.last.totalTokens ?? null
})

/** One line after another from any of the lists, each list in its order. */
const interleave = (lists: ReadonlyArray<ReadonlyArray<string>>, order: ReadonlyArray<number>): Array<string> => {
  const rest = lists.map((list) => [...list])
  const lines: Array<string> = []
  for (let index = 0; rest.some((list) => list.length > 0); index++) {
    const open = rest.filter((list) => list.length > 0)
    lines.push(open[order[index % order.length]! % open.length]!.shift()!)
  }
  return lines
}

/** The bytes in pieces of the given lengths, over and over; characters may be cut in two. */
const cut = (bytes: Uint8Array, lengths: ReadonlyArray<number>): Array<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  for (let start = 0, index = 0; start < bytes.length; index++) {
    const end = start + 1 + lengths[index % lengths.length]!
    pieces.push(bytes.subarray(start, end))
    start = end
  }
  return pieces
}

const rawOf = (events: ReadonlyArray<Notification.Notification>) => events.map(({ raw }) => raw)

describe("routing", () => {
  it.live.prop(
    "routes each turn its events, in any interleaving, in any chunks, with any garbage between",
    { turns: Turns, order: Numbers, lengths: Numbers, garbage: Garbage },
    ({ garbage, lengths, order, turns }) =>
      Effect.gen(function*() {
        const codex = yield* Codex.Codex
        const router = yield* Router.Router
        const server = yield* FakeAppServer.FakeAppServer
        yield* server.on(
          "turn/start",
          ({ threadId }) => ({ turn: Fixture.turn({ id: `turn of ${threadId}` }) })
        )
        const running = yield* Effect.forEach(turns, (turn) =>
          Effect.gen(function*() {
            const thread = yield* codex.threadStart()
            const handle = yield* thread.turn("go")
            const first = yield* Effect.forkChild(Stream.runCollect(handle.stream), { startImmediately: true })
            const second = yield* Effect.forkChild(Stream.runCollect(handle.stream), { startImmediately: true })
            const text = yield* Effect.forkChild(Effect.exit(Stream.mkString(handle.text)), { startImmediately: true })
            return {
              events: eventsOf(turn, thread.id, handle.id),
              expected: referenceResult(turn),
              first,
              handle,
              second,
              text,
              turn
            }
          }))

        const lines = interleave(running.map(({ events }) => events.map((event) => JSON.stringify(event))), order)
        garbage.forEach((line, index) => lines.splice(order[index % order.length]! % (lines.length + 1), 0, line))
        const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""))
        yield* Effect.forEach(cut(bytes, lengths), server.write, { discard: true })

        for (const { events, expected, first, handle, second, text, turn } of running) {
          assert.deepEqual(rawOf(yield* Fiber.join(first)), events as ReadonlyArray<unknown>)
          assert.deepEqual(rawOf(yield* Fiber.join(second)), events as ReadonlyArray<unknown>)
          const result = yield* Effect.match(handle.run, {
            onFailure: (error) => error._tag === "TurnFailedError" ? error.result : undefined,
            onSuccess: (result) => result
          })
          assert(result !== undefined)
          assert.deepStrictEqual(summary(result), expected)
          const deltas = turn.steps.flatMap((step) => step.step === "delta" ? [step.text] : []).join("")
          const read = yield* Fiber.join(text)
          assert.strictEqual(read._tag, turn.status === "failed" ? "Failure" : "Success")
          if (read._tag === "Success") assert.strictEqual(read.value, deltas)
        }
        const { badLines: _, strayAnswers: __, threads: ___, ...held } = router.stats()
        assert.deepStrictEqual(held, {
          pending: 0,
          late: 0,
          turns: 0,
          followers: 0,
          subscribers: 0,
          subagents: 0,
          roots: 0
        })
      }).pipe(Effect.scoped, Effect.provide(Layer.mergeAll(FakeAppServer.layerCodex(), silent))),
    { timeout: 60_000 }
  )
})
