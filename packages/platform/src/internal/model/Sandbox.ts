/**
 * The sandbox of a layer: what its files and commands may do on the server's machine.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Predicate from "effect/Predicate"

/**
 * The sandbox of a layer, which has no default.
 *
 * A sandbox limits **writing**, the **network** and **signals to other processes**. It limits neither **reading** nor the
 * **environment**: a sandboxed program can read every file that the server's user can read, including the server's `auth.json`,
 * and sees the server's environment variables, including API keys. Remove variables with `env: { NAME: undefined }` and
 * `extendEnv: true`, or pass `env` alone, which replaces the environment.
 *
 * - `"none"`: all rights of the server's user. The sandbox of a thread, the server's configuration and approvals do not apply.
 * - a `SandboxPolicy`: `{ type: "readOnly" }`, or `{ type: "workspaceWrite", writableRoots: [...] }`. List every writable root:
 *   the working directory of a command is not automatically one.
 * - `{ permissionProfile }`: a profile in the server's configuration. It requires `experimentalApi`.
 *
 * @category models
 */
export type Sandbox =
  | "none"
  | Protocol.SandboxPolicyInput
  | {
    /** The name of a profile in the server's configuration. */
    readonly permissionProfile: string
  }

/** The sandbox as the parameters of `command/exec`. */
export const toParams = (sandbox: Exclude<Sandbox, "none">) =>
  "permissionProfile" in sandbox ? { permissionProfile: sandbox.permissionProfile } : { sandboxPolicy: sandbox }

/** Returns true if commands run in a process namespace of their own, where no other command can signal them. */
export const isIsolated = (sandbox: Sandbox): boolean => {
  if (sandbox === "none") return false
  return "permissionProfile" in sandbox || (sandbox.type !== "dangerFullAccess" && sandbox.type !== "externalSandbox")
}

/** Describes what is wrong with a sandbox; returns `undefined` for a valid one. */
export const problemOf = (sandbox: unknown): string | undefined => {
  if (sandbox === "none") return undefined
  if (sandbox === undefined) return `it is missing; pass "none" for all rights of the server's user, or a policy`
  if (Predicate.hasProperty(sandbox, "permissionProfile")) {
    return typeof sandbox.permissionProfile === "string" ? undefined : "permissionProfile is not the name of a profile"
  }
  return Predicate.hasProperty(sandbox, "type") && typeof sandbox.type === "string"
    ? undefined
    : `it is neither "none", a policy with a type, nor { permissionProfile }`
}
