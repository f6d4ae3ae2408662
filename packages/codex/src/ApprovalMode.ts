/**
 * Presets of the approval policy, which applies when a command needs more than the sandbox allows.
 */
export { type ApprovalMode } from "./model/ApprovalMode.ts"
