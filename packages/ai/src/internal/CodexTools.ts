/**
 * Codex's own tools: their declarations, and their calls and results among the items of a turn.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Tool from "effect/ai/Tool"
import * as Schema from "effect/Schema"

const ShellResult = Schema.Struct({
  /** `"completed"`, `"failed"` or `"declined"`. */
  status: Schema.String,
  /** The exit code; null if the command did not exit on its own. */
  exitCode: Schema.NullOr(Schema.Int),
  /** Standard output and standard error, as the model sees them. */
  output: Schema.String
})

/**
 * Commands. The result is a failure if the command exited with a code other than 0, or was not allowed to run.
 *
 * @category tools
 */
export const Shell = Tool.providerDefined({
  id: "codex.shell",
  customName: "CodexShell",
  providerName: "shell",
  parameters: Schema.Struct({ command: Schema.String, cwd: Schema.String }),
  success: ShellResult,
  failure: ShellResult
})(undefined)

const FileChangeResult = Schema.Struct({ status: Schema.String })

/**
 * Changes of files. `kind` is `"add"`, `"delete"` or `"update"`. The result is a failure if the change was not applied.
 *
 * @category tools
 */
export const FileChange = Tool.providerDefined({
  id: "codex.file_change",
  customName: "CodexFileChange",
  providerName: "file_change",
  parameters: Schema.Struct({
    changes: Schema.Array(Schema.Struct({ path: Schema.String, kind: Schema.String, diff: Schema.String }))
  }),
  success: FileChangeResult,
  failure: FileChangeResult
})(undefined)

/**
 * Searches of the web. The results are those that the model's service reports, which may be none.
 *
 * @category tools
 */
export const WebSearch = Tool.providerDefined({
  id: "codex.web_search",
  customName: "CodexWebSearch",
  providerName: "web_search",
  parameters: Schema.Struct({ query: Schema.String }),
  success: Schema.Struct({ results: Schema.Array(Schema.Json) })
})(undefined)

const McpResult = Schema.Struct({
  content: Schema.Array(Schema.Json),
  structuredContent: Schema.Json,
  /** The message of the failure; null if the call succeeded. */
  error: Schema.NullOr(Schema.String)
})

/**
 * Calls of tools of MCP servers in Codex's configuration.
 *
 * @category tools
 */
export const McpCall = Tool.providerDefined({
  id: "codex.mcp_call",
  customName: "CodexMcpCall",
  providerName: "mcp_call",
  parameters: Schema.Struct({ server: Schema.String, tool: Schema.String, arguments: Schema.Json }),
  success: McpResult,
  failure: McpResult
})(undefined)

const all: ReadonlyArray<{ readonly id: string }> = [Shell, FileChange, WebSearch, McpCall]

/** Returns true for a tool of Codex. */
export const isCodexTool = ({ id }: Tool.Any): boolean => all.some((tool) => tool.id === id)

/** A call of one of Codex's tools, with its result once it is known. */
export interface Activity {
  /** The id of the call. */
  readonly id: string
  /** The id of the tool. */
  readonly toolId: string
  readonly params: unknown
  readonly isFailure: boolean
  readonly result: unknown
  /** Whether the call is known when the item starts. Otherwise the item tells it at its end. */
  readonly startsKnown: boolean
}

/** Returns the call that an item stands for. */
export const activityOf = (item: Protocol.ThreadItem): Activity | undefined => {
  switch (item.type) {
    case "commandExecution":
      return {
        id: item.id,
        toolId: Shell.id,
        params: { command: item.command, cwd: item.cwd },
        isFailure: item.status !== "completed",
        result: { status: item.status, exitCode: item.exitCode ?? null, output: item.aggregatedOutput ?? "" },
        startsKnown: true
      }
    case "fileChange":
      return {
        id: item.id,
        toolId: FileChange.id,
        params: { changes: item.changes.map(({ diff, kind, path }) => ({ path, kind: kind.type, diff })) },
        isFailure: item.status !== "completed",
        result: { status: item.status },
        startsKnown: false
      }
    case "webSearch":
      return {
        id: item.id,
        toolId: WebSearch.id,
        params: { query: item.query },
        isFailure: false,
        result: { results: item.results ?? [] },
        startsKnown: false
      }
    case "mcpToolCall":
      return {
        id: item.id,
        toolId: McpCall.id,
        params: { server: item.server, tool: item.tool, arguments: item.arguments },
        isFailure: item.status !== "completed",
        result: {
          content: item.result?.content ?? [],
          structuredContent: item.result?.structuredContent ?? null,
          error: item.error?.message ?? null
        },
        startsKnown: true
      }
    default:
      return undefined
  }
}
