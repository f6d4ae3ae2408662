import { assert, it } from "@effect/vitest"
import { isWithin, type Settings, update } from "../../src/model/Settings.ts"

const full = { type: "dangerFullAccess" } as const
const readOnly = { type: "readOnly", networkAccess: false } as const
const workspace = { type: "workspaceWrite", writableRoots: ["/a"], networkAccess: false } as const

it("a sandbox is within another one if it allows no more", () => {
  const within = (inner: Settings["sandbox"], outer: Settings["sandbox"]) =>
    isWithin(update(undefined, { sandbox: inner }), update(undefined, { sandbox: outer }))
  const order = [readOnly, workspace, full]
  for (const [i, inner] of order.entries()) {
    for (const [j, outer] of order.entries()) assert.strictEqual(within(inner, outer), i <= j, `${i} ${j}`)
  }
  assert.isTrue(within(full, undefined))
  assert.isFalse(within(undefined, readOnly))
  assert.isTrue(within(undefined, full))
  assert.isFalse(within({ ...readOnly, networkAccess: true }, workspace))
  assert.isTrue(within(readOnly, { ...readOnly, networkAccess: true }))
  assert.isFalse(within({ ...workspace, writableRoots: ["/a", "/b"] }, workspace))
  assert.isTrue(within({ ...workspace, writableRoots: [] }, workspace))
  assert.isFalse(within(workspace, { ...workspace, excludeSlashTmp: true }))
  assert.isFalse(within(workspace, { ...workspace, excludeTmpdirEnvVar: true }))
  assert.isFalse(within({ type: "externalSandbox", networkAccess: "enabled" }, workspace))
  assert.isTrue(within({ type: "externalSandbox" }, { type: "externalSandbox", networkAccess: "enabled" }))
  assert.isFalse(isWithin(update(undefined, { sandbox: { type: "future" } }), { sandbox: workspace }))
})

it("an approval policy is within another one if nothing runs that the other would ask for", () => {
  const within = (inner: Settings["approvalPolicy"], outer: Settings["approvalPolicy"]) =>
    isWithin(update(undefined, { approvalPolicy: inner }), update(undefined, { approvalPolicy: outer }))
  const granular = { granular: { sandbox_approval: true, rules: true, mcp_elicitations: false } }
  assert.isTrue(within("untrusted", "on-request"))
  assert.isTrue(within("never", "on-request"))
  assert.isFalse(within("never", "untrusted"))
  assert.isFalse(within("on-request", "never"))
  assert.isFalse(within("on-request", "untrusted"))
  assert.isTrue(within(granular, { ...granular }))
  assert.isFalse(within(granular, "never"))
  assert.isFalse(within(undefined, "never"))
  assert.isTrue(within("never", undefined))
  assert.isFalse(isWithin({ approvalsReviewer: "auto_review" }, { approvalsReviewer: "user" }))
  assert.isTrue(isWithin({ approvalsReviewer: "user" }, { approvalsReviewer: "auto_review" }))
})

it("settings keep what is not reported, and what can't be read", () => {
  const settings = update(undefined, { sandbox: readOnly, model: "one", cwd: "/a", approvalPolicy: "never" })
  assert.deepStrictEqual(update(settings, { sandboxPolicy: full, model: null }), { ...settings, sandbox: full })
  for (const nothing of [undefined, null, 7, {}, { sandbox: "read-only", cwd: 7, approvalPolicy: {} }]) {
    assert.deepStrictEqual(update(settings, nothing), settings)
  }
})
