/**
 * Presets among the options of threads and turns. Each replaces fields of the protocol that take longer to write.
 */
import type { ApprovalMode } from "./ApprovalMode.ts"
import type { Sandbox } from "./Sandbox.ts"

/** Presets that replace fields of the protocol. */
export interface Presets {
  /**
   * A preset of the approval policy, in place of `approvalPolicy` and `approvalsReviewer`: `"denyAll"` or `"autoReview"`.
   * Default: the policy of the thread, or of the configuration.
   */
  readonly approvalMode?: ApprovalMode | undefined
  /**
   * A preset of the sandbox of commands: `"readOnly"`, `"workspaceWrite"` or `"fullAccess"`. Default: the sandbox of the thread,
   * or of the configuration.
   */
  readonly sandbox?: Sandbox | undefined
}
