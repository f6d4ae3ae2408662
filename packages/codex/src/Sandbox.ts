/**
 * Presets of the sandbox in which Codex runs commands.
 */
export { type Sandbox } from "./options/Sandbox.ts"
