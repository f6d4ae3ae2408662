/**
 * Presets of the approval policy, which applies when a command needs more than the sandbox allows.
 */
export { type ApprovalMode } from "./options/ApprovalMode.ts"
