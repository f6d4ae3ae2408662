/**
 * Handlers that answer approvals by rules.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { describe } from "../../base/issue.ts"
import { InvalidInputError } from "../errors/CodexError.ts"
import { declineAll } from "./ApprovalHandlers.ts"
import { Rule, type RuleServices } from "./ApprovalRules.ts"
import { mcpToolApproval, mcpToolResponse } from "./McpElicitation.ts"
import * as Matching from "./RuleMatching.ts"
import { type Method, partial, type Response, type ServerRequestHandlers } from "./ServerRequests.ts"

/** The responses of a method. A request with another verdict goes to the next handler. */
const answer = <M extends Method>(
  verdict: Matching.Verdict,
  responses: { readonly allow: Response<M>; readonly decline: Response<M> }
): Response<M> | undefined => verdict === "allow" || verdict === "decline" ? responses[verdict] : undefined

const decisions = { allow: { decision: "accept" }, decline: { decision: "decline" } } as const

const legacy = {
  allow: { decision: "approved" },
  decline: { decision: { denied: { rejection: "Declined by a rule of the client." } } }
} as const

const decode = Schema.decodeUnknownResult(Schema.Array(Rule))

/**
 * Handlers that answer approvals by rules. The first rule that matches counts. What no rule matches, and what a rule with `"ask"`
 * matches, goes to the next handler: that of `orElse`, or else of the thread above or of the client. Without one, it is declined.
 *
 * An allow rule matches only commands whose text leaves no doubt, and paths whose links were followed. Other rules match whatever
 * might be meant. Of several commands or files, the least permitted decides. Rules with a `path` require the `FileSystem` of the
 * server's machine.
 *
 * Throws an `InvalidInputError` if a rule does not fit its Schema, which the types do not reach in JavaScript.
 *
 * @example
 * ```ts
 * import { ServerRequests } from "effect-codex"
 *
 * // A person answers what the rules do not.
 * const handlers = (person: ServerRequests.ServerRequestHandlers) =>
 *   ServerRequests.orElse(
 *     ServerRequests.rules([
 *       { action: "ask", command: ["git", "push"] },
 *       { action: "allow", command: ["git", "commit"] },
 *       { action: "allow", command: ["npm", "test"] },
 *       { action: "decline", command: ["rm"] },
 *       { action: "allow", host: "registry.example.com" },
 *       { action: "allow", mcpServer: "docs", tool: "search" }
 *     ]),
 *     person
 *   )
 * ```
 *
 * @category rules
 */
export const rules = <const R extends Rule>(list: ReadonlyArray<R>): ServerRequestHandlers<RuleServices<R>> => {
  const decoded = decode(list)
  if (Result.isFailure(decoded)) {
    throw new InvalidInputError({ field: "rules", detail: describe(decoded.failure.issue) })
  }
  const rules = decoded.success
  const hasPaths = rules.some((rule) => "path" in rule)
  /** Requires a FileSystem if there are rules with paths, which the type of the result says. */
  const onPaths = (paths: ReadonlyArray<string> | undefined): Effect.Effect<Matching.Verdict, never, RuleServices<R>> =>
    (hasPaths
      ? Effect.flatMap(FileSystem.FileSystem, (files) => Matching.onPaths(rules, paths, files))
      : Effect.undefined) as Effect.Effect<Matching.Verdict, never, RuleServices<R>>

  return {
    "item/commandExecution/requestApproval": partial((params) => {
      const { additionalPermissions, command, commandActions, kind = "command", networkApprovalContext } = params
      const verdict = networkApprovalContext
        ? Matching.onHost(rules, networkApprovalContext.host)
        : Matching.onCommand(rules, command ?? "", {
          actions: (commandActions ?? []).map((action) => "command" in action ? String(action.command) : ""),
          isPlain: kind === "command" && (additionalPermissions === undefined || additionalPermissions === null)
        })
      return Effect.succeed(answer<"item/commandExecution/requestApproval">(verdict, decisions))
    }, declineAll["item/commandExecution/requestApproval"]),
    "item/fileChange/requestApproval": partial(({ grantRoot }, { changes }) => {
      const paths = allPaths(changes?.map(Matching.pathsOf), grantRoot)
      return Effect.map(onPaths(paths), (verdict) => answer<"item/fileChange/requestApproval">(verdict, decisions))
    }, declineAll["item/fileChange/requestApproval"]),
    "mcpServer/elicitation/request": partial((params) => {
      const approval = mcpToolApproval(params)
      const verdict = approval === undefined ? undefined : Matching.onMcpTool(rules, approval)
      return Effect.succeed(answer<"mcpServer/elicitation/request">(verdict, {
        allow: mcpToolResponse("accept"),
        decline: mcpToolResponse("decline")
      }))
    }, declineAll["mcpServer/elicitation/request"]),
    applyPatchApproval: partial(({ fileChanges, grantRoot }) => {
      const changes = Object.entries(fileChanges).map(([path, kind]) => Matching.pathsOf({ path, kind }))
      return Effect.map(
        onPaths(allPaths(changes, grantRoot)),
        (verdict) => answer<"applyPatchApproval">(verdict, legacy)
      )
    }, declineAll.applyPatchApproval),
    execCommandApproval: partial(({ command, parsedCmd }) => {
      const actions = parsedCmd.map((parsed) => "cmd" in parsed ? String(parsed.cmd) : "")
      const verdict = Matching.onCommand(rules, command, { actions, isPlain: true })
      return Effect.succeed(answer<"execCommandApproval">(verdict, legacy))
    }, declineAll.execCommandApproval)
  }
}

/** Returns all paths, and the directory that is to be granted; undefined if some are unknown. */
const allPaths = (
  changes: ReadonlyArray<ReadonlyArray<string> | undefined> | undefined,
  grantRoot: string | null | undefined
): ReadonlyArray<string> | undefined => {
  if (changes === undefined || changes.length === 0) return undefined
  const paths: Array<string> = typeof grantRoot === "string" ? [grantRoot] : []
  for (const change of changes) {
    if (change === undefined) return undefined
    paths.push(...change)
  }
  return paths
}
