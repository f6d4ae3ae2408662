import { FakeAppServer } from "@effect-codex/testing"
import { assert, describe } from "@effect/vitest"
import { Codex, Input } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { internalClient } from "../internals.ts"
import { scenario } from "./scenario.ts"

/** The options that need 0.151.0: a call with each, and its name in the error. */
const features: ReadonlyArray<
  readonly [feature: string, ask: (codex: Codex.Codex["Service"]) => Effect.Effect<unknown, unknown>]
> = [
  [
    "Input.externalMessage",
    (codex) => codex.thread("stored").run(Input.externalMessage({ toolName: "mail", content: "hi" }))
  ],
  ["turnTrigger", (codex) => codex.thread("stored").run("go", { turnTrigger: "automation" })],
  ["turnTrigger", (codex) => codex.thread("stored").turn("go", { turnTrigger: "automation" })],
  ["turnTrigger", (codex) => Stream.runDrain(codex.thread("stored").stream("go", { turnTrigger: "automation" }))],
  ["serviceTierForTurn", (codex) => codex.thread("stored").run("go", { serviceTierForTurn: "fast" })],
  ["includeTurns", (codex) => codex.threadResume("stored", { includeTurns: true })],
  ["includeTurns", (codex) => codex.threadFork("stored", { includeTurns: false })]
]

const answered = (userAgent: string, serverInfo?: { readonly name: string; readonly version: string }) => ({
  initialize: () => FakeAppServer.verbatim({ userAgent, serverInfo })
})

describe("options that need a newer server", () => {
  for (
    const version of ["0.130.0", "0.147.0", "0.149.0", "0.150.9", "0.151.0-alpha.6", "unknown", "0.0.0", "(Linux)"]
  ) {
    scenario(`are refused before anything is sent: ${version}`, () =>
      Effect.gen(function*() {
        const server = yield* FakeAppServer.FakeAppServer
        const codex = yield* Codex.Codex
        for (const [feature, ask] of features) {
          const error = yield* Effect.flip(ask(codex))
          assert.deepInclude(error, { _tag: "UnsupportedByServerError", feature, needs: "0.151.0", has: version })
          assert.include(String(error), "0.151.0 or later")
        }
        assert.deepStrictEqual((yield* server.requests).map(({ method }) => method), ["initialize"])
      }), { handlers: answered(`codex-cli/${version}`), threads: ["stored"] })
  }

  for (
    const [userAgent, version] of [
      ["codex-cli/0.151.0 (Linux)"],
      ["codex-cli 0.153.0"],
      ["codex-cli/0.154.0-alpha.1"],
      ["codex-cli/0.154.0-alpha.1.2"],
      ["codex-cli/0.151.0.post1"],
      ["codex-cli/v0.152.0"],
      ["codex-cli/1.0.0"],
      ["unknown", "0.153.0"]
    ] as const
  ) {
    scenario(
      `are sent as they are: ${userAgent}${version === undefined ? "" : `, serverInfo ${version}`}`,
      () =>
        Effect.gen(function*() {
          const server = yield* FakeAppServer.FakeAppServer
          const codex = yield* Codex.Codex
          yield* codex.threadResume("stored", { includeTurns: true })
          const thread = yield* codex.threadFork("stored", { includeTurns: false })
          yield* thread.run("go", { turnTrigger: "automation", serviceTierForTurn: "fast", serviceTier: "flex" })
          yield* thread.run(Input.externalMessage({ toolName: "mail", namespace: "in", content: "hi" }))
          const paramsOf = (method: string, index = 0) =>
            Effect.map(server.awaitRequest(method, index), ({ message }) => message["params"])
          assert.deepStrictEqual(yield* paramsOf("thread/resume"), { threadId: "stored", excludeTurns: false })
          assert.deepStrictEqual(yield* paramsOf("thread/fork"), { threadId: "stored", excludeTurns: true })
          yield* codex.threadResume("stored", { includeTurns: false })
          yield* codex.threadFork("stored", { includeTurns: true })
          assert.deepStrictEqual(yield* paramsOf("thread/resume", 1), { threadId: "stored", excludeTurns: true })
          assert.deepStrictEqual(yield* paramsOf("thread/fork", 1), { threadId: "stored", excludeTurns: false })
          yield* codex.threadResume("stored")
          yield* codex.threadFork("stored", { includeTurns: undefined })
          assert.deepStrictEqual(yield* paramsOf("thread/resume", 2), { threadId: "stored", excludeTurns: true })
          assert.deepStrictEqual(yield* paramsOf("thread/fork", 2), { threadId: "stored", excludeTurns: true })
          yield* server.on("thread/unsubscribe", () => ({ status: "unsubscribed" }))
          yield* codex.client.request("thread/unsubscribe", { threadId: "stored" })
          yield* codex.thread("stored").run("resumes by itself")
          assert.deepStrictEqual(yield* paramsOf("thread/resume", 3), { threadId: "stored", excludeTurns: true })
          assert.deepStrictEqual(yield* paramsOf("turn/start"), {
            threadId: thread.id,
            input: [{ type: "text", text: "go", text_elements: [] }],
            turnTrigger: "automation",
            serviceTierForTurn: "fast",
            serviceTier: "flex"
          })
          assert.deepStrictEqual(yield* paramsOf("turn/start", 1), {
            threadId: thread.id,
            input: [],
            toolOutput: { name: "mail", namespace: "in", output: "hi" }
          })
        }),
      {
        handlers: answered(userAgent, version === undefined ? undefined : { name: "codex", version }),
        threads: ["stored"]
      }
    )
  }

  scenario(
    "go by the server that runs after a restart",
    () =>
      Effect.gen(function*() {
        const server = yield* FakeAppServer.FakeAppServer
        const codex = yield* Codex.Codex
        const resume = codex.threadResume("stored", { includeTurns: true })
        assert.strictEqual((yield* Effect.flip(resume))._tag, "UnsupportedByServerError")
        const { initialize } = answered("effect-codex/0.169.0")
        yield* server.on("initialize", initialize)
        yield* server.crash()
        yield* codex.client.closed
        const client = yield* internalClient
        yield* client.connected
        assert.strictEqual(codex.metadata.serverVersion, "0.169.0")
        assert.strictEqual(codex.client.metadata.serverVersion, "0.169.0")
        yield* resume
      }),
    { version: "0.140.0", threads: ["stored"], client: { restart: Schedule.spaced("1 second") } }
  )
})

