/** Options that types would refuse, as programs in JavaScript pass them. */
import { FakeAppServer, TestCodex } from "@effect-codex/testing"
import { assert, describe, it, layer } from "@effect/vitest"
import { Codex, CodexClient, type CodexError, Transport } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setup } from "./real/utils.ts"

const client = { name: "test", version: "1" }

/** The same value without its type. */
const untyped = (value: object) => Object(value)

type Failing = Effect.Effect<unknown, CodexError.CodexError>

/** The error of a call that sent nothing to the server. */
const refused = (call: (codex: Codex.Codex["Service"]) => Failing) =>
  Effect.gen(function*() {
    const codex = yield* Codex.Codex
    const server = yield* FakeAppServer.FakeAppServer
    yield* server.awaitMessage(({ method }) => method === "initialized")
    const before = (yield* server.received).length
    const error = yield* Effect.flip(call(codex))
    assert(error._tag === "InvalidInputError", error.message)
    assert.strictEqual((yield* server.received).length, before)
    return error
  })

layer(FakeAppServer.layerCodex({ threads: ["thread"] }))("options are checked", (it) => {
  // Of a variable, the types accept names that they do not know.
  const foreign = { model: "gpt-5.5", sandboxMode: "read-only", workingDirectory: "/project" }
  const ways: ReadonlyArray<readonly [string, (codex: Codex.Codex["Service"]) => Failing]> = [
    ["threadStart", (codex) => codex.threadStart(foreign)],
    ["threadResume", (codex) => codex.threadResume("thread", foreign)],
    ["threadFork", (codex) => codex.threadFork("thread", foreign)],
    ["run", (codex) => codex.thread("thread").run("go", foreign)],
    ["turn", (codex) => codex.thread("thread").turn("go", foreign)],
    ["stream", (codex) => Stream.runDrain(codex.thread("thread").stream("go", foreign))]
  ]
  for (const [way, call] of ways) {
    it.effect(`of ${way}: names of another SDK`, () =>
      Effect.gen(function*() {
        const { message } = yield* refused(call)
        assert.strictEqual(message, "sandboxMode is not an option; did you mean sandbox?")
      }))
  }

  const turns: ReadonlyArray<readonly [field: string, options: object]> = [
    ["workingDirectory", { workingDirectory: "/project" }],
    ["whenBusy", { whenBusy: "queue" }],
    ["effort", { effort: "" }],
    ["buffer", { buffer: "coalesced" }],
    ["buffer", { buffer: { sliding: 0 } }],
    ["startTimeout", { startTimeout: Number.NaN }],
    ["threadId", { threadId: "other" }],
    ["output", { output: { type: "object", properties: {} } }],
    ["outputSchema", { outputSchema: Schema.Struct({}) }],
    ["outputSchema", { output: Schema.Struct({ a: Schema.String }), outputSchema: {} }],
    ["whenBusy", { output: Schema.Struct({ a: Schema.String }), whenBusy: "steer" }]
  ]
  for (const [field, options] of turns) {
    it.effect(`of a turn: ${Object.keys(options).join(", ")} ${JSON.stringify(options)}`, () =>
      Effect.gen(function*() {
        const error = yield* refused((codex) => codex.thread("thread").run("go", untyped(options)))
        assert.strictEqual(error.field, field)
        if (field === "output") assert.include(error.message, "outputSchema")
      }))
  }

  const others: ReadonlyArray<readonly [field: string, call: (codex: Codex.Codex["Service"]) => Failing]> = [
    ["includeTurn", (codex) => codex.threadRead("thread", untyped({ includeTurn: true }))],
    ["includeTurns", (codex) => codex.thread("thread").read(untyped({ includeTurns: "yes" }))],
    ["sort", (codex) => Stream.runDrain(codex.threadList(untyped({ sort: "createdAt" })))],
    ["pageSize", (codex) => codex.threadListPage(untyped({ pageSize: 5 }))],
    ["hidden", (codex) => Stream.runDrain(codex.models(untyped({ hidden: true })))],
    ["refresh", (codex) => codex.account(untyped({ refresh: true }))],
    ["timeoutMs", (codex) => codex.client.request("model/list", {}, untyped({ timeoutMs: 5 }))],
    ["retry", (codex) => codex.client.request("model/list", {}, untyped({ retry: 5 }))],
    ["budget", (codex) => codex.thread("thread").startGoal("go on", untyped({ budget: 5 }))],
    ["startTimeout", (codex) => codex.thread("thread").runGoal("go on", { startTimeout: Number.NaN })],
    ["whenBusy", (codex) => codex.thread("thread").goal.resume(untyped({ whenBusy: "steer" }))],
    ["options", (codex) => codex.thread("thread").run("go", untyped(new Map([["sandbox", "readOnly"]])))],
    ["options", (codex) => codex.thread("thread").run("go", JSON.parse("null"))],
    ["options", (codex) => codex.thread("thread").goal.resume(JSON.parse("null"))],
    ["options", () => Effect.provide(Effect.void, Codex.layer(JSON.parse("null")))],
    ["socketDirectory", () => Effect.provide(Effect.void, Codex.layerShared({ socketDirectory: "" }))],
    ["args", () => Effect.provide(Effect.void, Codex.layerShared(untyped({ args: ["codex"] })))],
    ["timeout", () => Codex.stopShared({ timeout: 0 })],
    [
      "clientInfo.name",
      () => Effect.provide(Effect.void, Codex.layer({ clientInfo: { name: " ", version: "1.0.0" } }))
    ],
    [
      "clientInfo.titel",
      () => Effect.provide(Effect.void, Codex.layer(untyped({ clientInfo: { ...client, titel: "" } })))
    ]
  ]
  for (const [field, call] of others) {
    it.effect(`${field}: ${String(call).slice("(codex) => codex.".length)}`, () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* refused(call)).field, field)
      }))
  }

  it.effect("of a thread: what an instance inherits would be ignored", () =>
    Effect.gen(function*() {
      class Shared {
        readonly model = "gpt-5.5"
        get cwd(): string {
          return "/project"
        }
      }
      const error = yield* refused((codex) => codex.threadStart(new Shared()))
      assert.strictEqual(error.field, "cwd")
      assert.include(error.message, "on the object itself")
    }))

  it.effect("of a thread: handlers for what the server never asks", () =>
    Effect.gen(function*() {
      const error = yield* refused((codex) =>
        codex.threadStart({ serverRequests: untyped({ "item/commandExecution/approval": () => Effect.never }) })
      )
      assert.include(error.message, "did you mean item/commandExecution/requestApproval?")
    }))

  it.effect("of a request", () =>
    Effect.gen(function*() {
      for (const timeout of [Number.NaN, 0, -1, untyped({})]) {
        const error = yield* refused((codex) => codex.client.request("model/list", {}, { timeout }))
        assert.strictEqual(error.field, "timeout")
      }
    }))

  it.effect("a key that is not redacted is refused, and not shown", () =>
    Effect.gen(function*() {
      const error = yield* refused((codex) => codex.loginApiKey(Object("sk-secret")))
      assert.include(error.message, "Redacted.make")
      assert.notInclude(error.message, "sk-secret")
    }))

  it.effect("a key that is empty, or no text, is refused", () =>
    Effect.gen(function*() {
      const keys: ReadonlyArray<string> = untyped(["", " ", undefined])
      for (const key of keys) {
        const error = yield* refused((codex) => codex.loginApiKey(Redacted.make(key)))
        assert.strictEqual(error.message, "apiKey: it is empty, or not a string.")
      }
    }))

  it.effect("a working directory passes where only the server can know", () =>
    Effect.gen(function*() {
      const codex = yield* Codex.Codex
      yield* (yield* codex.threadStart({ cwd: "/on/another/machine" })).run("go")
    }))
})

