/**
 * The conversion of options to parameters of the protocol. Only options that the caller passed become parameters.
 */
import * as Effect from "effect/Effect"
import type { PathKind } from "../model/connection/Transport.ts"
import { check } from "../model/errors/check.ts"
import { InvalidInputError } from "../model/errors/CodexError.ts"
import * as ApprovalMode from "./ApprovalMode.ts"
import { threadFork, threadResume, threadStart, turn, typedTurn } from "./checks.ts"
import type { Presets } from "./Presets.ts"
import * as Sandbox from "./Sandbox.ts"
import { supported } from "./supported.ts"
import type { TurnOptions } from "./TurnOptions.ts"

const approvals = Effect.fnUntraced(function*(
  options: Presets & { readonly approvalPolicy?: unknown; readonly approvalsReviewer?: unknown }
) {
  if (options.approvalMode === undefined) return {}
  for (const field of ["approvalPolicy", "approvalsReviewer"] as const) {
    if (options[field] === undefined) continue
    return yield* new InvalidInputError({
      field: "approvalMode",
      detail: `it can't be combined with ${field}; pass one of them`
    })
  }
  return yield* ApprovalMode.toParams(options.approvalMode)
})

/** Converts the options of a thread to parameters of the protocol. Fails for options that the server is too old for. */
export const threadParams = Effect.fnUntraced(function*<
  O extends
    & Presets
    & {
      readonly approvalPolicy?: unknown
      readonly approvalsReviewer?: unknown
      readonly includeTurns?: boolean | undefined
      readonly limits?: unknown
      readonly serverRequests?: unknown
      readonly tools?: unknown
    }
>(options: O, serverVersion: string) {
  const { approvalMode: _, includeTurns, limits: __, sandbox, serverRequests: ___, tools: ____, ...fields } = options
  return yield* supported({
    ...fields,
    ...yield* approvals(options),
    ...(sandbox === undefined ? {} : { sandbox: yield* Sandbox.toMode(sandbox) }),
    ...(includeTurns === undefined ? {} : { excludeTurns: !includeTurns })
  }, serverVersion)
})

const threadChecks = { threadFork, threadResume, threadStart }

/** Fails with `InvalidInputError` if options of a thread are invalid, or their working directory does not exist. */
export const checkThread = Effect.fnUntraced(function*(
  way: keyof typeof threadChecks,
  options: { readonly cwd?: string | null | undefined },
  look: Look | undefined
) {
  yield* check(options, threadChecks[way])
  yield* checkDirectory(options.cwd, look)
})

/** Returns the kind of file at a path on the server's machine. */
type Look = (path: string) => PathKind

/** Fails with `InvalidInputError` if a working directory does not exist. Without `look`, only the server can check it. */
export const checkDirectory = (
  cwd: string | null | undefined,
  look: Look | undefined
): Effect.Effect<void, InvalidInputError> =>
  Effect.suspend(() => {
    if (look === undefined || typeof cwd !== "string") return Effect.void
    const kind = look(cwd)
    if (kind === "directory" || kind === "hidden") return Effect.void
    return Effect.fail(
      new InvalidInputError({
        field: "cwd",
        detail: kind === "missing"
          ? `the directory ${cwd} does not exist`
          : kind === "relative"
          ? `${cwd} is relative, but the server has a working directory of its own; pass an absolute path`
          : `${cwd} is not a directory`
      })
    )
  })

/** Fails with `InvalidInputError` if options of a typed turn are invalid. */
export const checkTyped = (options: object): Effect.Effect<void, InvalidInputError> => check(options, typedTurn)

/** Converts the options of a turn to parameters of the protocol. Fails for options that are invalid. */
export const turnParams = Effect.fnUntraced(function*(options: TurnOptions) {
  yield* check(options, turn)
  const {
    approvalMode: _,
    buffer: __,
    limits: ___,
    sandbox,
    startTimeout: ____,
    subagents: _____,
    whenBusy: ______,
    ...fields
  } = options
  if (sandbox !== undefined && fields.sandboxPolicy !== undefined) {
    return yield* new InvalidInputError({
      field: "sandbox",
      detail: "it can't be combined with sandboxPolicy; pass one of them"
    })
  }
  return {
    ...fields,
    ...yield* approvals(options),
    ...(sandbox === undefined ? {} : { sandboxPolicy: yield* Sandbox.toPolicy(sandbox) })
  }
})
