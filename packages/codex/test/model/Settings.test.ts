import { assert, it } from "@effect/vitest"
import { isWithin, type Settings, update } from "../../src/model/turns/Settings.ts"

const full = { type: "dangerFullAccess" } as const
const readOnly = { type: "readOnly", networkAccess: false } as const
const workspace = { type: "workspaceWrite", writableRoots: ["/a"], networkAccess: false } as const

const sandboxWithin = (inner: Settings["sandbox"], outer: Settings["sandbox"]) =>
  isWithin(update(undefined, { sandbox: inner }), update(undefined, { sandbox: outer }))

const policyWithin = (inner: Settings["approvalPolicy"], outer: Settings["approvalPolicy"]) =>
  isWithin(update(undefined, { approvalPolicy: inner }), update(undefined, { approvalPolicy: outer }))

it("a sandbox is within another one if it allows no more", () => {
  const order = [readOnly, workspace, full]
  for (const [i, inner] of order.entries()) {
    for (const [j, outer] of order.entries()) assert.strictEqual(sandboxWithin(inner, outer), i <= j, `${i} ${j}`)
  }
  assert.isTrue(sandboxWithin(full, undefined))
  assert.isFalse(sandboxWithin(undefined, readOnly))
  assert.isTrue(sandboxWithin(undefined, full))
  assert.isFalse(sandboxWithin({ ...readOnly, networkAccess: true }, workspace))
  assert.isTrue(sandboxWithin(readOnly, { ...readOnly, networkAccess: true }))
  assert.isFalse(sandboxWithin({ ...workspace, writableRoots: ["/a", "/b"] }, workspace))
  assert.isTrue(sandboxWithin({ ...workspace, writableRoots: [] }, workspace))
  assert.isFalse(sandboxWithin(workspace, { ...workspace, excludeSlashTmp: true }))
  assert.isFalse(sandboxWithin(workspace, { ...workspace, excludeTmpdirEnvVar: true }))
  assert.isFalse(sandboxWithin({ type: "externalSandbox", networkAccess: "enabled" }, workspace))
  assert.isTrue(sandboxWithin({ type: "externalSandbox" }, { type: "externalSandbox", networkAccess: "enabled" }))
  assert.isFalse(isWithin(update(undefined, { sandbox: { type: "future" } }), { sandbox: workspace }))
})

it("an approval policy is within another one if nothing runs that the other would ask for", () => {
  const granular = { granular: { sandbox_approval: true, rules: true, mcp_elicitations: false } }
  assert.isTrue(policyWithin("untrusted", "on-request"))
  assert.isTrue(policyWithin("never", "on-request"))
  assert.isFalse(policyWithin("never", "untrusted"))
  assert.isFalse(policyWithin("on-request", "never"))
  assert.isFalse(policyWithin("on-request", "untrusted"))
  assert.isTrue(policyWithin(granular, { ...granular }))
  assert.isFalse(policyWithin(granular, "never"))
  assert.isFalse(policyWithin(undefined, "never"))
  assert.isTrue(policyWithin("never", undefined))
  assert.isFalse(isWithin({ approvalsReviewer: "auto_review" }, { approvalsReviewer: "user" }))
  assert.isTrue(isWithin({ approvalsReviewer: "user" }, { approvalsReviewer: "auto_review" }))
})

it("settings keep fields that are not reported or can't be read", () => {
  const settings = update(undefined, { sandbox: readOnly, model: "one", cwd: "/a", approvalPolicy: "never" })
  assert.deepStrictEqual(update(settings, { sandboxPolicy: full, model: null }), { ...settings, sandbox: full })
  for (const nothing of [undefined, null, 7, {}, { sandbox: "read-only", cwd: 7, approvalPolicy: {} }]) {
    assert.deepStrictEqual(update(settings, nothing), settings)
  }
})
