/** Common parts of the tests. */
import { type CodexHome, type ModelRequest, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { Codex, type CodexClient, Router } from "effect-codex"
import type { LanguageModel, Response } from "effect/ai"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { readFileSync } from "node:fs"
import { CodexLanguageModel } from "../src/index.ts"

export type Services =
  | LanguageModel.LanguageModel
  | Codex.Codex
  | CodexClient.CodexClient
  | Router.Router
  | ScriptedModel.ScriptedModel
  | CodexHome.CodexHome

/** The model on the real binary, which asks a scripted model. */
export const onCodex = (
  options: CodexLanguageModel.Options = {},
  codex: TestCodex.Options = {}
): Layer.Layer<Services, TestCodex.Error> =>
  CodexLanguageModel.layer(options).pipe(Layer.provideMerge(TestCodex.layer(codex)))

/** The services of a test. */
export const setup = Effect.gen(function*() {
  return {
    codex: yield* Codex.Codex,
    model: yield* ScriptedModel.ScriptedModel,
    router: yield* Router.Router
  }
})

/** Tokens of a reply. */
export const usage = {
  usage: { inputTokens: 10, cachedInputTokens: 4, outputTokens: 5, reasoningOutputTokens: 2 }
}

/** What the model has seen of a conversation: without the context that Codex adds. */
export const seen = (request: ModelRequest.ModelRequest): ReadonlyArray<string> =>
  request.body.input.flatMap((item): ReadonlyArray<string> => {
    switch (item.type) {
      case "message": {
        const content = Array.isArray(item.content) ? item.content : []
        const text = content.map((part: { text?: string; type: string }) => part.text ?? `[${part.type}]`).join("|")
        return item.role === "developer" || text.startsWith("<") ? [] : [`${item.role}: ${text}`]
      }
      case "function_call":
        return [`call ${item.name}: ${item.arguments}`]
      case "function_call_output":
        return [`output: ${request.toolOutput(String(item.call_id))}`]
      default:
        return []
    }
  })

/** The threads of all requests so far, in order. */
export const threadsOf = Effect.map(
  ScriptedModel.ScriptedModel.use((model) => model.requests),
  (requests) => requests.map(({ threadId }) => threadId)
)

/** The turns of all requests so far, in order. */
export const turnsOf = Effect.map(
  ScriptedModel.ScriptedModel.use((model) => model.requests),
  (requests) => requests.map(({ turnId }) => turnId)
)

/** The types of parts. */
export const types = (parts: ReadonlyArray<{ readonly type: Response.AnyPart["type"] }>) =>
  parts.map(({ type }) => type)

/** Kills the app-server with this CODEX_HOME. */
export const killServer = (codexHome: string): Effect.Effect<void> =>
  Effect.sync(() => {
    const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8").trim().split(" ")
    const server = children.map(Number).find((pid) =>
      readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`CODEX_HOME=${codexHome}`)
    )
    if (server === undefined) throw new Error("no server runs")
    process.kill(server, "SIGKILL")
  })
