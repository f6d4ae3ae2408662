import { type CodexHome, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { type CodexError } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { echoing, restartServer, scripted, setup } from "./utils.ts"

const write = (file: string) => Reply.functionCall({ name: "exec_command", arguments: { cmd: `touch ${file}` } })

/** The options that are not in force, by name. */
const optionsOf = (error: CodexError.CodexError) => {
  assert(error._tag === "OptionsNotInForceError")
  return error.options.map(({ option }) => option)
}

describe("a thread that is loaded already", () => {
  it.live("gets the sandbox with which it is resumed: the next turn writes nothing", () =>
    Effect.gen(function*() {
      const { codex, home, model } = yield* setup
      const thread = yield* codex.threadStart({ sandbox: "fullAccess" })
      yield* model.enqueue(write("before"), Reply.text("done"), write("after"), Reply.text("done"))
      yield* thread.run("first")
      assert.isTrue(existsSync(join(home.workspace, "before")))
      const resumed = yield* codex.threadResume(thread.id, { sandbox: "readOnly" })
      assert.strictEqual(resumed.sandbox?.type, "readOnly")
      yield* resumed.run("second")
      assert.isFalse(existsSync(join(home.workspace, "after")))
      assert.strictEqual(thread.sandbox?.type, "readOnly")
    }).pipe(scripted))

  it.live("gets model, approval policy, working directory and personality", () =>
    Effect.gen(function*() {
      const { codex, home, model } = yield* setup
      const thread = yield* codex.threadStart()
      yield* thread.run("first")
      const resumed = yield* codex.threadResume(thread.id, {
        model: "another-model",
        approvalPolicy: "on-request",
        cwd: home.codexHome,
        personality: "pragmatic"
      })
      assert.deepInclude(resumed, {
        model: "another-model",
        approvalPolicy: "on-request",
        cwd: home.codexHome
      })
      yield* resumed.run("second")
      assert.strictEqual((yield* model.awaitRequest(1)).model, "another-model")
      // Options that are already in force need no request.
      yield* codex.threadResume(thread.id, { model: "another-model", cwd: `${home.codexHome}/`, sandbox: "readOnly" })
    }).pipe(echoing))

  it.live("gets the permission profile with which it is resumed: the next turn writes nothing", () =>
    Effect.gen(function*() {
      const { codex, home, model } = yield* setup
      const thread = yield* codex.threadStart({ sandbox: "fullAccess" })
      yield* model.enqueue(Reply.text("done"), write("after"), Reply.text("done"))
      yield* thread.run("first")
      const resumed = yield* codex.threadResume(thread.id, { permissions: ":read-only" })
      yield* resumed.run("second")
      assert.isFalse(existsSync(join(home.workspace, "after")))
      assert.strictEqual(resumed.sandbox?.type, "readOnly")
    }).pipe(scripted))

  it.live("is not resumed with options that can't be changed: instructions, config, model provider", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart({
        developerInstructions: "Be brief.",
        config: { web_search: "disabled" }
      })
      yield* thread.run("first")
      const error = yield* Effect.flip(codex.threadResume(thread.id, {
        developerInstructions: "Be long.",
        baseInstructions: "You are a poet.",
        config: { web_search: "live" }
      }))
      assert.deepStrictEqual(optionsOf(error), ["baseInstructions", "developerInstructions", "config"])
      assert.include(error.message, thread.id)
      // Those with which it was opened are in force.
      const again = yield* codex.threadResume(thread.id, {
        developerInstructions: "Be brief.",
        config: { web_search: "disabled" }
      })
      assert.strictEqual((yield* again.run("second")).finalResponse, "second")
    }).pipe(echoing))

  it.live("is not loaded any more after it was archived: all options hold again", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      yield* thread.run("first")
      yield* codex.threadArchive(thread.id)
      yield* codex.threadUnarchive(thread.id)
      const resumed = yield* codex.threadResume(thread.id, {
        config: { web_search: "disabled" },
        developerInstructions: "Be brief."
      })
      yield* resumed.run("second")
      assert.notInclude((yield* model.awaitRequest(1)).toolNames, "web_search")
    }).pipe(echoing))
})

