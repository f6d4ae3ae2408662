/** For tests of programs that use Codex: a scripted model for the real binary, and a place for that binary to run in. */
export * as CodexHome from "./CodexHome.ts"
export * as Gate from "./Gate.ts"
export * as Item from "./Item.ts"
export * as ModelRequest from "./ModelRequest.ts"
export * as Reply from "./Reply.ts"
export * as ScriptedModel from "./ScriptedModel.ts"
export * as Step from "./Step.ts"
export * as TestCodex from "./TestCodex.ts"
