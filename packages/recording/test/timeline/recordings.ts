/** Recordings to draw: of the real binary, and made up. */
import { Recorder } from "@effect-codex/recording"
import * as Recording from "@effect-codex/recording/Recording"
import { CodexHome, Gate, Item, Reply, ScriptedModel, Step } from "@effect-codex/testing"
import * as Codex from "effect-codex/Codex"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { join } from "node:path"

const machine = CodexHome.layer({ model: "gpt-5.5", sandboxMode: "workspace-write" }).pipe(
  Layer.provideMerge(ScriptedModel.layer())
)

/**
 * A session of the real binary with a bit of everything: threads side by side, approvals, tools, failures, and texts that
 * are dangerous in a page. The model pauses for so long between its words.
 */
export const session = Effect.fnUntraced(function*(pause: Duration.Input) {
  const spoken = (text: string): Item.Deltas =>
    Array.from(text.matchAll(/\S+\s*/g), ([word]) => [word, ...(pause === 0 ? [] : [Step.delay(pause)])]).flat()
  const home = yield* CodexHome.CodexHome
  const model = yield* ScriptedModel.ScriptedModel
  const file = join(home.userHome, "session.jsonl")
  yield* Effect.gen(function*() {
    const codex = yield* Codex.Codex
    const thread = yield* codex.threadStart({
      approvalPolicy: "on-request",
      dynamicTools: [{
        type: "function",
        name: "lookup_ticket",
        description: "Looks up a ticket",
        inputSchema: { type: "object", properties: { id: { type: "number" } } }
      }]
    })
    yield* thread.setName("Fix the flaky test")

    yield* model.enqueue(
      Reply.make([
        Item.reasoning({ deltas: spoken("The test fails when it runs after midnight. I look at it first.") }),
        Item.message({ deltas: spoken("I look at the test first."), phase: "commentary" }),
        Item.functionCall({ name: "exec_command", arguments: { cmd: "printf 'clock.test.ts: 1 failed\\n'; exit 1" } }),
        Item.functionCall({ name: "lookup_ticket", arguments: { id: 17 } })
      ]),
      Reply.functionCall({
        name: "exec_command",
        arguments: {
          cmd: "touch 'fixed </script><b>\u2028'",
          sandbox_permissions: "require_escalated",
          justification: "May I write the file?"
        }
      }),
      Reply.message({
        deltas: spoken("The test used the clock of the machine. Now it uses </script> a clock <img src=x> of its own."),
        phase: "final_answer"
      }, { usage: { inputTokens: 4200, cachedInputTokens: 1000, outputTokens: 310, reasoningOutputTokens: 90 } })
    )
    yield* thread.run("Why does the clock test fail at night? Please fix it.")

    const gate = yield* Gate.make
    yield* model.enqueue(Reply.message({ deltas: [...spoken("Here is all of it, from the beginning: "), gate] }))
    const turn = yield* thread.turn("Explain it in a thousand words.")
    yield* gate.arrived
    yield* turn.interrupt
    yield* turn.run

    yield* model.enqueue(Reply.failed({ code: "insufficient_quota", message: "You have no credits left." }))
    yield* Effect.exit(thread.run("And now the other one."))
    yield* Effect.exit(codex.threadRead("01a1fdc8-8203-7071-8652-14c88757e38f"))

    const names = ["Review the change", "Write the release notes"]
    yield* model.enqueue(
      ...names.map((name) =>
        Reply.make([
          Item.reasoning({ deltas: spoken("Let me think.") }),
          Item.message({ deltas: spoken(`${name}: it is done.`) })
        ])
      )
    )
    yield* Effect.forEach(
      names,
      (name) => Effect.flatMap(codex.threadStart(), (thread) => thread.run(name)),
      { concurrency: "unbounded" }
    )
  }).pipe(
    Effect.provide(
      Recorder.layerCodex(file, {
        env: home.env,
        cwd: home.workspace,
        serverRequests: {
          "item/commandExecution/requestApproval": () => Effect.succeed({ decision: "accept" }),
          "item/tool/call": () =>
            Effect.succeed({ success: true, contentItems: [{ type: "inputText", text: `{"id":17,"title":"Clock"}` }] })
        }
      })
    )
  )
  return yield* Recording.read(file)
}, Effect.provide(machine))

const tokens = (totalTokens: number) => ({ totalTokens, inputTokens: 10, outputTokens: 5 })

/** Many threads that all speak at once, `turns` each, with `pieces` pieces of text a turn. */
export const crowd = (threads: number, turns: number, pieces: number): Recording.Recording => {
  const lines = [Recording.headerLine({ server: "effect-codex/0.169.0", startedAt: "2026-11-21T12:00:00.000Z" })]
  const received = (at: number, method: string, params: object) =>
    lines.push(JSON.stringify({ at, connection: 1, received: { method, params } }))
  // One message of each thread after the other: what a busy pipe brings.
  const length = pieces + 5
  let at = 0
  for (let turn = 0; turn < turns; turn++) {
    for (let step = 0; step < length; step++) {
      for (let index = 0; index < threads; index++) {
        at += 0.5
        const place = { threadId: `thread-${index}`, turnId: `turn-${index}-${turn}` }
        const itemId = `item-${index}-${turn}`
        const text = `Answer ${turn} of thread ${index}`
        if (step === 0) received(at, "turn/started", { ...place, turn: { id: place.turnId, status: "inProgress" } })
        else if (step === 1) {
          received(at, "item/started", { ...place, item: { type: "agentMessage", id: itemId, text: "" } })
        } else if (step < pieces + 2) {
          received(at, "item/agentMessage/delta", { ...place, itemId, delta: `piece ${step} ` })
        } else if (step === pieces + 2) {
          received(at, "item/completed", { ...place, item: { type: "agentMessage", id: itemId, text } })
        } else if (step === pieces + 3) {
          received(at, "thread/tokenUsage/updated", {
            ...place,
            tokenUsage: { last: tokens(100), total: tokens(100 * (turn + 1)) }
          })
        } else received(at, "turn/completed", { ...place, turn: { id: place.turnId, status: "completed" } })
      }
    }
  }
  lines.push(JSON.stringify({ at, connection: 1, ended: { _tag: "CodexConnectionError", reason: "Closed" } }))
  return Result.getOrThrow(Recording.parse("crowd.jsonl", lines.join("\n")))
}

/** One piece of text. */
export const long = (delta: string): Recording.Recording => {
  const params = { threadId: "thread", turnId: "turn", itemId: "item", delta }
  const received = { method: "item/agentMessage/delta", params }
  const header = Recording.headerLine({ server: "effect-codex/0.169.0", startedAt: "2026-11-21T12:00:00.000Z" })
  return Result.getOrThrow(
    Recording.parse("long.jsonl", [header, JSON.stringify({ at: 1, connection: 1, received })].join("\n"))
  )
}
