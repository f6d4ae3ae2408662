/**
 * Who decides when a command needs more than the sandbox allows, as two presets.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import { InvalidInputError } from "./model/CodexError.ts"

/**
 * `"denyAll"`: nothing is asked, and what the sandbox forbids stays forbidden. `"autoReview"`: Codex's own reviewer model
 * decides. Left out, the user's configuration holds. For a person, or a program, that decides: set `approvalPolicy:
 * "on-request"`, and give `serverRequests`.
 *
 * @category models
 */
export type ApprovalMode = "denyAll" | "autoReview"

const modes: {
  readonly [M in ApprovalMode]: {
    readonly approvalPolicy: Protocol.AskForApprovalInput
    readonly approvalsReviewer?: Protocol.ApprovalsReviewerLiteral
  }
} = {
  denyAll: { approvalPolicy: "never" },
  autoReview: { approvalPolicy: "on-request", approvalsReviewer: "auto_review" }
}

/** The protocol's fields for a mode. */
export const toParams = (mode: ApprovalMode): Effect.Effect<(typeof modes)[ApprovalMode], InvalidInputError> =>
  Object.hasOwn(modes, mode)
    ? Effect.succeed(modes[mode])
    : Effect.fail(
      new InvalidInputError({
        field: "approvalMode",
        detail: `${JSON.stringify(mode)} is not one of ${Object.keys(modes).join(", ")}`
      })
    )
