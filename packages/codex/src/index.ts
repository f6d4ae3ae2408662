/** The SDK for OpenAI's Codex agent: typed Effects, Streams and structured concurrency on top of `codex app-server`. */

/** Presets of the approval policy. */
export * as ApprovalMode from "./ApprovalMode.ts"
/** Options of a client. */
export * as ClientOptions from "./ClientOptions.ts"
/** Commands of the agent that run in the background. */
export * as BackgroundTerminals from "./BackgroundTerminals.ts"
/** Points to which a thread can be returned. */
export * as Checkpoint from "./Checkpoint.ts"
/** The service to start from: threads, models and accounts. */
export * as Codex from "./Codex.ts"
/** The client of one app-server, with every method of the protocol as a typed request. */
export * as CodexClient from "./CodexClient.ts"
/** Errors of this package. */
export * as CodexError from "./CodexError.ts"
/** Objectives that the agent pursues over several turns. */
export * as Goal from "./Goal.ts"
/** Hooks, and their runs. */
export * as Hooks from "./Hooks.ts"
/** Turn input. */
export * as Input from "./Input.ts"
/** Limits of a turn: time, tokens and model requests. */
export * as Limits from "./Limits.ts"
/** Logins that a person completes. */
export * as Login from "./Login.ts"
/** MCP servers: their state, logins, resources and tools. */
export * as Mcp from "./Mcp.ts"
/** The configuration of MCP servers. */
export * as McpConfig from "./McpConfig.ts"
/** Notifications from the server. */
export * as Notification from "./Notification.ts"
/** Options of threads and turns. */
export * as Options from "./Options.ts"
/** Typed answers. */
export * as Output from "./Output.ts"
/** Options of an app-server that runs as a child process. */
export * as ProcessOptions from "./ProcessOptions.ts"
/** Usage limits of the account. */
export * as RateLimits from "./RateLimits.ts"
/** The router of incoming messages. */
export * as Router from "./Router.ts"
/** Presets of the sandbox. */
export * as Sandbox from "./Sandbox.ts"
/** Searches of files and threads. */
export * as Search from "./Search.ts"
/** Handlers for the server's requests. */
export * as ServerRequests from "./ServerRequests.ts"
/** Skills that the server finds. */
export * as Skills from "./Skills.ts"
/** Conversations with the agent. */
export * as Thread from "./Thread.ts"
/** Queues of threads. */
export * as ThreadQueue from "./ThreadQueue.ts"
/** Effect AI tools for the agent. */
export * as Tools from "./Tools.ts"
/** Connections to an app-server. */
export * as Transport from "./Transport.ts"
/** Single tasks of the agent. */
export * as Turn from "./Turn.ts"
/** Results of turns. */
export * as TurnResult from "./TurnResult.ts"
