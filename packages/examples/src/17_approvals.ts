/**
 * Approvals as a Stream, for a person in the loop. Here, a function plays the person.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex, ServerRequests } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const person = (command: string) => command.includes("rm ") ? "decline" : "accept"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex

  // Requests wait in the inbox until you respond. Other turns continue meanwhile.
  const inbox = yield* ServerRequests.inbox(["item/commandExecution/requestApproval"])
  yield* inbox.requests.pipe(
    Stream.runForEach(({ params, respond }) => {
      const decision = person(params.command ?? "")
      return Effect.andThen(Console.log(`${decision}: ${params.command} (${params.reason})`), respond({ decision }))
    }),
    Effect.forkScoped
  )

  const thread = yield* codex.threadStart({
    approvalPolicy: "on-request",
    sandbox: "readOnly",
    serverRequests: inbox.handlers
  })
  for (const command of ["echo hello", "rm -r build"]) {
    const result = yield* thread.run(`Run \`${command}\` with my permission, outside of the sandbox.`)
    const status = result.items.flatMap((item) => item.type === "commandExecution" ? [item.status] : [])
    yield* Console.log(`${command}: ${status.join(", ")}\n`)
  }
}).pipe(Effect.scoped)

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
