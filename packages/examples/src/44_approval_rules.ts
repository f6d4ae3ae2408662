/**
 * Approval rules as data. A person answers only what the rules leave.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex, ServerRequests } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

/** The content of a file, for example. */
const json = `[
  { "action": "ask", "command": ["echo", "secret"] },
  { "action": "allow", "command": ["echo"] },
  { "action": "decline", "command": ["rm"] },
  { "action": "decline", "path": "/etc" },
  { "action": "allow", "mcpServer": "docs", "tool": "search" }
]`

const person = ServerRequests.make({
  "item/commandExecution/requestApproval": ({ command }) =>
    Effect.as(Console.log(`a person is asked: ${command}`), { decision: "decline" })
})

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const rules = yield* Schema.decodeEffect(Schema.fromJsonString(ServerRequests.Rules))(json)
  const thread = yield* codex.threadStart({
    approvalPolicy: "on-request",
    sandbox: "readOnly",
    serverRequests: ServerRequests.orElse(ServerRequests.rules(rules), person)
  })
  for (const command of ["echo hello", "echo hello; rm -r build", "echo $HOME", "echo secret"]) {
    const result = yield* thread.run(`Run \`${command}\` with my permission, outside of the sandbox.`)
    const status = result.items.flatMap((item) => item.type === "commandExecution" ? [item.status] : [])
    yield* Console.log(`${command}: ${status.join(", ")}`)
  }
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
