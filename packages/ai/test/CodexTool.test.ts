import { Item, Reply } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { Chat, LanguageModel, Tool, Toolkit } from "effect/ai"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { fileURLToPath } from "node:url"
import { CodexTool } from "../src/index.ts"
import { onCodex, setup, types } from "./utils.ts"

const run = Reply.functionCall({ callId: "run", name: "exec_command", arguments: { cmd: "echo hi; exit ${CODE:-0}" } })

const patch = Reply.make([Item.customToolCall({
  callId: "patch",
  name: "apply_patch",
  input: "*** Begin Patch\n*** Add File: a.txt\n+hi\n*** End Patch"
})])

const search = Reply.make([
  Item.raw({
    type: "web_search_call",
    id: "ws_1",
    status: "completed",
    action: { type: "search", query: "effect" }
  }),
  Item.message({ text: "found" })
])

const codexTools = Toolkit.make(CodexTool.Shell, CodexTool.FileChange, CodexTool.WebSearch)

layer(onCodex({ sandbox: "workspaceWrite" }, { home: { model: "gpt-5.5" } }))("Codex's own tools", (it) => {
  it.effect("appear with their results, if they are declared", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(run, patch, search, Reply.text("bye"))
      const chat = yield* Chat.empty
      const response = yield* chat.generateText({ prompt: "go", toolkit: codexTools })
      assert.deepStrictEqual(response.toolCalls.map(({ name, providerExecuted }) => [name, providerExecuted]), [
        ["CodexShell", true],
        ["CodexFileChange", true],
        ["CodexWebSearch", true]
      ])
      const [shell, change, web] = response.toolResults
      assert.deepStrictEqual(shell?.result, { status: "completed", exitCode: 0, output: "hi\n" })
      assert.deepStrictEqual(change?.result, { status: "completed" })
      assert.deepStrictEqual(web?.result, { results: [] })
      assert.include(JSON.stringify(response.toolCalls[0]!.params), "echo hi")
      assert.include(JSON.stringify(response.toolCalls[1]!.params), "a.txt")
      yield* chat.generateText({ prompt: "bye", toolkit: codexTools })
      const requests = (yield* model.requests).slice(-2)
      assert.strictEqual(requests[1]!.threadId, requests[0]!.threadId)
    }))

  it.effect("stream: the call when it starts, the result when it ends", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(run, Reply.text("done"))
      const parts = yield* Stream.runCollect(LanguageModel.streamText({ prompt: "go", toolkit: codexTools }))
      assert.deepStrictEqual(types(parts), [
        "response-metadata",
        "tool-call",
        "tool-result",
        "text-start",
        "text-delta",
        "text-end",
        "finish"
      ])
    }))

  it.effect("a command that fails is a failure", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(
        Reply.functionCall({ name: "exec_command", arguments: { cmd: "exit 3" } }),
        Reply.text("done")
      )
      const response = yield* LanguageModel.generateText({ prompt: "go", toolkit: codexTools })
      const [result] = response.toolResults
      assert.isTrue(result?.isFailure)
      assert.deepInclude(result?.result, { exitCode: 3 })
    }))

  it.effect("do not appear otherwise, and nothing fails", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(run, search)
      const response = yield* LanguageModel.generateText({ prompt: "go" })
      assert.deepStrictEqual(types(response.content), ["response-metadata", "text", "finish"])
    }))

  it.effect("run beside those of the program", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      const mine = Toolkit.make(CodexTool.Shell, Tool.make("mine"))
      yield* model.enqueue(
        Reply.make([
          Item.functionCall({ callId: "run", name: "exec_command", arguments: { cmd: "echo hi" } }),
          Item.functionCall({ callId: "mine", name: "mine", arguments: {} })
        ]),
        Reply.text("done")
      )
      const chat = yield* Chat.empty
      const handled = Effect.provide(mine.toLayer({ mine: () => Effect.void }))
      const first = yield* handled(chat.generateText({ prompt: "go", toolkit: mine }))
      const second = yield* handled(chat.generateText({ prompt: [], toolkit: mine }))
      assert.strictEqual(second.text, "done")
      const results = [...first.toolResults, ...second.toolResults].map(({ name }) => name)
      assert.sameMembers(results, ["CodexShell", "mine"])
    }))

  it.effect("a tool of another provider is refused", () =>
    Effect.gen(function*() {
      const other = Toolkit.make(
        Tool.providerDefined({
          id: "openai.web_search",
          customName: "OpenAiWebSearch",
          providerName: "web_search"
        })(undefined)
      )
      const error = yield* Effect.flip(LanguageModel.generateText({ prompt: "go", toolkit: other }))
      assert.strictEqual(error.reason._tag, "InvalidRequestError")
    }))
})

const echo = fileURLToPath(new URL("./mcpServer.ts", import.meta.url))

layer(onCodex({
  threadOptions: {
    config: {
      mcp_servers: { echo: { command: process.execPath, args: [echo], default_tools_approval_mode: "approve" } }
    }
  }
}))("MCP", (it) => {
  it.effect("calls appear with their results", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(
        Reply.functionCall({ namespace: "mcp__echo", name: "say", arguments: { text: "hi" } }),
        Reply.text("done")
      )
      const response = yield* LanguageModel.generateText({ prompt: "go", toolkit: Toolkit.make(CodexTool.McpCall) })
      assert.deepStrictEqual(response.toolCalls.map(({ params }) => params), [
        { server: "echo", tool: "say", arguments: { text: "hi" } }
      ])
      assert.deepStrictEqual(response.toolResults.map(({ result }) => result), [
        { content: [{ type: "text", text: "hi" }], structuredContent: null, error: null }
      ])
    }))
})
