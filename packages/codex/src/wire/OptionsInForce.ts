/**
 * The comparison of the options of `threadResume` and `threadFork` with those in force. A server that has the thread loaded
 * ignores most options, and not every sandbox survives a fork, or a resume after a restart. Options that differ are brought into
 * force, or the call fails.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import { OptionsNotInForceError, type RequestError } from "../model/errors/CodexError.ts"
import type { SendRequest } from "../model/requests/Request.ts"
import { isWithin, type Settings, update } from "../model/turns/Settings.ts"
import * as Sandbox from "../options/Sandbox.ts"
import { isKnown } from "../options/supported.ts"
import type { FixedOptions } from "./Member.ts"

/** The options to compare, as fields of the protocol. */
export type Asked = FixedOptions & {
  readonly approvalPolicy?: Protocol.AskForApprovalInput | null | undefined
  readonly approvalsReviewer?: Protocol.ApprovalsReviewer | null | undefined
  readonly cwd?: string | null | undefined
  readonly model?: string | null | undefined
  readonly modelProvider?: string | null | undefined
  readonly permissions?: string | null | undefined
  readonly personality?: Protocol.Personality | null | undefined
  readonly runtimeWorkspaceRoots?: ReadonlyArray<string> | null | undefined
  readonly sandbox?: Protocol.SandboxModeLiteral | null | undefined
  readonly serviceTier?: string | null | undefined
}

/** An option that is not in force. */
interface Difference {
  readonly option: string
  readonly asked: unknown
  readonly inForce?: unknown
  /** The fields of `thread/settings/update` that bring it into force. Undefined if there are none. */
  readonly update?: Changes | undefined
  /** True for an option that was not requested, and without which nothing is less safe. */
  readonly isOptional?: boolean
}

/** Fields of `thread/settings/update`. */
export type Changes = Omit<Protocol.ThreadSettingsUpdateParams, "threadId">

/** Options that no response reports. */
const unreported = ["baseInstructions", "developerInstructions", "config", "personality"] as const

/**
 * Returns true if the server has the thread loaded. Sends a request only if the options make that matter, and before the thread
 * is resumed, because the response of `thread/resume` does not contain it.
 */
export const isLoaded = (
  request: SendRequest,
  threadId: string,
  asked: Asked
): Effect.Effect<boolean> =>
  unreported.every((option) => isUnset(asked[option]))
    ? Effect.succeed(false)
    : request("thread/read", { threadId }).pipe(
      Effect.map(({ thread }) => thread.status.type !== "notLoaded"),
      // The next request fails for the same reason, with a better error.
      Effect.orElseSucceed(() => false)
    )

/** Leaves the turns out of a response, if the server supports that: a long thread has megabytes of them. */
export const withoutTurns = (serverVersion: string): { readonly excludeTurns?: true } =>
  isKnown("excludeTurns", serverVersion) ? { excludeTurns: true } : {}

/** The fixed options that a thread is opened with: the requested ones, then those of the thread or of its source. */
export const inherit = (before: FixedOptions = {}, asked: Asked): FixedOptions => ({
  baseInstructions: asked.baseInstructions ?? before.baseInstructions,
  config: asked.config ?? before.config,
  developerInstructions: asked.developerInstructions ?? before.developerInstructions
})

/** Facts about a thread that determine which of its options are in force. */
export interface Known {
  /** True if the server had the thread loaded before. */
  readonly wasLoaded: boolean
  /** The options with which this client opened the loaded thread. Undefined if another client opened it. */
  readonly opened?: FixedOptions | undefined
  /** Options that apply unless others are requested: those of a fork's source, or of the thread before a restart. */
  readonly inherited?: Settings | undefined
}

/** Brings the requested options into force. Returns the fields that had to be changed. */
export const bring = (
  request: SendRequest,
  asked: Asked,
  response: Response,
  { inherited = {}, opened = {}, wasLoaded }: Known
): Effect.Effect<Changes, RequestError | OptionsNotInForceError> =>
  Effect.suspend(() => {
    const differences = [
      ...reportedDifferences(asked, response, wasLoaded),
      ...inheritedDifferences(asked, inherited, response),
      ...wasLoaded ? fixedDifferences(asked, opened) : []
    ]
    if (differences.length === 0) return Effect.succeed({})
    const threadId = response.thread.id
    const fail = (differences: ReadonlyArray<Difference>) =>
      Effect.fail(
        new OptionsNotInForceError({
          threadId,
          options: differences.map(({ asked, inForce, option }) => ({ option, asked, inForce }))
        })
      )
    const fixed = differences.filter(({ update }) => update === undefined)
    if (fixed.length > 0) return fail(fixed)
    const fields: Changes = Object.assign(
      {},
      ...differences.map(({ update }) => update)
    )
    return Effect.as(request("thread/settings/update", { ...fields, threadId }), fields).pipe(
      // The server does not know the method, or refuses to change this thread.
      Effect.catchTag(
        "CodexRpcError",
        (error): Effect.Effect<Changes, RequestError | OptionsNotInForceError> => {
          if (error.reason._tag === "Overloaded") return Effect.fail(error)
          const required = differences.filter(({ isOptional }) => isOptional !== true)
          return required.length === 0 ? Effect.succeed({}) : fail(required)
        }
      )
    )
  })

