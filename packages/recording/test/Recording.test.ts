import { Replay } from "@effect-codex/recording"
import * as Recording from "@effect-codex/recording/Recording"
import { assert, describe, it } from "@effect/vitest"
import * as Codex from "effect-codex/Codex"
import { CodexConnectionError } from "effect-codex/CodexError"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const header = Recording.headerLine({ server: "effect-codex/0.169.0", startedAt: "2026-11-21T12:00:00.000Z" })

const refusal = (text: string) => {
  const error = Result.getOrThrow(Result.flip(Recording.parse("run.jsonl", text)))
  return error.message
}

describe("the format of recordings", () => {
  it("keeps every kind of entry", () => {
    const ended = new CodexConnectionError({
      reason: { _tag: "Exited", exitCode: 3, signal: null, stderr: "oh" },
      cause: new Error("why")
    })
    const entries: ReadonlyArray<Recording.Entry> = [
      { _tag: "Sent", at: 1, connection: 1, message: { id: 1, method: "a" } },
      { _tag: "Received", at: 2.5, connection: 1, message: { id: 1, result: null } },
      { _tag: "Garbage", at: 3, connection: 1, text: "\u2028not JSON" },
      { _tag: "Ended", at: 4, connection: 1, error: ended }
    ]
    const text = [header, ...entries.map((entry) => Recording.entryLine(entry))].join("\n")
    const recording = Result.getOrThrow(Recording.parse("run.jsonl", text))
    assert.deepStrictEqual(
      recording.entries.slice(0, 3),
      entries.slice(0, 3).map((entry, index) => ({
        ...entry,
        line: index + 2
      }))
    )
    const last = recording.entries[3]
    assert(last?._tag === "Ended")
    assert(last.error._tag === "CodexConnectionError")
    assert.deepStrictEqual(last.error.reason, ended.reason)
  })

  it("reads how a connection ended in every earlier version", () => {
    const endings: ReadonlyArray<readonly [ended: object, tag: string, reason: string]> = [
      [{ _tag: "CodexConnectionError", reason: "Exited", exitCode: 3 }, "CodexConnectionError", "Exited"],
      [{ _tag: "CodexConnectionError", reason: "Closed" }, "CodexConnectionError", "Closed"],
      [
        { _tag: "CodexSpawnError", reason: "BadCwd", command: "/nowhere", detail: "no" },
        "CodexConnectError",
        "BadDirectory"
      ],
      [
        {
          _tag: "CodexSpawnError",
          reason: "Exited",
          command: "codex",
          detail: "it ended",
          exitCode: null,
          signal: "SIGKILL"
        },
        "CodexConnectError",
        "Exited"
      ],
      [{ _tag: "CodexHandshakeError", detail: "no answer" }, "CodexConnectError", "HandshakeRefused"]
    ]
    for (const [ended, tag, reason] of endings) {
      const text = `${header}\n${JSON.stringify({ at: 1, connection: 1, ended })}`
      const [entry] = Result.getOrThrow(Recording.parse("run.jsonl", text)).entries
      assert(entry?._tag === "Ended" && "reason" in entry.error, JSON.stringify(ended))
      assert.deepStrictEqual([entry.error._tag, entry.error.reason._tag], [tag, reason])
      assert.deepInclude(JSON.parse(Recording.entryLine(entry)).ended, { _tag: tag, reason })
    }
  })

  it("skips additions of later versions, and refuses later formats", () => {
    const text = [
      header.replace("{", `{"mood":"good",`),
      `{"at":1,"connection":1,"thought":"hm"}`,
      `{"at":2,"connection":1,"mood":"better","sent":{"method":"a"}}`
    ].join("\n")
    assert.lengthOf(Result.getOrThrow(Recording.parse("run.jsonl", text)).entries, 1)
    assert.include(refusal(header.replace(`"version":1`, `"version":2`)), "update the package, or record again")
  })

  it("refuses other files", () => {
    assert.include(refusal(""), "run.jsonl: the file is empty")
    assert.include(refusal("{}"), "run.jsonl, line 1: this is not a recording")
    assert.include(refusal(`${header}\nnonsense\n{"at":1}`), "run.jsonl, line 2: the line is not a JSON object")
  })

  it.effect("reports a missing file", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Recording.read("no/such/file.jsonl"))
      assert.strictEqual(error.message, "no/such/file.jsonl: there is no such file; record it first.")
    }))
})

describe("recordings of earlier versions", () => {
  const directory = fileURLToPath(new URL("recordings/", import.meta.url))

  // One per version of the format, recorded with the real binary by the example 29_record_and_replay and never replaced.
  for (const name of readdirSync(directory)) {
    it.live(`replays ${name}`, () =>
      Effect.gen(function*() {
        const codex = yield* Codex.Codex
        const thread = yield* codex.threadStart({ sandbox: "readOnly" })
        const { finalResponse, usage } = yield* thread.run("Say hello in one sentence.")
        assert.strictEqual(finalResponse, "Hello from a script. You said: Say hello in one sentence.")
        assert.strictEqual(usage?.last.outputTokens, 12)
        yield* Replay.Replay.use((replay) => replay.done)
      }).pipe(Effect.provide(Replay.layerCodex(`${directory}${name}`))))
  }

  it("has one of each version", () => {
    const versions = readdirSync(directory).map((name) => Number(/^format-(\d+)\.jsonl$/.exec(name)?.[1])).sort()
    assert.deepStrictEqual(versions, Array.from({ length: Recording.formatVersion }, (_, index) => index + 1))
  })
})

describe("captures of other servers", () => {
  const directory = fileURLToPath(new URL("../../protocol/test/fixtures/", import.meta.url))

  for (const name of readdirSync(directory).filter((name) => name.endsWith(".jsonl"))) {
    it.effect(`plays ${name} to its end`, () =>
      Effect.gen(function*() {
        const lines = readFileSync(`${directory}${name}`, "utf8").trimEnd().split("\n")
        const text = [header, ...lines.map((line, at) => line.replace("{", `{"at":${at},"connection":1,`))].join("\n")
        const { entries } = yield* Effect.fromResult(Recording.parse(name, text))
        const { replay, transport } = Replay.make({ file: name, header: JSON.parse(header), entries })
        const { receive, send } = yield* transport.connect
        const sent = entries.flatMap((entry) => entry._tag === "Sent" ? [entry.message] : [])
        const received = entries.flatMap((entry) => entry._tag === "Received" ? [entry.message] : [])
        for (const message of sent) yield* send(JSON.stringify(message))
        yield* replay.done
        const played: Array<string> = []
        const all = yield* Deferred.make<void>()
        yield* receive((messages) => {
          played.push(...messages)
          return played.length < received.length ? undefined : Effect.asVoid(Deferred.succeed(all, undefined))
        }).pipe(Effect.raceFirst(Deferred.await(all)))
        assert.deepStrictEqual(played.sort(), received.map((message) => JSON.stringify(message)).sort())
      }))
  }
})
