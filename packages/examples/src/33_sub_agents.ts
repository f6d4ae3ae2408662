/**
 * Sub-agents: the agent hands a part of its work to another one. What you set for the thread holds for it too.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex, ServerRequests } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart({
    approvalPolicy: "on-request",
    sandbox: "readOnly",
    // These handlers answer for the sub-agents of the thread as well, and learn who asks.
    serverRequests: ServerRequests.make({
      "item/commandExecution/requestApproval": ({ command }, { parentThreadId }) =>
        Effect.as(
          Console.log(`${parentThreadId === undefined ? "the agent" : "a sub-agent"} may not run ${command}`),
          { decision: "decline" }
        )
    }),
    // The tokens and model requests of sub-agents count.
    limits: { tokens: 100_000, duration: "5 minutes" }
  })

  yield* thread.children.pipe(
    Stream.runForEach((child) => Console.log(`sub-agent ${child.agentName}, sandbox ${child.sandbox?.type}`)),
    Effect.forkScoped
  )

  const result = yield* thread.run("Let a helper run `touch proof` with my permission, and wait for it.")
  yield* Console.log(result.finalResponse)
  yield* Console.log(`the turn      ${result.usage?.turn.totalTokens} tokens`)
  yield* Console.log(`its helpers   ${result.usage?.subagents.totalTokens} tokens`)
  yield* Console.log(`still running ${result.subagents.running}`)
}).pipe(Effect.scoped)

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
