/**
 * The options of the client, of a thread, and of a turn. All are optional, and what is not said is not sent: your own
 * configuration holds.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex, Input } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const client = ExampleCodex.layer({
  clientInfo: { name: "my-agent", version: "1.0.0", title: "My agent" },
  // As in config.toml, for this process alone.
  config: { model_verbosity: "low", features: { goals: true } },
  env: { MY_VARIABLE: "value" },
  requestTimeout: "30 seconds",
  optOutNotifications: ["item/reasoning/summaryTextDelta"],
  stderr: "ignore"
})

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart({
    model: "gpt-5.5",
    approvalMode: "denyAll",
    sandbox: "readOnly",
    developerInstructions: "Answer in one sentence.",
    personality: "pragmatic",
    config: { model_reasoning_effort: "high" },
    serviceName: "my-agent",
    ephemeral: true
  })

  // Most options of a turn hold for the later turns of its thread too.
  const result = yield* thread.run([Input.text("What is this directory for?")], {
    effort: "low",
    summary: "concise",
    sandbox: "workspaceWrite",
    whenBusy: "fail",
    startTimeout: "10 seconds",
    // These hold for one turn alone.
    turnTrigger: "automation",
    outputSchema: {
      type: "object",
      properties: { purpose: { type: "string" }, sure: { type: "boolean" } },
      required: ["purpose", "sure"],
      additionalProperties: false
    }
  })
  yield* Console.log(codex.metadata.userAgent)
  yield* Console.log(result.finalResponse)

  // A message from outside: the model sees it as the output of a tool, not as the user's word.
  const mail = yield* thread.run(Input.externalMessage({ toolName: "inbox", content: "From: Ada. Lunch at noon?" }))
  yield* Console.log(mail.finalResponse)
})

program.pipe(Effect.provide(client), NodeRuntime.runMain)
