import { assert, describe, it } from "@effect/vitest"
import type { ApprovalMode, CodexError, Options } from "effect-codex"
import * as Effect from "effect/Effect"
import { threadParams, turnParams } from "../../src/options/params.ts"
import * as Sandbox from "../../src/options/Sandbox.ts"
import { supported } from "../../src/options/supported.ts"

const version = "0.169.0"

describe("Sandbox", () => {
  const table = {
    readOnly: ["read-only", { type: "readOnly", networkAccess: false }],
    workspaceWrite: ["workspace-write", {
      type: "workspaceWrite",
      writableRoots: [],
      networkAccess: false,
      excludeSlashTmp: false,
      excludeTmpdirEnvVar: false
    }],
    fullAccess: ["danger-full-access", { type: "dangerFullAccess" }]
  } as const satisfies { readonly [S in Sandbox.Sandbox]: unknown }

  for (const sandbox of ["readOnly", "workspaceWrite", "fullAccess"] as const) {
    it.effect(sandbox, () =>
      Effect.gen(function*() {
        const [mode, policy] = table[sandbox]
        assert.strictEqual(yield* Sandbox.toMode(sandbox), mode)
        assert.deepStrictEqual(yield* Sandbox.toPolicy(sandbox), policy)
        assert.deepStrictEqual(yield* threadParams({ sandbox }, version), { sandbox: mode })
        assert.deepStrictEqual(yield* turnParams({ sandbox }), { sandboxPolicy: policy })
      }))
  }

  for (const sandbox of ["read-only", "", "toString", "__proto__", 7, null]) {
    it.effect(`refuses ${JSON.stringify(sandbox)}, and lists the presets`, () =>
      Effect.gen(function*() {
        const wrong = sandbox as Sandbox.Sandbox
        const refusals: ReadonlyArray<Effect.Effect<unknown, CodexError.ThreadError>> = [
          Sandbox.toMode(wrong),
          Sandbox.toPolicy(wrong)
        ]
        for (const refusal of refusals) {
          const error = yield* Effect.flip(refusal)
          assert.deepInclude(error, { _tag: "InvalidInputError", field: "sandbox" })
          assert.include(
            error.message,
            `${JSON.stringify(sandbox)} is not one of readOnly, workspaceWrite, fullAccess.`
          )
        }
      }))
  }
})

describe("ApprovalMode", () => {
  it.effect("is the protocol's policy, and its reviewer", () =>
    Effect.gen(function*() {
      const autoReview = { approvalPolicy: "on-request", approvalsReviewer: "auto_review" } as const
      assert.deepStrictEqual(yield* threadParams({ approvalMode: "autoReview" }, version), autoReview)
      assert.deepStrictEqual(yield* turnParams({ approvalMode: "denyAll" }), { approvalPolicy: "never" })
    }))

  for (const mode of ["never", "auto_review", "", "toString", 7]) {
    it.effect(`refuses ${JSON.stringify(mode)}, and lists the modes`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(
          threadParams({ approvalMode: mode as ApprovalMode.ApprovalMode }, version)
        )
        assert.deepInclude(error, { _tag: "InvalidInputError", field: "approvalMode" })
        assert.include(error.message, `${JSON.stringify(mode)} is not one of denyAll, autoReview.`)
      }))
  }
})

describe("options", () => {
  it.effect("send nothing that was not said", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* threadParams({}, version), {})
      assert.deepStrictEqual(yield* turnParams({}), {})
      const params = yield* turnParams({ model: undefined, approvalMode: undefined, sandbox: undefined })
      assert.strictEqual(JSON.stringify(params), "{}")
    }))

  it.effect("are the protocol's fields, without those that are ours", () =>
    Effect.gen(function*() {
      const start: Options.ThreadStartOptions = {
        model: "m",
        cwd: "/w",
        config: { a: 1 },
        ephemeral: true,
        baseInstructions: null,
        serverRequests: {}
      }
      assert.deepStrictEqual(yield* threadParams(start, version), {
        model: "m",
        cwd: "/w",
        config: { a: 1 },
        ephemeral: true,
        baseInstructions: null
      })
      assert.deepStrictEqual(
        yield* turnParams({
          effort: "high",
          summary: "auto",
          whenBusy: "fail",
          startTimeout: "1 second",
          buffer: "coalesce"
        }),
        { effort: "high", summary: "auto" }
      )
    }))

  it.effect("includeTurns is the opposite of excludeTurns, and nothing when it is not said", () =>
    Effect.gen(function*() {
      for (
        const [includeTurns, params] of [[true, { excludeTurns: false }], [false, { excludeTurns: true }]] as const
      ) {
        assert.deepStrictEqual(yield* threadParams({ includeTurns }, version), params)
      }
      assert.deepStrictEqual(yield* threadParams({ includeTurns: undefined }, version), {})
    }))

  const contradictions: ReadonlyArray<
    readonly [name: string, params: Effect.Effect<unknown, CodexError.ThreadError>, field: string, other: string]
  > = [
    [
      "approvalMode and approvalPolicy, of a thread",
      threadParams({ approvalMode: "denyAll", approvalPolicy: "on-request" }, version),
      "approvalMode",
      "approvalPolicy"
    ],
    [
      "approvalMode and approvalPolicy, of a turn",
      turnParams({ approvalMode: "denyAll", approvalPolicy: null }),
      "approvalMode",
      "approvalPolicy"
    ],
    [
      "approvalMode and approvalsReviewer",
      turnParams({ approvalMode: "autoReview", approvalsReviewer: "user" }),
      "approvalMode",
      "approvalsReviewer"
    ],
    [
      "sandbox and sandboxPolicy",
      turnParams({ sandbox: "readOnly", sandboxPolicy: { type: "dangerFullAccess" } }),
      "sandbox",
      "sandboxPolicy"
    ],
    ["a buffer of nothing", turnParams({ buffer: { sliding: 0 } }), "buffer", "not 0"],
    ["a buffer of a half", turnParams({ buffer: { sliding: 0.5 } }), "buffer", "not 0.5"]
  ]
  for (const [name, params, field, other] of contradictions) {
    it.effect(`that contradict each other are refused: ${name}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(params)
        assert.deepInclude(error, { _tag: "InvalidInputError", field })
        assert.include(error.message, other)
      }))
  }

  it.effect("that the server does not know yet are refused, unless they say nothing", () =>
    Effect.gen(function*() {
      for (const params of [{ turnTrigger: undefined }, { serviceTierForTurn: null }, { model: "m" }]) {
        assert.strictEqual(yield* supported(params, "0.130.0"), params)
      }
      const error = yield* Effect.flip(supported({ model: "m", turnTrigger: "automation" }, "0.130.0"))
      assert.deepInclude(error, { feature: "turnTrigger", needs: "0.151.0", has: "0.130.0" })
      const old = yield* Effect.flip(threadParams({ includeTurns: false }, "unknown"))
      assert.deepInclude(old, { _tag: "UnsupportedByServerError", feature: "includeTurns" })
    }))
})
