/**
 * Handlers for the server's requests: approvals, tool calls, questions to the user, elicitations.
 *
 * Handlers are a record with one function per method. The client runs each call in its own fiber, so a handler may take as
 * long as it needs. It interrupts the handler when no answer is needed any more: the server withdrew the request, the turn
 * ended, or the connection was lost.
 *
 * Pass handlers to the client (`Codex.layer({ serverRequests })`) or to a thread (`threadStart({ serverRequests })`).
 * Methods without a handler on the thread fall back to the client's handlers, then to {@link declineAll}.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { Codex, ServerRequests } from "effect-codex"
 *
 * const program = Effect.gen(function*() {
 *   const codex = yield* Codex.Codex
 *   return yield* codex.threadStart({
 *     approvalPolicy: "on-request",
 *     serverRequests: ServerRequests.make({
 *       "item/commandExecution/requestApproval": ({ command }) =>
 *         Effect.succeed({ decision: command?.includes("git status") ? "accept" : "decline" })
 *     })
 *   })
 * })
 * ```
 */
export { acceptAll, acceptForSession, declineAll } from "./model/requests/ApprovalHandlers.ts"
export { Rule, Rules } from "./model/requests/ApprovalRules.ts"
export {
  mcpElicitation,
  type McpElicitationHandlers,
  type McpToolApproval,
  mcpToolApproval,
  type McpToolDecision,
  mcpToolResponse
} from "./model/requests/McpElicitation.ts"
export {
  type Inbox,
  inbox,
  type InteractiveMethod,
  type Pending,
  type PendingOf
} from "./model/requests/RequestInbox.ts"
export { rules, type RulesOptions } from "./model/requests/RuleHandlers.ts"
export {
  type AllHandlers,
  type Handler,
  make,
  type Method,
  orElse,
  type Params,
  type RequestContext,
  type Response,
  ServerRequestError,
  type ServerRequestHandlers
} from "./model/requests/ServerRequests.ts"
