/**
 * The options in force on a thread, and the comparison of their permissions.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Predicate from "effect/Predicate"

/**
 * The options in force on a thread, as far as the server has reported them.
 *
 * @category models
 */
export interface Settings {
  /** The sandbox of commands. */
  readonly sandbox?: Protocol.SandboxPolicy
  /** The policy by which the server asks for approval of a command. */
  readonly approvalPolicy?: Protocol.AskForApproval
  /** The reviewer of requests for approval. */
  readonly approvalsReviewer?: Protocol.ApprovalsReviewer
  /** The model. */
  readonly model?: string
  /** The working directory. */
  readonly cwd?: string
}

/** Returns the settings, updated by the fields of a response, of a request or of `thread/settings/updated`. */
export const update = (settings: Settings | undefined, fields: unknown): Settings => {
  if (!Predicate.isObject(fields)) return settings ?? {}
  const { approvalPolicy, approvalsReviewer, cwd, model } = fields
  const sandbox = fields["sandboxPolicy"] ?? fields["sandbox"]
  return {
    ...settings,
    ...(isSandbox(sandbox) ? { sandbox } : {}),
    ...(isApprovalPolicy(approvalPolicy) ? { approvalPolicy } : {}),
    ...(typeof approvalsReviewer === "string" ? { approvalsReviewer } : {}),
    ...(typeof model === "string" ? { model } : {}),
    ...(typeof cwd === "string" ? { cwd } : {})
  }
}

const isSandbox = (value: unknown): value is Protocol.SandboxPolicy =>
  Predicate.isObject(value) && typeof value["type"] === "string"

const isApprovalPolicy = (value: unknown): value is Protocol.AskForApproval =>
  typeof value === "string" || (Predicate.isObject(value) && Object.keys(value).length > 0)

/**
 * Returns true if `outer` allows everything that `inner` allows: in the sandbox, and without approval. A field that is missing
 * in `outer` is not compared. A field that is missing only in `inner` counts as wider.
 */
export const isWithin = (inner: Settings | undefined, outer: Settings): boolean =>
  (outer.sandbox === undefined || isSandboxWithin(inner?.sandbox, outer.sandbox))
  && (outer.approvalPolicy === undefined || asksAsMuch(inner?.approvalPolicy, outer.approvalPolicy))
  && (outer.approvalsReviewer !== "user" || inner?.approvalsReviewer === "user")

/** The fields of a sandbox of any type. Missing fields are off. */
interface SandboxFields {
  readonly type: string
  readonly networkAccess?: unknown
  readonly writableRoots?: unknown
  readonly excludeSlashTmp?: unknown
  readonly excludeTmpdirEnvVar?: unknown
}

const isSandboxWithin = (inner: SandboxFields | undefined, outer: SandboxFields): boolean => {
  if (outer.type === "dangerFullAccess") return true
  if (inner === undefined || inner.type === "dangerFullAccess") return false
  if (hasNetwork(inner) && !hasNetwork(outer)) return false
  if (outer.type === "workspaceWrite") {
    if (inner.type === "readOnly") return true
    return inner.type === "workspaceWrite"
      && rootsOf(inner).every((root) => rootsOf(outer).includes(root))
      && (outer.excludeSlashTmp !== true || inner.excludeSlashTmp === true)
      && (outer.excludeTmpdirEnvVar !== true || inner.excludeTmpdirEnvVar === true)
  }
  return inner.type === outer.type
}

/** An external sandbox has `"enabled"` or `"restricted"` here, the others true or false. */
const hasNetwork = ({ networkAccess }: SandboxFields): boolean => networkAccess === true || networkAccess === "enabled"

const rootsOf = ({ writableRoots }: SandboxFields): ReadonlyArray<unknown> =>
  Array.isArray(writableRoots) ? writableRoots : []

/**
 * Returns true if `inner` runs nothing without approval that needs approval under `outer`. `never` never asks and allows
 * nothing beyond the sandbox; `untrusted` asks more often than `on-request`.
 */
const asksAsMuch = (inner: Protocol.AskForApproval | undefined, outer: Protocol.AskForApproval): boolean => {
  if (JSON.stringify(inner) === JSON.stringify(outer)) return true
  return (outer === "on-request" || outer === "on-failure") && (inner === "never" || inner === "untrusted")
}
