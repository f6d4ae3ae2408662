/** As test/properties/Writing.test.ts, on the real server: it reads what was written, and answers each time. */
import { CodexHome, Reply, type ScriptedModel, TestCodex } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex, type ProcessOptions } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import { join } from "node:path"
import { Anything } from "../properties/Anything.ts"
import * as writing from "../properties/writing.ts"
import { idle, setup } from "./utils.ts"

const command = "Run a command."
const question = "Call the tool."

const script: ScriptedModel.Script = {
  respond: ({ body: { input }, lastUserText }) => {
    if (lastUserText === writing.endless) return Reply.hang
    if (input.at(-1)?.["type"] === "function_call_output") return Reply.text("done")
    if (lastUserText === question) return Reply.functionCall({ name: "answer", arguments: { text: "why" } })
    if (lastUserText !== command) return Reply.text((lastUserText ?? "").slice(0, 1_000))
    const escalated = { cmd: "true", sandbox_permissions: "require_escalated", justification: "I have to" }
    return Reply.functionCall({ name: "exec_command", arguments: escalated })
  }
}

/** A turn in which the server asks, and is answered with anything. */
const answer: writing.Write = (codex, any) =>
  Effect.flatMap(writing.threadThatAnswers(codex, any), (thread) => thread.run(any.oneOf([command, question])))

/** Options of a process, one of them with any value. */
const layerOptions = (any: Anything, home: CodexHome.CodexHome["Service"]) =>
  any.oneOf<() => Codex.LayerOptions>([
    () => ({ config: any.object() as NonNullable<ProcessOptions.ProcessOptions["config"]> }),
    () => ({ clientInfo: { name: any.text(), version: any.text(), title: any.text() } }),
    () => ({ optOutNotifications: any.few(() => any.text()) }),
    () => ({ cwd: any.text() }),
    () => ({ codexPath: any.text() }),
    () => ({ args: [process.execPath, "--eval", "", any.text()] }),
    () => ({ env: { ...home.env, [any.text()]: any.text(), SECRET: Redacted.make(any.text()) } }),
    () => ({ codexHome: join(home.codexHome, any.text().replaceAll("..", "")) }),
    () => any.object()
  ])()

const layer: writing.Write<CodexHome.CodexHome> = (_, any) =>
  Effect.flatMap(CodexHome.CodexHome, (home) =>
    Effect.scoped(
      Layer.build(Codex.layer({ cwd: home.workspace, env: home.env, stderr: "ignore", ...layerOptions(any, home) }))
    ))

const written: ReadonlyArray<readonly [name: string, write: writing.Write<CodexHome.CodexHome>]> = Object.entries({
  ...writing.places,
  "client.request": writing.harmlessRequest,
  answer,
  layer
})

const codex = TestCodex.layer({
  script,
  home: { approvalPolicy: "on-request", config: { features: { goals: true } } },
  client: { requestTimeout: "15 seconds" }
}).pipe(Layer.provideMerge(Logger.layer([])))

/** A server serves as many cases as this. */
const batch = 30

const run = Effect.fnUntraced(function*(indices: ReadonlyArray<number>) {
  const { codex, router } = yield* setup
  const problems: Array<string> = []
  for (const index of indices) {
    const [name, write] = written[index % written.length]!
    const { problem } = yield* writing.outcome(
      write(codex, new Anything(writing.seedOf(index))),
      (error) =>
        name === "layer"
          ? error._tag !== "CodexConnectError" || error.reason._tag !== "HandshakeTimeout"
          : error._tag !== "CodexTimeoutError" && error._tag !== "CodexConnectionError"
    )
    if (problem !== undefined) problems.push(`${writing.repeat(index)} ${name}: ${problem}`)
  }
  // The server is there, and has answered all that it was asked.
  yield* codex.client.request("model/list", {})
  const { late, ...stats } = router.stats()
  if (late > 0) problems.push(`cases ${indices[0]} to ${indices.at(-1)}: ${late} turns were started and never answered`)
  assert.deepInclude(stats, idle, problems.join("\n\n"))
  return problems
})

/** Fewer than on a server in memory: each way of writing once at least. */
const count = Math.max(written.length, Math.ceil(writing.count / 20))

describe("anything that a program writes", () => {
  it.live(`is read by the real server (${count} cases, seed ${writing.seed})`, () =>
    Effect.gen(function*() {
      const all = writing.cases(count)
      const problems: Array<string> = []
      for (let start = 0; start < all.length; start += batch) {
        problems.push(...yield* Effect.scoped(Effect.provide(run(all.slice(start, start + batch)), codex)))
      }
      assert.isEmpty(problems, problems.slice(0, 10).join("\n\n"))
    }), Math.max(120_000, count * 3_000))
})
