import { CodexHome, Reply, TestCodex } from "@effect-codex/testing"
import { assert, describe, it, layer } from "@effect/vitest"
import { Codex, type Sandbox, type Thread } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { setup } from "./utils.ts"

/** The settings with which the next turn of a thread would run, as the server has them. */
const settingsOf = (thread: Thread.Thread) =>
  Codex.Codex.use(({ client }) =>
    Effect.map(
      client.request("thread/resume", { threadId: thread.id }),
      ({ approvalPolicy, approvalsReviewer, model, sandbox }) => ({ approvalPolicy, approvalsReviewer, model, sandbox })
    )
  )

const policyOf = (thread: Thread.Thread) => Effect.map(settingsOf(thread), ({ approvalPolicy }) => approvalPolicy)

const askingEcho = TestCodex.layer({ script: TestCodex.echo, home: { approvalPolicy: "on-request" } })

layer(askingEcho, { excludeTestServices: true })("approvals", (it) => {
  it.effect("are those of the user's configuration when nothing is said", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart()
      yield* thread.run("hello")
      assert.deepInclude(yield* settingsOf(thread), { approvalPolicy: "on-request", approvalsReviewer: "user" })
    }))

  it.effect("denyAll is kept by resume and fork, which may say otherwise", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart({ approvalMode: "denyAll" })
      yield* thread.run("hello")
      assert.strictEqual(yield* policyOf(yield* codex.threadResume(thread.id)), "never")
      const fork = yield* codex.threadFork(thread.id)
      yield* fork.run("hello")
      assert.strictEqual(yield* policyOf(fork), "never")
      const reviewed = yield* codex.threadFork(thread.id, { approvalMode: "autoReview" })
      yield* reviewed.run("hello")
      assert.deepInclude(yield* settingsOf(reviewed), {
        approvalPolicy: "on-request",
        approvalsReviewer: "auto_review"
      })
      assert.strictEqual(yield* policyOf(thread), "never")
    }))

  it.effect("options of a turn apply to later turns", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart()
      yield* thread.run("hello", { approvalMode: "denyAll" })
      assert.strictEqual(yield* policyOf(thread), "never")
      yield* thread.run("hello")
      assert.strictEqual(yield* policyOf(thread), "never")
      yield* thread.run("hello", { approvalMode: "autoReview" })
      assert.deepInclude(yield* settingsOf(thread), {
        approvalPolicy: "on-request",
        approvalsReviewer: "auto_review"
      })
    }))

  it.effect("options of a thread apply to its turns, until a turn replaces them", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart({ approvalMode: "denyAll" })
      yield* thread.run("hello")
      assert.strictEqual(yield* policyOf(thread), "never")
      yield* thread.run("hello", { approvalMode: "autoReview" })
      assert.deepInclude(yield* settingsOf(thread), {
        approvalPolicy: "on-request",
        approvalsReviewer: "auto_review"
      })
    }))
})

