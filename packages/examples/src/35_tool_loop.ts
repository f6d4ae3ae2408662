/**
 * An agent loop on Effect AI: the model calls a tool, you approve the call, and the same Codex turn continues with the result.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Chat from "effect/ai/Chat"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ExampleModel from "./shared/ExampleModel.ts"

const Stock = Tool.make("stock", {
  description: "Returns how many pieces of an article are in stock",
  parameters: Schema.Struct({ article: Schema.String }),
  success: Schema.Struct({ pieces: Schema.Int }),
  needsApproval: true
})

const toolkit = Toolkit.make(Stock)

const handlers = toolkit.toLayer({
  stock: ({ article }) => Effect.as(Console.log("looked up:", article), { pieces: article.length })
})

const agent = Effect.fn("agent")(function*(question: string, approve: (article: unknown) => boolean) {
  const chat = yield* Chat.empty
  let response = yield* chat.generateText({ prompt: question, toolkit })
  while (response.toolCalls.length > 0) {
    const calls = new Map(response.toolCalls.map((call) => [call.id, call.params]))
    const answers = response.content.flatMap((part) =>
      part.type === "tool-approval-request"
        ? [Prompt.toolApprovalResponsePart({
          approvalId: part.approvalId,
          approved: approve(calls.get(part.toolCallId)),
          reason: "This article is a secret."
        })]
        : []
    )
    response = yield* chat.generateText({ prompt: [Prompt.toolMessage({ content: answers })], toolkit })
  }
  return response.text
})

const program = Effect.gen(function*() {
  for (const article of ["lamp", "rocket"]) {
    const answer = yield* agent(
      `How many of the article "${article}" are in stock?`,
      (params) => JSON.stringify(params) !== "{\"article\":\"rocket\"}"
    )
    yield* Console.log("agent:    ", answer)
  }
})

program.pipe(Effect.provide([handlers, ExampleModel.layer()]), NodeRuntime.runMain)
