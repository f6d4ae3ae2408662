/** Codex as an Effect AI `LanguageModel`. */

/** The model: text, streams, objects, tools and chats on the Codex agent. */
export * as CodexLanguageModel from "./CodexLanguageModel.ts"
/** The tools that Codex runs itself, for programs that need to see their calls. */
export * as CodexTool from "./CodexTool.ts"
