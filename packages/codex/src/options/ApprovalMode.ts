/**
 * Presets of the approval policy.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import type { InvalidInputError } from "../model/errors/CodexError.ts"
import { presetOf } from "./presetOf.ts"

/**
 * A preset of the approval policy. `"denyAll"`: Codex never asks, and what the sandbox forbids stays forbidden.
 * `"autoReview"`: Codex's own reviewer model decides. Without a mode, the user's configuration applies. To let a person or
 * your program decide, set `approvalPolicy: "on-request"` and pass `serverRequests`.
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

/** Returns the protocol's fields for a mode. Fails with `InvalidInputError` for an unknown mode. */
export const toParams = (mode: ApprovalMode): Effect.Effect<(typeof modes)[ApprovalMode], InvalidInputError> =>
  presetOf("approvalMode", modes, mode)
