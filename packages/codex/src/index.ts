/** Drive OpenAI's Codex agent from TypeScript: typed effects, streams and structured concurrency above `codex app-server`. */

/** Who decides when a command needs more than the sandbox allows. */
export * as ApprovalMode from "./ApprovalMode.ts"
/** The options of a client. */
export * as ClientOptions from "./ClientOptions.ts"
/** The service that a program starts from. */
export * as Codex from "./Codex.ts"
/** The client of one app-server: every method of the protocol as a typed request. */
export * as CodexClient from "./CodexClient.ts"
/** Every error that can be met. */
export * as CodexError from "./CodexError.ts"
/** Objectives that the agent pursues turn after turn. */
export * as Goal from "./Goal.ts"
/** What a turn is told. */
export * as Input from "./Input.ts"
/** How long a turn may take, and how much it may use. */
export * as Limits from "./Limits.ts"
/** Logging in. */
export * as Login from "./Login.ts"
/** What the server tells. */
export * as Notification from "./Notification.ts"
/** Options of threads and turns. */
export * as Options from "./Options.ts"
/** Typed answers. */
export * as Output from "./Output.ts"
/** The options of a server that runs as a child process. */
export * as ProcessOptions from "./ProcessOptions.ts"
/** Who receives each incoming message. */
export * as Router from "./Router.ts"
/** What commands may do. */
export * as Sandbox from "./Sandbox.ts"
/** What the server asks, and how it is answered. */
export * as ServerRequests from "./ServerRequests.ts"
/** A conversation with the agent. */
export * as Thread from "./Thread.ts"
/** Tools of this program that the agent may call. */
export * as Tools from "./Tools.ts"
/** The way to an app-server. */
export * as Transport from "./Transport.ts"
/** One task of the agent. */
export * as Turn from "./Turn.ts"
/** What a turn has come to. */
export * as TurnResult from "./TurnResult.ts"