layer(TestCodex.layer({ script: TestCodex.echo }), { excludeTestServices: true })("options", (it) => {
  it.effect("each sandbox preset has the server's name, for a thread and for a turn", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const policies: ReadonlyArray<readonly [Sandbox.Sandbox, object]> = [
        ["workspaceWrite", {
          type: "workspaceWrite",
          writableRoots: [],
          networkAccess: false,
          excludeSlashTmp: false,
          excludeTmpdirEnvVar: false
        }],
        ["fullAccess", { type: "dangerFullAccess" }],
        ["readOnly", { type: "readOnly", networkAccess: false }]
      ]
      const turns = yield* codex.threadStart({ sandbox: "workspaceWrite" })
      for (const [sandbox, policy] of policies) {
        const thread = yield* codex.threadStart({ sandbox })
        yield* thread.run("hello")
        assert.deepStrictEqual((yield* settingsOf(thread)).sandbox, policy)
        yield* turns.run("hello", { sandbox })
        assert.deepStrictEqual((yield* settingsOf(turns)).sandbox, policy)
      }
    }))

  it.effect("of a thread reach the model, those of a turn from then on", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart({
        model: "gpt-5.5",
        config: { model_reasoning_effort: "high" },
        developerInstructions: "Speak like a pirate."
      })
      yield* thread.run("hello")
      const first = (yield* model.requests).at(-1)!
      assert.strictEqual(first.model, "gpt-5.5")
      assert.deepInclude(first.body["reasoning"] as object, { effort: "high" })
      assert.include(first.texts("developer").join("\n"), "Speak like a pirate.")
      yield* thread.run("hello", { effort: "low", model: "other-model" })
      yield* thread.run("hello")
      assert.strictEqual((yield* model.requests).at(-1)!.model, "other-model")
    }))

  it.effect("that make no sense are refused before anything is sent", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const before = (yield* model.requests).length
      const thread = yield* codex.threadStart()
      const invalid = [
        // @ts-expect-error not one of the modes
        codex.threadStart({ approvalMode: "askMe" }),
        // @ts-expect-error not one of the presets
        codex.threadStart({ sandbox: "read-only" }),
        codex.threadStart({ approvalMode: "denyAll", approvalPolicy: "never" }),
        // @ts-expect-error not one of the modes
        thread.run("hello", { approvalMode: "askMe" }),
        // @ts-expect-error not one of the presets
        thread.run("hello", { sandbox: "read-only" }),
        thread.run("hello", { sandbox: "readOnly", sandboxPolicy: { type: "dangerFullAccess" } })
      ]
      for (const effect of invalid) {
        const error = yield* Effect.flip<unknown, { readonly _tag: string }, never>(effect)
        assert.strictEqual(error._tag, "InvalidInputError")
      }
      assert.strictEqual((yield* thread.run("fine", { whenBusy: "fail" })).finalResponse, "fine")
      assert.strictEqual((yield* model.requests).length, before + 1)
    }))
})

describe("permissions of commands", () => {
  it.live("denyAll keeps it in the sandbox, fullAccess lets it out", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const home = yield* CodexHome.CodexHome
      const outside = join(home.userHome, "outside.txt")
      const write = (more: object) =>
        Reply.functionCall({ name: "exec_command", arguments: { cmd: `echo written > ${outside}`, ...more } })
      const escalate = { sandbox_permissions: "require_escalated", justification: "I have to" }

      yield* model.enqueue(write({}), write(escalate), Reply.text("a pity"))
      const denied = yield* codex.threadStart({ approvalMode: "denyAll", sandbox: "readOnly" })
      const result = yield* denied.run("write it")
      assert.strictEqual(result.status, "completed")
      assert.strictEqual(result.finalResponse, "a pity")
      assert.isFalse(existsSync(outside))
      // It was not even tried to ask somebody.
      assert.include((yield* model.awaitRequest(2)).toolOutput(), "approval policy is Never")

      yield* model.enqueue(write({}), Reply.text("done"))
      const allowed = yield* codex.threadStart({ approvalMode: "denyAll", sandbox: "fullAccess" })
      const written = yield* allowed.run("write it")
      assert.strictEqual(written.finalResponse, "done")
      assert.strictEqual(readFileSync(outside, "utf8"), "written\n")
      const command = written.items.find((item) => item.type === "commandExecution")
      assert.deepInclude(command, { status: "completed", exitCode: 0 })
    }).pipe(Effect.provide(TestCodex.layer({ home: { approvalPolicy: "on-request" } }))))
})

it.live("a misspelled key of `config` is ignored, and the server names it when a thread starts", () =>
  Effect.gen(function*() {
    const codex = yield* Codex.Codex
    const warned = yield* Deferred.make<string>()
    yield* Stream.runForEach(
      codex.notifications,
      (event) =>
        event.method === "warning" && event.params.message.includes("modle")
          ? Deferred.succeed(warned, event.params.message)
          : Effect.void
    ).pipe(Effect.forkScoped({ startImmediately: true }))
    yield* codex.threadStart({ config: { sandbox_workspace_write: { network_acess: true } } })
    const message = yield* Deferred.await(warned)
    assert.include(message, "`modle` is ignored")
    assert.include(message, "`sandbox_workspace_write.network_acess` is ignored")
  }).pipe(Effect.scoped, Effect.provide(TestCodex.layer({ client: { config: { modle: "gpt-5.5" } } }))))
