/**
 * Compares the options of `threadResume` and `threadFork` with those in force. A server that has the thread loaded already
 * ignores most of them; and not every sandbox survives a fork, or a resume after a restart. What differs is brought into
 * force, or the call fails.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type { CodexClient } from "./CodexClient.ts"
import { OptionsNotInForceError, type RequestError } from "./model/CodexError.ts"
import { isWithin, type Settings, update } from "./model/Settings.ts"
import * as Sandbox from "./Sandbox.ts"
import type { FixedOptions } from "./wire/Family.ts"

/** The options that are compared, as the protocol has them. */
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
  /** The fields of `thread/settings/update` that bring it into force; undefined if none does. */
  readonly update?: Changes | undefined
  /** Whether nobody asked for it, and nothing is less safe without it. */
  readonly isOptional?: boolean
}

/** Fields of `thread/settings/update`. */
export type Changes = Omit<Protocol.ThreadSettingsUpdateParams, "threadId">

/** Options that no answer reports. */
const unreported = ["baseInstructions", "developerInstructions", "config", "personality"] as const

/**
 * Whether the server has the thread loaded already, as far as the options make it matter. Asked before the thread is
 * resumed, because the answer of `thread/resume` does not tell.
 */
export const isLoaded = (
  client: CodexClient["Service"],
  threadId: string,
  asked: Asked
): Effect.Effect<boolean> =>
  unreported.every((option) => isUnset(asked[option]))
    ? Effect.succeed(false)
    : client.request("thread/read", { threadId }).pipe(
      Effect.map(({ thread }) => thread.status.type !== "notLoaded"),
      // The request that follows fails for the same reason, and says so better.
      Effect.orElseSucceed(() => false)
    )

/** What is known of a thread beside the options that are asked for. */
export interface Known {
  /** Whether the server had the thread loaded before. */
  readonly wasLoaded: boolean
  /** The options that the loaded thread was opened with, if this client did. */
  readonly opened?: FixedOptions | undefined
  /** Options that hold where none are asked for: those of a fork's source, or of the thread before a restart. */
  readonly inherited?: Settings | undefined
}

/** Brings the options into force, and returns the fields of those that had to be changed. */
export const bring = (
  client: CodexClient["Service"],
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
    return Effect.as(client.request("thread/settings/update", { ...fields, threadId }), fields).pipe(
      // It does not know the method, or does not let this thread be changed.
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

/** Fields of `config` that say the same as an option. */
const configKeys = {
  approvalPolicy: ["approval_policy"],
  approvalsReviewer: ["approvals_reviewer"],
  model: ["model", "profile"],
  sandbox: ["sandbox_mode", "sandbox_workspace_write", "default_permissions", "permissions", "profile"]
} as const

/** The server takes what it reports. */
const inputOf = (policy: Protocol.AskForApproval | undefined) => policy as Protocol.AskForApprovalInput | undefined
const sandboxInputOf = (sandbox: Protocol.SandboxPolicy) => sandbox as Protocol.SandboxPolicyInput

type Response = Protocol.ThreadResumeResponse | Protocol.ThreadForkResponse

const isUnset = (value: unknown): value is null | undefined => value === undefined || value === null

const compare = (
  option: string,
  asked: unknown,
  inForce: unknown,
  update?: Changes,
  same: (a: unknown, b: unknown) => boolean = Equal.equals
): ReadonlyArray<Difference> => isUnset(asked) || same(asked, inForce) ? [] : [{ option, asked, inForce, update }]

/** Options that were asked for. Servers of other versions do not report all of them. */
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
    ...compare("permissions", permissions, response.activePermissionProfile?.id, { permissions }),
    ...compare("runtimeWorkspaceRoots", runtimeWorkspaceRoots, response.runtimeWorkspaceRoots),
    ...compare("serviceTier", serviceTier, response.serviceTier, { serviceTier }),
    ...compare("sandbox", sandboxPolicy?.type, response.sandbox.type, { sandboxPolicy })
  ].filter(({ inForce }) => inForce !== undefined || wasLoaded)
}

/** Options that hold because nothing else was asked for. */
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

/** Whether two sandboxes allow the same. */
const isSameSandbox = (a: unknown, b: unknown): boolean => {
  const [one, other] = [update(undefined, { sandbox: a }), update(undefined, { sandbox: b })]
  return isWithin(one, other) && isWithin(other, one)
}

/** A relative path is resolved by the server, so it always differs, and is set again. */
const isSameDirectory = (asked: unknown, inForce: unknown): boolean => {
  const [a, b] = [asked, inForce].map((path) => String(path).replace(/(?<=.)[/\\]+$/, ""))
  return a === b
}
