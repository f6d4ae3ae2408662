/**
 * A durable workflow: a turn, an approval that may take days, and another turn. A workflow that is replayed on another machine does not
 * repeat the turns that are done.
 */
import * as CodexActivity from "@effect-codex/cluster/CodexActivity"
import { HostedError } from "@effect-codex/cluster/HostedThreadError"
import * as TestThreads from "@effect-codex/cluster/TestThreads"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Workflow from "effect/workflow/Workflow"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const Ticket = Workflow.make("Ticket", {
  payload: { id: Schema.String },
  success: Schema.String,
  error: HostedError,
  idempotencyKey: ({ id }) => id
})

// A real one sends a mail with the token, or writes it into a table.
const mail = Deferred.makeUnsafe<string>()

const TicketLayer = Ticket.toLayer(Effect.fnUntraced(function*({ id }) {
  const thread = `ticket-${id}`
  yield* CodexActivity.turn({ name: "plan", thread, input: "Plan how to fix the ticket.", sandbox: "readOnly" })
  const { approved, note } = yield* CodexActivity.approval({
    name: "plan approved",
    ask: (token) => Effect.asVoid(Deferred.succeed(mail, token))
  })
  if (!approved) return `declined: ${note ?? "no reason"}`
  yield* CodexActivity.turn({ name: "fix", thread, input: "Do it.", onCutOff: "continue" })
  return "fixed"
}))

const program = Effect.gen(function*() {
  const ticket = yield* Effect.forkChild(Ticket.execute({ id: "4711" }))
  const token = yield* Deferred.await(mail)
  yield* Console.log("waiting for an approval")
  yield* CodexActivity.approve("plan approved", token, { approved: true })
  yield* Console.log("ticket", yield* Fiber.join(ticket))
  yield* Console.log("again ", yield* Ticket.execute({ id: "4711" }))
})

program.pipe(
  Effect.provide(TicketLayer.pipe(Layer.provideMerge(TestThreads.layer()), Layer.provide(ExampleCodex.layer()))),
  NodeRuntime.runMain
)
