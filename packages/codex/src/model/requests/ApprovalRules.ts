/**
 * Rules that answer approvals, as data: their Schema, and their types.
 */
import * as Schema from "effect/Schema"
import { exactly } from "../../base/exactly.ts"
import { normalized } from "../../base/paths.ts"
import { isRunner } from "../../base/shell.ts"

const action = Schema.Literals(["allow", "ask", "decline"])

const CommandRule = exactly(Schema.Struct({
  action,
  command: Schema.NonEmptyArray(Schema.NonEmptyString)
})).check(Schema.makeFilter(({ action, command }) =>
  action !== "allow" || !isRunner(command[0])
    ? undefined
    : `an allow rule for ${command[0]} never matches, because ${
      command[0]
    } runs any command; allow the commands themselves`
))

const PathRule = exactly(Schema.Struct({
  action,
  path: Schema.String.check(
    Schema.makeFilter((path: string) =>
      normalized(path) === undefined ? `${JSON.stringify(path)} is not an absolute path` : undefined
    )
  )
}))

const HostRule = exactly(Schema.Struct({
  action,
  host: Schema.String.check(
    Schema.makeFilter((host: string) =>
      /^(?:\*\.)?[^\s*/:@]+$/.test(host) ? undefined : `${JSON.stringify(host)} is not a host, nor *. and a host`
    )
  )
}))

const McpRule = exactly(Schema.Struct({
  action,
  mcpServer: Schema.NonEmptyString,
  tool: Schema.optionalKey(Schema.NonEmptyString)
}))

/**
 * A rule for approvals. Its `action` is `"allow"`, `"decline"`, or `"ask"`, which leaves the request to the next handler. It has one
 * of these subjects:
 *
 * - `command`: the first words of a command, such as `["git", "status"]`.
 * - `path`: an absolute path of a file, or of a directory with everything below it, that a file change touches.
 * - `host`: a host such as `example.com`, or `*.example.com` for the hosts below it, that a command wants to reach.
 * - `mcpServer`, and optionally `tool`: an MCP server whose tools are called, or one of its tools.
 *
 * @category rules
 */
export const Rule = Schema.Union([CommandRule, PathRule, HostRule, McpRule])

/**
 * A rule for approvals: see the Schema of the same name.
 *
 * @category rules
 */
export type Rule = typeof Rule.Type

/**
 * A list of rules, for example to decode a file: `Schema.decodeEffect(Schema.fromJsonString(ServerRequests.Rules))`.
 *
 * @category rules
 */
export const Rules = Schema.Array(Rule)

/**
 * A list of rules: see the Schema of the same name.
 *
 * @category rules
 */
export type Rules = typeof Rules.Type
