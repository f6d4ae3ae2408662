/**
 * Options of a thread that are in force, and whether one set of them allows more than another.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Predicate from "effect/Predicate"

/**
 * Options in force on a thread, as far as the server has reported them.
 *
 * @category models
 */
export interface Settings {
  /** What commands may do. */
  readonly sandbox?: Protocol.SandboxPolicy
  /** When the server asks before it runs a command. */
  readonly approvalPolicy?: Protocol.AskForApproval
  /** Who reviews what is asked for. */
  readonly approvalsReviewer?: Protocol.ApprovalsReviewer
  /** The model. */
  readonly model?: string
  /** The working directory. */
  readonly cwd?: string
}

/** The settings with what is newly known of them: fields of an answer, of a request or of `thread/settings/updated`. */
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
 * Whether everything that `inner` allows is allowed by `outer` too: its sandbox, and what runs without being asked for.
 * What `outer` does not say is not compared; what is unknown of `inner` counts as more.
 */
export const isWithin = (inner: Settings | undefined, outer: Settings): boolean =>
  (outer.sandbox === undefined || isSandboxWithin(inner?.sandbox, outer.sandbox))
  && (outer.approvalPolicy === undefined || asksAsMuch(inner?.approvalPolicy, outer.approvalPolicy))
  && (outer.approvalsReviewer !== "user" || inner?.approvalsReviewer === "user")

/** The fields of a sandbox, whatever its type: those that are left out are off. */
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

/** A sandbox from outside says `"enabled"` or `"restricted"`, the others true or false. */
const hasNetwork = ({ networkAccess }: SandboxFields): boolean => networkAccess === true || networkAccess === "enabled"

const rootsOf = ({ writableRoots }: SandboxFields): ReadonlyArray<unknown> =>
  Array.isArray(writableRoots) ? writableRoots : []

/**
 * Whether under `inner` nothing runs that `outer` would have asked for. `never` asks for nothing and allows nothing beyond
 * the sandbox, `untrusted` asks for more than `on-request` does.
 */
const asksAsMuch = (inner: Protocol.AskForApproval | undefined, outer: Protocol.AskForApproval): boolean => {
  if (JSON.stringify(inner) === JSON.stringify(outer)) return true
  return (outer === "on-request" || outer === "on-failure") && (inner === "never" || inner === "untrusted")
}
