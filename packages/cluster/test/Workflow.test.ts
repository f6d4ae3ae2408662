/** Turns and approvals as steps of workflows, in one process. */
import * as CodexActivity from "@effect-codex/cluster/CodexActivity"
import { HostedError } from "@effect-codex/cluster/HostedThreadError"
import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import * as TestThreads from "@effect-codex/cluster/TestThreads"
import { TestCodex } from "@effect-codex/testing"
import { assert, describe, layer } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Workflow from "effect/workflow/Workflow"
import { askedFor } from "./utils.ts"

const Ticket = Workflow.make("Ticket", {
  payload: { id: Schema.String },
  success: Schema.NullOr(Schema.String),
  error: HostedError,
  idempotencyKey: ({ id }) => id
})

const token = Deferred.makeUnsafe<string>()

const TicketLayer = Ticket.toLayer(Effect.fnUntraced(function*({ id }) {
  const thread = `ticket-${id}`
  yield* CodexActivity.turn({ name: "plan", thread, input: `plan ${id}` })
  const { approved } = yield* CodexActivity.approval({
    name: "go",
    ask: (asked) => Effect.asVoid(Deferred.succeed(token, asked))
  })
  if (!approved) return null
  const { finalResponse } = yield* CodexActivity.turn({ name: "do", thread, input: `do ${id}`, onCutOff: "continue" })
  return finalResponse
}))

describe("a workflow", () => {
  layer(
    TicketLayer.pipe(
      Layer.provideMerge(TestThreads.layer()),
      Layer.provideMerge(TestCodex.layer({ script: TestCodex.echo }))
    ),
    { excludeTestServices: true }
  )((it) => {
    it.effect("of turns asks the model once for each, over an approval", () =>
      Effect.gen(function*() {
        const running = yield* Effect.forkChild(Ticket.execute({ id: "7" }))
        yield* CodexActivity.approve("go", yield* Deferred.await(token), { approved: true })
        assert.strictEqual(yield* Fiber.join(running), "do 7")
        assert.strictEqual(yield* Ticket.execute({ id: "7" }), "do 7")
        assert.strictEqual((yield* askedFor("plan 7")).length, 1)
        assert.strictEqual((yield* askedFor("do 7")).length, 1)
        const threads = yield* HostedThreads.HostedThreads
        const { turns } = yield* threads.thread("ticket-7").read({ includeTurns: true })
        assert.strictEqual(turns?.length, 2)
      }))
  })
})