describe("options that an older server does not know, and would just not do", () => {
  const options: ReadonlyArray<
    readonly [
      version: string,
      field: string,
      needs: string,
      ask: (codex: Codex.Codex["Service"]) => Effect.Effect<unknown, unknown>
    ]
  > = [
    ["0.130.0", "runtimeWorkspaceRoots", "0.140.0", (codex) => codex.threadStart({ runtimeWorkspaceRoots: ["/w"] })],
    ["0.140.0", "lastTurnId", "0.150.0", (codex) => codex.threadFork("stored", { lastTurnId: "turn-1" })],
    ["0.151.0", "disabledPluginIds", "0.160.0", (codex) => codex.thread("stored").run("go", { disabledPluginIds: [] })],
    ["0.160.0", "excludedThreadIds", "0.169.0", (codex) => codex.threadListPage({ excludedThreadIds: ["stored"] })],
    ["0.169.0", "includedThreadIds", "0.171.0", (codex) => codex.threadListPage({ includedThreadIds: ["stored"] })],
    [
      "0.140.0",
      "parentThreadId",
      "0.150.0",
      (codex) => Stream.runDrain(codex.threadList({ parentThreadId: "stored" }))
    ],
    ["0.160.0", "attachToSource", "0.169.0", (codex) => codex.threadFork("stored", { attachToSource: true })]
  ]
  for (const [version, feature, needs, ask] of options) {
    scenario(`are refused before anything is sent: ${feature}`, () =>
      Effect.gen(function*() {
        const server = yield* FakeAppServer.FakeAppServer
        const error = yield* Effect.flip(ask(yield* Codex.Codex))
        assert.deepInclude(error, { _tag: "UnsupportedByServerError", feature, needs, has: version })
        assert.deepStrictEqual((yield* server.requests).map(({ method }) => method), ["initialize"])
      }), { handlers: answered(`codex-cli/${version}`), threads: ["stored"] })
  }
})

describe("options that every server knows", () => {
  for (const userAgent of ["codex-cli/0.147.0", "codex-cli/0.130.0", "codex-cli/unknown"]) {
    scenario(`are sent to an old server: ${userAgent}`, () =>
      Effect.gen(function*() {
        const server = yield* FakeAppServer.FakeAppServer
        const codex = yield* Codex.Codex
        yield* codex.threadResume("stored", { model: "gpt-5.4" })
        const thread = yield* codex.threadFork("stored", { includeTurns: undefined })
        yield* thread.run("go", { serviceTier: "flex", turnTrigger: undefined, serviceTierForTurn: null })
        const methods = (yield* server.requests).map(({ method }) => method)
        assert.deepStrictEqual(methods, ["initialize", "thread/resume", "thread/fork", "turn/start"])
        const resume = yield* server.awaitRequest("thread/resume")
        assert.deepStrictEqual(resume.params, { threadId: "stored", model: "gpt-5.4" })
        const fork = yield* server.awaitRequest("thread/fork")
        assert.deepStrictEqual(fork.params, { threadId: "stored" })
        const turn = yield* server.awaitRequest("turn/start")
        assert.deepStrictEqual(turn.params, {
          threadId: thread.id,
          input: [{ type: "text", text: "go", text_elements: [] }],
          serviceTier: "flex",
          serviceTierForTurn: null
        })
      }), { handlers: answered(userAgent), threads: ["stored"] })
  }
})
