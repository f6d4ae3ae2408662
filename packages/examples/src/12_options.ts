/**
 * The options of the client, of a thread, and of a turn. All are optional. Your own Codex configuration supplies those that
 * you leave out.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex, Input } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const client = ExampleCodex.layer({
  clientInfo: { name: "my-agent", version: "1.0.0", title: "My agent" },
  // Keys of config.toml, for this process only.
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

  // Most turn options also apply to the later turns of the thread.
  const result = yield* thread.run([Input.text("What is this directory for?")], {
    effort: "low",
    summary: "concise",
    sandbox: "workspaceWrite",
    whenBusy: "fail",
    startTimeout: "10 seconds",
    // These apply to one turn only.
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

  // An external message. The model sees it as the output of a tool, not as the user's words.
  const mail = yield* thread.run(Input.externalMessage({ toolName: "inbox", content: "From: Ada. Lunch at noon?" }))
  yield* Console.log(mail.finalResponse)
})

program.pipe(Effect.provide(client), NodeRuntime.runMain)
