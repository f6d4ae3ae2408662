/**
 * Facts that the JSON Schema lacks. The generator fails on an unused entry, so that no entry outlives its reason.
 */
import type { JsonSchema } from "./bundle.ts"

/** Responses whose names follow neither from the params nor from the method. */
export const responses = {
  "account/gatewayOAuth/cancel": "GatewayOAuthCancelResponse",
  "account/logout": "LogoutAccountResponse",
  "account/securitySetup/read": "GetAccountSecuritySetupResponse",
  "account/workspaceMessages/read": "GetWorkspaceMessagesResponse",
  "accountSession/list": "AccountSessionsResponse",
  "config/batchWrite": "ConfigWriteResponse",
  "config/mcpServer/reload": "McpServerRefreshResponse",
  "config/value/write": "ConfigWriteResponse",
  "externalAgentConfig/import/readHistories": "ExternalAgentConfigImportHistoriesReadResponse",
  "modelProvider/default/set": "ConfigWriteResponse"
}

/** Notifications that only the TypeScript output of the binary lists; their params are in the JSON Schema. */
export const notifications = {
  "rawResponse/completed": "RawResponseCompletedNotification",
  "rawResponseItem/completed": "RawResponseItemCompletedNotification"
}

/** Fields that the pinned version requires and that some servers since 0.130 do not send. They are optional. */
export const laterFields = {
  "ExternalAgentConfigImportCompletedNotification.importId": true,
  "ExternalAgentConfigImportCompletedNotification.itemTypeResults": true,
  "ExternalAgentConfigImportResponse.importId": true,
  "ManagedHooksRequirements.SubagentStart": true,
  "ManagedHooksRequirements.SubagentStop": true,
  "PermissionProfileSummary.allowed": true,
  "PluginDetail.appTemplates": true,
  "PluginSharePrincipal.role": true,
  "RemoteControlStatusChangedNotification.installationId": true,
  "RemoteControlStatusChangedNotification.serverName": true,
  "ToolRequestUserInputParams.isBlocking": true
}

/**
 * Server requests that the pinned version no longer sends, but some servers since 0.130 do. They stay typed and answered. Each entry
 * follows the JSON Schema of the last version that has the request.
 */
export const earlierServerRequests: { readonly [method: string]: EarlierRequest } = {
  "currentTime/read": {
    until: "0.169",
    description: "Read the current time from an external clock owned by the client.",
    params: { type: "object", properties: { threadId: { type: "string" } }, required: ["threadId"] },
    response: {
      type: "object",
      properties: { currentTimeAt: { description: "Current time as whole Unix seconds.", type: "integer" } },
      required: ["currentTimeAt"]
    }
  }
}

interface EarlierRequest {
  /** The last version that sends the request. */
  readonly until: string
  readonly description: string
  readonly params: JsonSchema
  readonly response: JsonSchema
}

/** Fields that exist for upstream's own tests. */
export const testFields = [["ThreadStartParams", "mockExperimentalField"]] as const

/** Names of variants whose default names would collide. */
export const variantNames = {
  "McpServerElicitationRequestParams openai/form": "NamespacedOpenaiFormMcpServerElicitationRequestParams"
}

/** Responses of the JSON-RPC envelope. They belong to no method. */
export const envelopeResponses = { JSONRPCResponse: true }

/** Wraps one of the tables above. `assertUsed` throws if an entry was never read. */
export const tracked = <A>(name: string, table: { readonly [key: string]: A }) => {
  const unused = new Set(Object.keys(table))
  return {
    get: (key: string): A | undefined => {
      unused.delete(key)
      return Object.hasOwn(table, key) ? table[key] : undefined
    },
    entries: (): ReadonlyArray<readonly [string, A]> => {
      unused.clear()
      return Object.entries(table)
    },
    assertUsed: (): void => {
      if (unused.size > 0) throw new Error(`Unused override in ${name}: ${[...unused].join(", ")}`)
    }
  }
}
