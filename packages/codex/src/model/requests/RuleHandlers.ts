/**
 * Handlers that answer approvals by rules.
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { describe } from "../../base/issue.ts"
import { anything, type Checks, findMistake } from "../../base/options.ts"
import type { RealPath } from "../../base/paths.ts"
import { InvalidInputError } from "../errors/CodexError.ts"
import { declineAll } from "./ApprovalHandlers.ts"
import { Rule } from "./ApprovalRules.ts"
import { mcpToolApproval, mcpToolResponse } from "./McpElicitation.ts"
import * as Matching from "./RuleMatching.ts"
import {
  type Method,
  partial,
  type RequestContext,
  type Response,
  type ServerRequestHandlers
} from "./ServerRequests.ts"

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
 * Options of {@link rules}.
 *
 * @category rules
 */
export interface RulesOptions {
  /**
   * The `FileSystem` of the server's machine, in which rules with a `path` follow links. Default: that of this machine, if the client
   * has started the server. Over a socket there is no default: rules that allow a path match nothing, and others match every change.
   */
  readonly files?: Pick<FileSystem.FileSystem, "readLink" | "realPath"> | undefined
}

const optionChecks: Checks<RulesOptions> = { files: anything }

/** Follows the links of a path in a file system. */
const inFiles = ({ readLink, realPath }: NonNullable<RulesOptions["files"]>): RealPath => (path) =>
  Effect.catch(realPath(path), (error): Effect.Effect<never, "missing" | "hidden"> =>
    error.reason._tag !== "NotFound"
      ? Effect.fail("hidden")
      : Effect.flatMap(
        Effect.option(readLink(path)),
        (link) => Effect.fail(link._tag === "None" ? "missing" : "hidden")
      ))

/** The links of a machine whose files the client can't see. */
const unknown: RealPath = () => Effect.fail("hidden")

/**
 * Handlers that answer approvals by rules. The first rule that matches counts. Requests that no rule matches, or a rule with `"ask"`,
 * go to the next handler: that of `orElse`, or else of the thread above or of the client. Without one, they are declined.
 *
 * An allow rule matches only commands whose text leaves no doubt, and paths whose links were followed. Other rules match whatever
 * might be meant. Of several commands or files, the least permitted decides. Over a socket, rules with a `path` need the option `files`.
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
export const rules = (list: ReadonlyArray<Rule>, options: RulesOptions = {}): ServerRequestHandlers => {
  const decoded = decode(list)
  if (Result.isFailure(decoded)) {
    throw new InvalidInputError({ field: "rules", detail: describe(decoded.failure.issue) })
  }
  const mistake = findMistake(options, optionChecks)
  if (mistake !== undefined) throw new InvalidInputError(mistake)
  const rules = decoded.success
  const hasPaths = rules.some((rule) => "path" in rule)
  const given = options.files && inFiles(options.files)
  const onPaths = (
    changes: Changes | undefined,
    granted: string | null | undefined,
    { realPath = unknown }: RequestContext
  ) => hasPaths ? Matching.onPaths(rules, allPaths(changes), granted, given ?? realPath) : Effect.undefined

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
    "item/fileChange/requestApproval": partial(({ grantRoot }, context) =>
      Effect.map(
        onPaths(context.changes?.map(Matching.pathsOf), grantRoot, context),
        (verdict) => answer<"item/fileChange/requestApproval">(verdict, decisions)
      ), declineAll["item/fileChange/requestApproval"]),
    "mcpServer/elicitation/request": partial((params) => {
      const approval = mcpToolApproval(params)
      const verdict = approval === undefined ? undefined : Matching.onMcpTool(rules, approval)
      return Effect.succeed(answer<"mcpServer/elicitation/request">(verdict, {
        allow: mcpToolResponse("accept"),
        decline: mcpToolResponse("decline")
      }))
    }, declineAll["mcpServer/elicitation/request"]),
    applyPatchApproval: partial(({ fileChanges, grantRoot }, context) => {
      const changes = Object.entries(fileChanges).map(([path, kind]) => Matching.pathsOf({ path, kind }))
      return Effect.map(
        onPaths(changes, grantRoot, context),
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

/** The paths of each change; undefined for one of an unknown kind. */
type Changes = ReadonlyArray<ReadonlyArray<string> | undefined>

/** Returns all paths; undefined if some are unknown. */
const allPaths = (changes: Changes | undefined): ReadonlyArray<string> | undefined => {
  if (changes === undefined || changes.length === 0) return undefined
  const paths: Array<string> = []
  for (const change of changes) {
    if (change === undefined) return undefined
    paths.push(...change)
  }
  return paths
}
