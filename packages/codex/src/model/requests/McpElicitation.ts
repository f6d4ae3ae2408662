/**
 * The two meanings of `mcpServer/elicitation/request`: Codex asks for approval of an MCP tool call, or an MCP server asks
 * the user to fill in a form or to open a URL.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import {
  type AnyHandler,
  type Handler,
  invoke,
  type Params,
  type RequestContext,
  type Requirements,
  type Response,
  type ServerRequestError
} from "./ServerRequests.ts"

type Method = "mcpServer/elicitation/request"

/**
 * A call of an MCP tool that waits for approval.
 *
 * @category models
 */
export interface McpToolApproval {
  /** The name of the MCP server, as configured. */
  readonly serverName: string
  /** The name of the tool. Undefined from servers that only mention it in `message`. */
  readonly toolName: string | undefined
  /** The tool's title, for people. */
  readonly toolTitle: string | undefined
  /** The tool's description, from the MCP server. */
  readonly toolDescription: string | undefined
  /** The tool's own hints, from the MCP server: `readOnlyHint`, `destructiveHint` and others. */
  readonly toolAnnotations: Protocol.JsonObject | undefined
  /** The arguments of the call. */
  readonly arguments: Protocol.Json | undefined
  /** The question to the user. */
  readonly message: string
  /** The lifetimes for which Codex can remember an acceptance, beyond this call. */
  readonly persist: ReadonlyArray<"session" | "always">
}

/**
 * An answer to a {@link McpToolApproval}. `"acceptForSession"` and `"acceptAlways"` also accept later calls of the tool, if
 * `persist` offers that; `"acceptAlways"` writes to the configuration in `CODEX_HOME` if the MCP server is configured
 * there. After `"decline"` and `"cancel"` the tool does not run, and the model sees which of the two it was.
 *
 * @category models
 */
export type McpToolDecision = "accept" | "acceptForSession" | "acceptAlways" | "decline" | "cancel"

const responses: { readonly [D in McpToolDecision]: Response<Method> } = {
  accept: { action: "accept", content: {}, _meta: null },
  acceptForSession: { action: "accept", content: {}, _meta: { persist: "session" } },
  acceptAlways: { action: "accept", content: {}, _meta: { persist: "always" } },
  decline: { action: "decline", content: null, _meta: null },
  cancel: { action: "cancel", content: null, _meta: null }
}

/**
 * Returns the response for a decision on an MCP tool call, for example to answer a request from an inbox.
 *
 * @category mcp
 */
export const mcpToolResponse = (decision: McpToolDecision): Response<Method> => responses[decision]

const text = (value: Protocol.Json | undefined): string | undefined => typeof value === "string" ? value : undefined

const isLifetime = (value: unknown): value is "session" | "always" => value === "session" || value === "always"

const isJsonObject = (value: Protocol.Json | undefined): value is Protocol.JsonObject => Predicate.isObject(value)

/**
 * Returns the MCP tool call that an elicitation asks approval for. Undefined if an MCP server elicits input from the user.
 *
 * The mark of an approval is part of `_meta`, which an MCP server can imitate. `serverName` can't be imitated, and accepting
 * such an elicitation only reports to that server that its empty form was accepted. A form with fields is never an approval.
 *
 * @category mcp
 */
export const mcpToolApproval = (params: Params<Method>): McpToolApproval | undefined => {
  if (params.mode !== "form" || !isJsonObject(params._meta)) return undefined
  const { _meta: meta, message, requestedSchema, serverName } = params
  if (meta["codex_approval_kind"] !== "mcp_tool_call" || Object.keys(requestedSchema.properties).length > 0) {
    return undefined
  }
  const annotations = meta["tool_annotations"]
  return {
    serverName,
    toolName: text(meta["tool_name"]),
    toolTitle: text(meta["tool_title"]),
    toolDescription: text(meta["tool_description"]),
    toolAnnotations: isJsonObject(annotations) ? annotations : undefined,
    arguments: meta["tool_params"],
    message,
    persist: [meta["persist"]].flat().filter(isLifetime)
  }
}

/**
 * Handlers for each meaning of an elicitation. Those that are left out go to `otherwise`.
 *
 * @category models
 */
export interface McpElicitationHandlers<R = never> {
  /** Decides on a call of an MCP tool. */
  readonly toolCall?: (
    approval: McpToolApproval,
    context: RequestContext
  ) => Effect.Effect<McpToolDecision, ServerRequestError, R>
  /** Answers a form of an MCP server. `content` must follow `requestedSchema`. */
  readonly form?: (
    form: Protocol.FormMcpServerElicitationRequestParams,
    context: RequestContext
  ) => Effect.Effect<Response<Method>, ServerRequestError, R>
  /** Answers an MCP server that wants the user to open a URL. */
  readonly url?: (
    url: Protocol.UrlMcpServerElicitationRequestParams,
    context: RequestContext
  ) => Effect.Effect<Response<Method>, ServerRequestError, R>
  /** Answers everything else. Default: declines. */
  readonly otherwise?: Handler<Method, R>
}

/**
 * Combines handlers for the meanings of an elicitation into one handler of `mcpServer/elicitation/request`.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { ServerRequests } from "effect-codex"
 *
 * const handlers = ServerRequests.make({
 *   "mcpServer/elicitation/request": ServerRequests.mcpElicitation({
 *     toolCall: ({ serverName }) => Effect.succeed(serverName === "docs" ? "acceptForSession" : "decline"),
 *     form: () => Effect.succeed({ action: "accept", content: { confirmed: true } })
 *   })
 * })
 * ```
 *
 * @category mcp
 */
export const mcpElicitation = <H extends McpElicitationHandlers<unknown>>(
  handlers: H & { readonly [K in Exclude<keyof H, keyof McpElicitationHandlers>]: never }
): Handler<Method, Requirements<H>> => {
  // The requirements were read off the handlers themselves, which TypeScript can't follow.
  const { form, otherwise, toolCall, url } = handlers as McpElicitationHandlers<Requirements<H>>
  const fallback: Handler<Method, Requirements<H>> = otherwise ?? (() => Effect.succeed(responses.decline))
  return (params, context) => {
    const approval = mcpToolApproval(params)
    if (approval !== undefined) {
      return toolCall === undefined ? fallback(params, context) : Effect.flatMap(
        invoke(toolCall as AnyHandler<Requirements<H>>, approval, context),
        (decision) =>
          Predicate.isString(decision) && Object.hasOwn(responses, decision)
            ? Effect.succeed(mcpToolResponse(decision as McpToolDecision))
            : Effect.die(new TypeError(`${String(decision)} is not one of ${Object.keys(responses).join(", ")}`))
      )
    }
    if (params.mode === "form" && form !== undefined) return form(params, context)
    if (params.mode === "url" && url !== undefined) return url(params, context)
    return fallback(params, context)
  }
}