/** Whether each request to the model offered web search. */
const offers = ScriptedModel.ScriptedModel.use((model) =>
  Effect.map(model.requests, (requests) => requests.map(({ toolNames }) => toolNames.includes("web_search")))
)

const restarting = (home: CodexHome.Options = {}) =>
  Effect.provide(Layer.mergeAll(
    TestCodex.layer({ script: TestCodex.echo, home, client: { restart: Schedule.spaced("1 millis") } }),
    Logger.layer([])
  ))

describe("options in force", () => {
  it.live("are on the handles of a thread, whatever changes them", () =>
    Effect.gen(function*() {
      const { codex, home, router } = yield* setup
      const thread = yield* codex.threadStart({ sandbox: "workspaceWrite", model: "one" })
      const other = codex.thread(thread.id)
      assert.deepInclude(other, { model: "one", cwd: home.workspace, approvalPolicy: "never" })
      assert.strictEqual(other.sandbox?.type, "workspaceWrite")
      yield* thread.run("first", { sandbox: "readOnly", model: "two" })
      assert.deepStrictEqual([other.model, other.sandbox?.type], ["two", "readOnly"])
      const updated = yield* router.notifications.pipe(
        Stream.filter(({ method }) => method === "thread/settings/updated"),
        Stream.take(1),
        Stream.runDrain,
        Effect.forkChild({ startImmediately: true })
      )
      yield* codex.client.request("thread/settings/update", { threadId: thread.id, model: "three" })
      yield* Fiber.join(updated)
      assert.strictEqual(other.model, "three")
      const fork = yield* codex.threadFork(thread.id, { sandbox: "fullAccess" })
      assert.deepStrictEqual([fork.model, fork.sandbox?.type], ["three", "dangerFullAccess"])
      assert.deepStrictEqual([other.model, other.sandbox?.type], ["three", "readOnly"])
      assert.strictEqual(codex.thread("unknown").model, undefined)
    }).pipe(echoing))

  it.live("are repeated after a restart, where the server does not store them", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart({ config: { web_search: "disabled" } })
      const plain = yield* codex.threadStart()
      yield* thread.run("first")
      // Another handle changes nothing.
      yield* codex.threadResume(thread.id)
      yield* plain.run("first")
      yield* restartServer
      yield* thread.run("second")
      yield* plain.run("second")
      assert.deepStrictEqual(yield* offers, [false, true, false, true])
    }).pipe(restarting()))

  it.live("survive a fork and a restart, also the sandbox that the server forgets", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart({ sandbox: "workspaceWrite" })
      yield* thread.run("first")
      const fork = yield* codex.threadFork(thread.id)
      assert.deepStrictEqual(fork.sandbox, thread.sandbox)
      yield* restartServer
      for (const handle of [thread, fork]) {
        yield* handle.run("second")
        assert.strictEqual(handle.sandbox?.type, "workspaceWrite")
        const { sandbox } = yield* codex.client.request("thread/resume", { threadId: handle.id })
        assert.strictEqual(sandbox.type, "workspaceWrite")
      }
    }).pipe(restarting({ sandboxMode: "danger-full-access" })))

  it.live("survive a restart after which the program resumes the thread itself", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart({ sandbox: "workspaceWrite", config: { web_search: "disabled" } })
      yield* thread.run("first")
      yield* restartServer
      const resumed = yield* codex.threadResume(thread.id)
      assert.strictEqual(resumed.sandbox?.type, "workspaceWrite")
      yield* resumed.run("second")
      assert.deepStrictEqual(yield* offers, [false, false])
    }).pipe(restarting({ sandboxMode: "danger-full-access" })))

  it.live("hold for a fork that brings no config of its own, and for forks of it, also after a restart", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart({ config: { web_search: "disabled" } })
      yield* thread.run("first")
      const fork = yield* codex.threadFork(thread.id)
      yield* fork.run("second")
      const own = yield* codex.threadFork(thread.id, { config: {} })
      yield* own.run("second")
      yield* restartServer
      yield* fork.run("third")
      const last = yield* codex.threadFork(fork.id)
      yield* last.run("third")
      assert.deepStrictEqual(yield* offers, [false, false, true, false, false])
    }).pipe(restarting()))
})
