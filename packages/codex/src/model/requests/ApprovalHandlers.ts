/**
 * Ready-made handlers: decline everything, accept approvals once, or accept them for the session.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { mcpElicitation, type McpToolApproval, type McpToolDecision, mcpToolResponse } from "./McpElicitation.ts"
import { type AllHandlers, ServerRequestError } from "./ServerRequests.ts"

const answer = <A>(response: A) => () => Effect.succeed(response)

const refuse = (message: string) => () => Effect.fail(new ServerRequestError({ message }))

const denied = { denied: { rejection: "Declined by the client." } }

/**
 * The default handlers: they decline every request at once. The server always gets an answer, and nothing is approved.
 *
 * @category handlers
 */
export const declineAll: AllHandlers = {
  "item/commandExecution/requestApproval": answer({ decision: "decline" }),
  "item/fileChange/requestApproval": answer({ decision: "decline" }),
  "item/permissions/requestApproval": answer({ permissions: {}, scope: "turn" }),
  "item/tool/requestUserInput": answer({ answers: {} }),
  "mcpServer/elicitation/request": answer(mcpToolResponse("decline")),
  "item/tool/call": (params) =>
    Effect.succeed({
      success: false,
      contentItems: [{ type: "inputText", text: `No handler is registered for the tool ${params.tool}.` }]
    }),
  "account/chatgptAuthTokens/refresh": refuse("This client does not manage ChatGPT tokens."),
  "attestation/generate": refuse("This client does not generate attestations."),
  "currentTime/read": () =>
    Effect.map(Clock.currentTimeMillis, (millis) => ({ currentTimeAt: Math.floor(millis / 1000) })),
  applyPatchApproval: answer({ decision: denied }),
  execCommandApproval: answer({ decision: denied })
}

const isUnderstood = (entry: Protocol.FileSystemSandboxEntry): entry is Protocol.FileSystemSandboxEntryInput =>
  entry.path.type !== "$unknown" && (entry.path.type !== "special" || entry.path.value.kind !== "$unknown")

/** The requested permissions, without entries that this version does not understand: those are not granted. */
const asAsked = ({ fileSystem, network }: Protocol.RequestPermissionProfile): Protocol.GrantedPermissionProfile => ({
  ...(network === undefined ? {} : { network }),
  ...(fileSystem === undefined || fileSystem === null
    ? {}
    : { fileSystem: { ...fileSystem, entries: fileSystem.entries?.filter(isUnderstood) } })
})

/**
 * Answers the questions by which Codex asks for approval of an MCP tool call if its feature `tool_call_mcp_elicitation` is
 * off. Other questions get no answer.
 */
const approvingQuestions = (label: string): AllHandlers["item/tool/requestUserInput"] => ({ itemId, questions }) =>
  Effect.succeed({
    answers: Object.fromEntries(
      questions
        .filter(({ id, options }) =>
          id === `mcp_tool_call_approval_${itemId}` && options?.some((option) => option.label === label)
        )
        .map(({ id }) => [id, { answers: [label] }])
    )
  })

/** Accepts every approval. Answers, the content of forms and the output of tools can't be invented: those are declined. */
const accepting = (
  decision: "accept" | "acceptForSession",
  legacyDecision: "approved" | "approved_for_session",
  scope: Protocol.PermissionGrantScope,
  decide: (approval: McpToolApproval) => McpToolDecision,
  label: string
): AllHandlers => ({
  ...declineAll,
  "item/commandExecution/requestApproval": answer({ decision }),
  "item/fileChange/requestApproval": answer({ decision }),
  "item/permissions/requestApproval": ({ permissions }) => Effect.succeed({ permissions: asAsked(permissions), scope }),
  "item/tool/requestUserInput": approvingQuestions(label),
  "mcpServer/elicitation/request": mcpElicitation({ toolCall: (approval) => Effect.succeed(decide(approval)) }),
  applyPatchApproval: answer({ decision: legacyDecision }),
  execCommandApproval: answer({ decision: legacyDecision })
})

/**
 * Handlers that accept every approval, once: commands run, files change, MCP tools are called, and permissions are granted
 * as requested, for the turn.
 *
 * They invent nothing: questions to the user get no answers, forms and URLs of MCP servers are declined, and calls of tools
 * without a handler fail.
 *
 * @category handlers
 */
export const acceptAll: AllHandlers = accepting("accept", "approved", "turn", () => "accept", "Allow")

/**
 * Handlers that accept every approval for the rest of the session: Codex does not ask again for the same command, the same
 * MCP tool or changes of the same file, and permissions are granted for the session. Otherwise like {@link acceptAll}.
 *
 * @category handlers
 */
export const acceptForSession: AllHandlers = accepting(
  "acceptForSession",
  "approved_for_session",
  "session",
  ({ persist }) => persist.includes("session") ? "acceptForSession" : "accept",
  "Allow for this session"
)