describe("a Layer accepts only the options that it uses", () => {
  it.effect("a client over a Transport has no process", () =>
    Effect.gen(function*() {
      const layer = CodexClient.layerTransport(untyped({ codexPath: "/codex" }))
      const error = yield* Effect.flip(Effect.provide(CodexClient.CodexClient, layer))
      assert.deepInclude(error, { _tag: "InvalidInputError", field: "codexPath" })
    }).pipe(Effect.provide(FakeAppServer.layer())))

  it.effect("a process has no client", () =>
    Effect.gen(function*() {
      const { connect } = yield* Transport.Transport
      const error = yield* Effect.flip(Effect.scoped(connect))
      assert.deepInclude(error, { _tag: "InvalidInputError", field: "requestTimeout" })
    }).pipe(Effect.provide(Transport.layerStdio(untyped({ requestTimeout: 1 })))))

  it.effect("in the types, too", () =>
    Effect.sync(() => {
      // @ts-expect-error an option of a process
      void Codex.layerTransport({ codexPath: "/codex" })
      // @ts-expect-error an option of a client
      void Transport.layerStdio({ requestTimeout: "1 second" })
      void Codex.layer({ codexPath: "/codex", requestTimeout: "1 second" })
    }))
})

layer(TestCodex.layer({ script: TestCodex.echo }), { excludeTestServices: true })("a working directory", (it) => {
  it.effect("must exist where the server runs on this machine", () =>
    Effect.gen(function*() {
      const { codex, home } = yield* setup
      const missing = join(home.workspace, "missing")
      const thread = yield* codex.threadStart({ cwd: "." })
      const calls: ReadonlyArray<Failing> = [
        codex.threadStart({ cwd: missing }),
        codex.threadStart({ cwd: "missing" }),
        codex.threadFork(thread.id, { cwd: missing }),
        thread.run("go", { cwd: join(home.codexHome, "config.toml") })
      ]
      for (const call of calls) {
        const error = yield* Effect.flip(call)
        assert.deepInclude(error, { _tag: "InvalidInputError", field: "cwd" })
      }
      const other = mkdtempSync(join(tmpdir(), "effect-codex-cwd-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(other, { recursive: true })))
      assert.strictEqual((yield* thread.run("go", { cwd: other })).finalResponse, "go")
    }))
})
