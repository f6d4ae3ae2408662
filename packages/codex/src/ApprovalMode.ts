/**
 * Presets that decide what happens when a command needs more than the sandbox allows.
 */
export { type ApprovalMode } from "./model/ApprovalMode.ts"
