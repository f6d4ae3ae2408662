/**
 * Tools that Codex runs itself, for the toolkit of a program that needs to see their calls and results.
 *
 * Codex runs its tools whether or not they are declared; a declared one appears in the response, as a tool call with
 * `providerExecuted: true` and its result. They need no handlers.
 *
 * @example
 * ```ts
 * import { CodexTool } from "@effect-codex/ai"
 * import { LanguageModel, Toolkit } from "effect/ai"
 * import * as Effect from "effect/Effect"
 *
 * const outputs = Effect.gen(function*() {
 *   const response = yield* LanguageModel.generateText({
 *     prompt: "Which files are here?",
 *     toolkit: Toolkit.make(CodexTool.Shell)
 *   })
 *   return response.toolResults.flatMap((part) => part.isFailure ? [] : [part.result.output])
 * })
 * ```
 */
export { FileChange, McpCall, Shell, WebSearch } from "./internal/CodexTools.ts"
