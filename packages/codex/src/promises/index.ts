/**
 * The SDK with Promises: threads, turns and tools as async functions and async iterables, with AbortSignals. Every method runs the
 * Effect of the same name, and rejects with its errors.
 *
 * @example
 * ```ts
 * import { Codex } from "effect-codex/promises"
 *
 * await using codex = await Codex.start()
 * const thread = await codex.threadStart()
 * for await (const event of thread.stream("What does this project do?")) {
 *   if (event.method === "item/agentMessage/delta") process.stdout.write(event.params.delta)
 * }
 * ```
 */

/** The errors with which Promises reject, and `isRetryable`. */
export * as CodexError from "../CodexError.ts"
/** Turn input. */
export * as Input from "../Input.ts"
/** The configuration of MCP servers. */
export * as McpConfig from "../McpConfig.ts"
export type { BackgroundTerminals } from "./BackgroundTerminals.ts"
export type { Checkpoint } from "./Checkpoint.ts"
export {
  Codex,
  type ConnectOptions,
  type SharedOptions,
  type StartOptions,
  type StopSharedOptions,
  type WatchedThread
} from "./Codex.ts"
export type { Hooks } from "./Hooks.ts"
export type { ChatgptLogin, DeviceCodeLogin, Login } from "./Login.ts"
export type { Mcp, McpLogin } from "./Mcp.ts"
export type {
  ThreadForkOptions,
  ThreadResumeOptions,
  ThreadStartOptions,
  TurnOptions,
  TypedTurnOptions
} from "./Options.ts"
export type { RateLimits } from "./RateLimits.ts"
/** Rules that answer approvals, and approvals of MCP tools. */
export * as ServerRequests from "./Rules.ts"
export type { SignalOptions } from "./Runner.ts"
export type { AnySchema } from "./Schemas.ts"
export type { FileSearch, Search } from "./Search.ts"
export type { Handler, HandlerContext, Handlers } from "./ServerRequests.ts"
export type { Skills } from "./Skills.ts"
export type { StoredGoal, Thread } from "./Thread.ts"
export type { QueuedTurn, ThreadQueue } from "./ThreadQueue.ts"
export { type CallContext, type Tool, tool, type Tools } from "./Tools.ts"
export type { Turn, TypedTurn } from "./Turn.ts"
