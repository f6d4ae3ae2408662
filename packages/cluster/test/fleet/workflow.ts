/** The workflow of the tests of the fleet: three turns, the second after an approval if its id asks for one. */
import * as CodexActivity from "@effect-codex/cluster/CodexActivity"
import { HostedError } from "@effect-codex/cluster/HostedThreadError"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Workflow from "effect/workflow/Workflow"
import { appendFileSync } from "node:fs"

export const ThreeTurns = Workflow.make("ThreeTurns", {
  payload: { id: Schema.String, tokenFile: Schema.NullOr(Schema.String) },
  success: Schema.NullOr(Schema.String),
  error: HostedError,
  idempotencyKey: ({ id }) => id
})

export const Steps = ThreeTurns.toLayer(Effect.fnUntraced(function*({ id, tokenFile }) {
  const step = (name: string) =>
    CodexActivity.turn({ name, thread: `workflow ${id}`, input: `${name} ${id}`, onCutOff: "continue" })
  yield* step("plan")
  if (tokenFile !== null) {
    yield* CodexActivity.approval({ name: "go", ask: (token) => Effect.sync(() => appendFileSync(tokenFile, token)) })
  }
  yield* step("do")
  const { finalResponse } = yield* step("check")
  return finalResponse
}))
