/**
 * Presets of the sandbox in which Codex runs commands.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import type { InvalidInputError } from "../model/errors/CodexError.ts"
import { presetOf } from "./presetOf.ts"

/**
 * A preset of the sandbox. `"readOnly"`: commands can read all files, write none, and have no network. `"workspaceWrite"`: they
 * can also write in the workspace and in temporary directories. `"fullAccess"`: there is no sandbox.
 *
 * @category models
 */
export type Sandbox = "readOnly" | "workspaceWrite" | "fullAccess"

const presets: {
  readonly [S in Sandbox]: {
    readonly mode: Protocol.SandboxModeLiteral
    readonly policy: Protocol.SandboxPolicyInput
  }
} = {
  readOnly: { mode: "read-only", policy: { type: "readOnly", networkAccess: false } },
  workspaceWrite: {
    mode: "workspace-write",
    policy: {
      type: "workspaceWrite",
      writableRoots: [],
      networkAccess: false,
      excludeSlashTmp: false,
      excludeTmpdirEnvVar: false
    }
  },
  fullAccess: { mode: "danger-full-access", policy: { type: "dangerFullAccess" } }
}

/** Returns the sandbox mode of a preset, for `thread/start`, `thread/resume` and `thread/fork`. */
export const toMode = (sandbox: Sandbox): Effect.Effect<Protocol.SandboxModeLiteral, InvalidInputError> =>
  Effect.map(presetOf("sandbox", presets, sandbox), (preset) => preset.mode)

/** Returns the sandbox policy of a preset, for `turn/start`. */
export const toPolicy = (sandbox: Sandbox): Effect.Effect<Protocol.SandboxPolicyInput, InvalidInputError> =>
  Effect.map(presetOf("sandbox", presets, sandbox), (preset) => preset.policy)

/** Returns the sandbox policy of a mode. */
export const policyOf = (mode: Protocol.SandboxModeLiteral): Protocol.SandboxPolicyInput =>
  Object.values(presets).find((preset) => preset.mode === mode)?.policy ?? presets.readOnly.policy
