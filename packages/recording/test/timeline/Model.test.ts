import * as Recording from "@effect-codex/recording/Recording"
import * as Timeline from "@effect-codex/recording/Timeline"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { build } from "vite"
import * as Data from "./data.ts"
import { crowd } from "./recordings.ts"

const fixtures = fileURLToPath(new URL("../../../protocol/test/fixtures/", import.meta.url))

const dataOf = (recording: Recording.Recording) => Data.dataOf(Timeline.html(recording))

const recorded = (lines: ReadonlyArray<object>) => {
  const header = Recording.headerLine({ server: "x/1", startedAt: "2026-11-21T12:00:00.000Z" })
  const text = lines.map((line, at) => JSON.stringify({ at: at * 10, connection: 1, ...line }))
  return Result.getOrThrow(Recording.parse("run.jsonl", [header, ...text].join("\n")))
}

describe("a timeline", () => {
  for (const name of readdirSync(fixtures).filter((name) => name.endsWith(".jsonl"))) {
    it(`has every message of ${name}, once, in rows without overlaps`, () => {
      const lines = readFileSync(`${fixtures}${name}`, "utf8").trimEnd().split("\n").map((line): object =>
        JSON.parse(line)
      )
      const { events, lanes, spans } = dataOf(recorded(lines))
      assert.deepStrictEqual(
        events.text.map((text): unknown => JSON.parse(text)),
        lines.map((line) => Object.values(line)[0])
      )
      const turns = spans.filter(({ kind }) => kind === "turn")
      assert.deepStrictEqual(turns.map(({ label, status }) => [label, status]), [
        ["Say hello", "ok"],
        ["Run a command", "ok"],
        ["Use the tool", "ok"],
        ["Write a file", "ok"],
        ["Fail", "failed"],
        ["Wait for ever", "stopped"]
      ])
      for (const kind of ["user", "message", "reasoning", "command", "files", "tool", "approval", "request"]) {
        assert.isTrue(spans.some((span) => span.kind === kind), kind)
      }
      for (const [lane, { rows }] of lanes.entries()) {
        for (let line = 0; line < rows.reduce((sum, count) => sum + count, 0); line++) {
          const members = spans.filter((span) => span.lane === lane && span.line === line)
            .sort((a, b) => a.start - b.start)
          assert.isNotEmpty(members)
          members.slice(1).forEach((span, index) => assert.isAtMost(members[index]!.end ?? Infinity, span.start))
        }
      }
      // Turns lie above what they consist of, requests of the client below.
      for (const span of spans.filter(({ turn }) => turn !== undefined)) assert.isAbove(span.line, 0)
    })
  }

  it("shows the outcome of approvals, tools, requests and commands", () => {
    const { marks, spans } = dataOf(recorded([
      { sent: { id: 1, method: "thread/start", params: {} } },
      { received: { id: 1, result: { thread: { id: "t", preview: "Hello", cwd: "/workspace" }, model: "m" } } },
      {
        received: { id: 0, method: "item/commandExecution/requestApproval", params: { threadId: "t", command: "rm" } }
      },
      { sent: { id: 0, result: { decision: "decline" } } },
      { received: { id: 1, method: "item/tool/call", params: { threadId: "t", tool: "lookup" } } },
      { sent: { id: 1, result: { success: false } } },
      { received: { id: 2, method: "item/tool/requestUserInput", params: { threadId: "t" } } },
      { received: { method: "serverRequest/resolved", params: { threadId: "t", requestId: 2 } } },
      { sent: { id: 2, method: "thread/read", params: { threadId: "t" } } },
      { received: { id: 2, error: { code: -32600, message: "No such thread." } } },
      {
        received: {
          method: "item/completed",
          params: { threadId: "t", item: { type: "commandExecution", id: "c", command: "false", exitCode: 1 } }
        }
      },
      { received: { method: "warning", params: { threadId: "t", message: "Mind the gap." } } },
      { garbage: "oh" },
      { sent: { id: 3, method: "model/list", params: {} } },
      { ended: { _tag: "CodexConnectionError", reason: "Exited", exitCode: 3 } }
    ]))
    assert.deepStrictEqual(spans.map(({ detail, kind, label, status }) => [kind, label, status, detail]), [
      ["request", "thread/start", "ok", "answered"],
      ["approval", "run rm?", "stopped", "decline"],
      ["approval", "call lookup", "failed", "no success"],
      ["approval", "ask the user", "stopped", "withdrawn"],
      ["request", "thread/read", "failed", "No such thread."],
      ["command", "false", "failed", "exit 1"],
      ["request", "model/list", "open", "connection lost"]
    ])
    assert.deepStrictEqual(marks.map(({ event, label, level }) => [event, level, label]), [
      [9, "error", "thread/read: No such thread."],
      [11, "warning", "Mind the gap."],
      [12, "error", "not a message"],
      [14, "error", "connection lost"]
    ])
  })

  it("shows the request that starts a thread in the lane of the thread, even if connections use the same ids", () => {
    const sent = { id: 1, method: "thread/start", params: {} }
    const recording = recorded([
      { connection: 1, sent },
      { connection: 2, sent },
      { connection: 2, received: { method: "thread/started", params: { thread: { id: "second" } } } },
      { connection: 2, received: { id: 1, result: { thread: { id: "second" } } } },
      { connection: 1, received: { id: 1, result: { thread: { id: "first" } } } }
    ])
    // Also a page that grows shows them there, as soon as the server has named the thread.
    for (const { events, lanes, spans } of [dataOf(recording), Data.grown(recording)]) {
      assert.deepStrictEqual(spans.map(({ lane }) => lanes[lane]!.id), ["first", "second"])
      assert.deepStrictEqual(events.lane.map((lane) => lanes[lane]!.id), [
        "first",
        "second",
        "second",
        "second",
        "first"
      ])
    }
  })

  it("names threads by the best name available", () => {
    const { complete, lanes } = dataOf(recorded([
      { received: { method: "thread/started", params: { thread: { id: "a", name: "Named", model: "m" } } } },
      {
        sent: { id: 1, method: "turn/start", params: { threadId: "b", input: [{ type: "text", text: "Do it\nnow" }] } }
      },
      { received: { method: "thread/status/changed", params: { threadId: "0123456789abcdef" } } },
      { received: { method: "thread/started", params: { thread: { id: "c", agentNickname: "Ada" } } } },
      { received: { method: "thread/name/updated", params: { threadId: "c", threadName: "Review" } } }
    ]))
    assert.deepStrictEqual(lanes.slice(1).map(({ subtitle, title }) => [title, subtitle]), [
      ["Named", "m"],
      ["Do it", ""],
      ["thread abcdef", ""],
      ["Review", "agent Ada"]
    ])
    assert.isFalse(complete)
  })

  it("shows unfinished turns and items up to the end, with their text so far", () => {
    const place = { threadId: "t", turnId: "u", itemId: "i" }
    const { duration, spans } = dataOf(recorded([
      { received: { method: "turn/started", params: { threadId: "t", turn: { id: "u" } } } },
      { received: { method: "item/started", params: { ...place, item: { type: "agentMessage", id: "i", text: "" } } } },
      { received: { method: "item/agentMessage/delta", params: { ...place, delta: "Once upon " } } },
      { received: { method: "item/agentMessage/delta", params: { ...place, delta: "a time" } } }
    ]))
    assert.deepStrictEqual(spans.map(({ end, label, status }) => [label, status, end]), [
      ["turn", "open", undefined],
      ["Once upon a time", "open", undefined]
    ])
    assert.strictEqual(duration, 30)
  })

  it("draws a hundred thousand messages quickly", () => {
    const recording = crowd(40, 10, 250)
    assert.isAbove(recording.entries.length, 100_000)
    const before = process.cpuUsage()
    const page = Timeline.html(recording)
    const { system, user } = process.cpuUsage(before)
    assert.isBelow((system + user) / 1e6, 15)
    assert.isBelow(page.length, 4_000_000)
  })

  it("explains how to configure a bundler, if it is bundled without its files", async () => {
    const outDir = mkdtempSync(join(tmpdir(), "effect-codex-"))
    try {
      await build({
        configFile: false,
        logLevel: "error",
        ssr: { noExternal: true, target: "node", resolve: { conditions: ["@effect-codex/source"] } },
        build: {
          ssr: fileURLToPath(new URL("../../src/Timeline.ts", import.meta.url)),
          outDir,
          rolldownOptions: { output: { entryFileNames: "bundle.mjs" } }
        }
      })
      const bundled: typeof Timeline = await import(/* @vite-ignore */ pathToFileURL(join(outDir, "bundle.mjs")).href)
      assert.throws(() => bundled.html(recorded([])), "tell the bundler that @effect-codex/recording is external")
    } finally {
      rmSync(outDir, { recursive: true, force: true })
    }
  })
})
