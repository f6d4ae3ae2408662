/**
 * Handlers that answer approvals by rules, and the parts of requests that concern MCP tools. Pass rules in `serverRequests`, alone or
 * in a list before the handlers that answer the rest.
 *
 * @example
 * ```ts
 * import { Codex, ServerRequests } from "effect-codex/promises"
 *
 * await using codex = await Codex.start()
 * const thread = await codex.threadStart({
 *   serverRequests: [
 *     ServerRequests.rules([{ action: "allow", command: ["git", "status"] }]),
 *     {
 *       "item/commandExecution/requestApproval": async ({ command }) => {
 *         console.log(`Codex wants to run ${command}`)
 *         return { decision: "decline" }
 *       }
 *     }
 *   ]
 * })
 * ```
 */
export { Rule, Rules } from "../model/requests/ApprovalRules.ts"
export {
  type McpToolApproval,
  mcpToolApproval,
  type McpToolDecision,
  mcpToolResponse
} from "../model/requests/McpElicitation.ts"
export { rules, type RulesOptions } from "../model/requests/RuleHandlers.ts"
