/**
 * What commands that Codex runs may do, as three presets.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import { InvalidInputError } from "./model/CodexError.ts"

/**
 * `"readOnly"`: read anything, write nothing, no network. `"workspaceWrite"`: also write in the workspace and in temporary
 * directories. `"fullAccess"`: no sandbox.
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

const preset = (sandbox: Sandbox) =>
  Object.hasOwn(presets, sandbox)
    ? Effect.succeed(presets[sandbox])
    : Effect.fail(
      new InvalidInputError({
        field: "sandbox",
        detail: `${JSON.stringify(sandbox)} is not one of ${Object.keys(presets).join(", ")}`
      })
    )

/** The preset as `thread/start`, `thread/resume` and `thread/fork` take it. */
export const toMode = (sandbox: Sandbox): Effect.Effect<Protocol.SandboxModeLiteral, InvalidInputError> =>
  Effect.map(preset(sandbox), (preset) => preset.mode)

/** The preset as `turn/start` takes it. */
export const toPolicy = (sandbox: Sandbox): Effect.Effect<Protocol.SandboxPolicyInput, InvalidInputError> =>
  Effect.map(preset(sandbox), (preset) => preset.policy)

/** The policy of a mode, as `turn/start` takes it. */
export const policyOf = (mode: Protocol.SandboxModeLiteral): Protocol.SandboxPolicyInput =>
  Object.values(presets).find((preset) => preset.mode === mode)?.policy ?? presets.readOnly.policy
