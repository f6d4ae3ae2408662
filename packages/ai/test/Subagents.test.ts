import { type ModelRequest, Reply, type ScriptedModel } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { LanguageModel, Tool, Toolkit } from "effect/ai"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { onCodex, setup } from "./utils.ts"

const count = Tool.make("count", { parameters: Schema.Struct({}), success: Schema.Int })
const toolkit = Toolkit.make(count)
const handled = Effect.provide(toolkit.toLayer({ count: () => Effect.succeed(42) }))

const spawned = (request: ModelRequest.ModelRequest) => /"agent_id":\s*"([^"]+)"/.exec(request.toolOutput() ?? "")?.[1]

/** The agent spawns a sub-agent, which calls the program's tool, and waits for it. */
const family = (): ScriptedModel.Script => {
  let [parent, child] = [0, 0]
  return {
    respond: (request) => {
      if (request.parentThreadId !== undefined) {
        return child++ === 0 ? Reply.functionCall({ name: "count", arguments: {} }) : Reply.text("counted")
      }
      switch (parent++) {
        case 0:
          return Reply.functionCall({
            namespace: "multi_agent_v1",
            name: "spawn_agent",
            arguments: { message: "Do your part.", fork_context: true }
          })
        case 1:
          return Reply.functionCall({
            namespace: "multi_agent_v1",
            name: "wait_agent",
            arguments: { targets: [spawned(request)], timeout_ms: 30_000 }
          })
        default:
          return Reply.text("done")
      }
    }
  }
}

const outputOfChild = Effect.gen(function*() {
  const { model } = yield* setup
  const requests = (yield* model.requests).filter(({ parentThreadId }) => parentThreadId !== undefined)
  return requests.at(-1)?.toolOutput()
})

layer(onCodex({ toolExecution: "turn", ephemeral: false }, { script: family() }))("within the turn", (it) => {
  it.effect("a sub-agent's calls run, and are no part of the response", () =>
    handled(Effect.gen(function*() {
      const response = yield* LanguageModel.generateText({ prompt: "go", toolkit })
      assert.strictEqual(response.text, "done")
      assert.deepStrictEqual(response.toolCalls, [])
      assert.strictEqual(yield* outputOfChild, "42")
    })))
})

layer(onCodex({ ephemeral: false }, { script: family() }))("between calls", (it) => {
  it.effect("a sub-agent's calls are refused, because nobody would answer them", () =>
    handled(Effect.gen(function*() {
      const response = yield* LanguageModel.generateText({ prompt: "go", toolkit })
      assert.strictEqual(response.text, "done")
      assert.deepStrictEqual(response.toolCalls, [])
      assert.strictEqual(yield* outputOfChild, "Only the main agent can call the tool count.")
    })))
})