/** Fields of `config` with the same meaning as an option. */
const configKeys = {
  approvalPolicy: ["approval_policy"],
  approvalsReviewer: ["approvals_reviewer"],
  model: ["model", "profile"],
  sandbox: ["sandbox_mode", "sandbox_workspace_write", "default_permissions", "permissions", "profile"]
} as const

/** Converts reported values to requested ones. The server accepts every value that it reports. */
const inputOf = (policy: Protocol.AskForApproval | undefined) => policy as Protocol.AskForApprovalInput | undefined
const sandboxInputOf = (sandbox: Protocol.SandboxPolicy) => sandbox as Protocol.SandboxPolicyInput

type Response = Protocol.ThreadResumeResponse | Protocol.ThreadForkResponse

/** Returns the permission profile in force: null if there is none, undefined if the server does not report it. */
const profileOf = ({ activePermissionProfile: profile }: Response): string | null | undefined =>
  isUnset(profile) ? profile : profile.id

const isUnset = (value: unknown): value is null | undefined => value === undefined || value === null

const compare = (
  option: string,
  asked: unknown,
  inForce: unknown,
  update?: Changes,
  same: (a: unknown, b: unknown) => boolean = Equal.equals
): ReadonlyArray<Difference> => isUnset(asked) || same(asked, inForce) ? [] : [{ option, asked, inForce, update }]

/** Returns the requested options that differ. Servers of other versions do not report all of them. */
const reportedDifferences = (asked: Asked, response: Response, wasLoaded: boolean): ReadonlyArray<Difference> => {
  const { approvalPolicy, approvalsReviewer, cwd, model, permissions, runtimeWorkspaceRoots, sandbox, serviceTier } =
    asked
  const sandboxPolicy = isUnset(sandbox) ? undefined : Sandbox.policyOf(sandbox)
  return [
    ...compare("approvalPolicy", approvalPolicy, response.approvalPolicy, { approvalPolicy }),
    ...compare("approvalsReviewer", approvalsReviewer, response.approvalsReviewer, { approvalsReviewer }),
    ...compare("cwd", cwd, response.cwd, { cwd }, isSameDirectory),
    ...compare("model", model, response.model, { model }),
    ...compare("modelProvider", asked.modelProvider, response.modelProvider),
    ...compare("permissions", permissions, profileOf(response), { permissions }),
    ...compare("runtimeWorkspaceRoots", runtimeWorkspaceRoots, response.runtimeWorkspaceRoots),
    ...compare("serviceTier", serviceTier, response.serviceTier, { serviceTier }),
    ...compare("sandbox", sandboxPolicy?.type, response.sandbox.type, { sandboxPolicy })
  ].filter(({ inForce }) => inForce !== undefined || wasLoaded)
}

/** Returns the inherited options that differ, unless another value was requested. */
const inheritedDifferences = (asked: Asked, inherited: Settings, response: Response): ReadonlyArray<Difference> => {
  const isFree = (option: keyof typeof configKeys) =>
    isUnset(asked[option]) && configKeys[option].every((key) => isUnset(asked.config?.[key]))
  const { approvalsReviewer, model, sandbox } = inherited
  const approvalPolicy = inputOf(inherited.approvalPolicy)
  const differences: Array<Difference> = []
  if (isFree("approvalPolicy")) {
    differences.push(...compare("approvalPolicy", approvalPolicy, response.approvalPolicy, { approvalPolicy }))
  }
  if (isFree("approvalsReviewer")) {
    differences.push(
      ...compare("approvalsReviewer", approvalsReviewer, response.approvalsReviewer, { approvalsReviewer })
    )
  }
  if (isFree("sandbox") && isUnset(asked.permissions) && sandbox !== undefined) {
    const sandboxPolicy = sandboxInputOf(sandbox)
    differences.push(...compare("sandbox", sandbox, response.sandbox, { sandboxPolicy }, isSameSandbox))
  }
  if (isFree("model") && isUnset(asked.modelProvider)) {
    for (const difference of compare("model", model, response.model, { model })) {
      differences.push({ ...difference, isOptional: true })
    }
  }
  return differences
}

function* fixedDifferences({ personality, ...asked }: Asked, opened: FixedOptions): Generator<Difference> {
  for (const option of ["baseInstructions", "developerInstructions", "config"] as const) {
    const value = asked[option]
    if (!isUnset(value) && !Equal.equals(value, opened[option])) yield { option, asked: value }
  }
  if (!isUnset(personality)) yield { option: "personality", asked: personality, update: { personality } }
}

/** Returns true if two sandboxes allow the same. */
const isSameSandbox = (a: unknown, b: unknown): boolean => {
  const [one, other] = [update(undefined, { sandbox: a }), update(undefined, { sandbox: b })]
  return isWithin(one, other) && isWithin(other, one)
}

/** A relative path is resolved by the server, so it always differs, and is set again. */
const isSameDirectory = (asked: unknown, inForce: unknown): boolean =>
  withoutSlash(String(asked)) === withoutSlash(String(inForce))

/** Returns the path without trailing slashes, except for the root. */
const withoutSlash = (path: string): string => {
  let end = path.length
  while (end > 1 && (path[end - 1] === "/" || path[end - 1] === "\\")) end--
  return path.slice(0, end)
}
