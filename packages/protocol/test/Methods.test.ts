import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import * as Methods from "../src/Methods.ts"

interface Section {
  readonly [name: string]: {
    readonly thread?: string | null
    readonly turn?: string | null
    readonly experimental?: boolean
  }
}

const manifest: {
  readonly version: string
  readonly clientRequests: Section
  readonly serverNotifications: Section
  readonly serverRequests: Section
  readonly definitions: { readonly [name: string]: string }
} = JSON.parse(readFileSync(join(import.meta.dirname, "..", "protocol.manifest.json"), "utf8"))

/** Prints a key like the manifest, with a question mark if it can be absent. */
const route = ({ thread, threadOptional, turn, turnOptional }: Methods.Route) => ({
  thread: thread !== null && threadOptional ? `${thread}?` : thread,
  turn: turn !== null && turnOptional ? `${turn}?` : turn
})

describe("Methods", () => {
  it("has the methods of the pinned codex", () => {
    const { version } = JSON.parse(
      readFileSync(createRequire(import.meta.url).resolve("@openai/codex/package.json"), "utf8")
    )
    assert.strictEqual(manifest.version, version)
    for (const table of [Methods.clientRequests, Methods.serverNotifications, Methods.serverRequests]) {
      assert.isAbove(table.size, 10)
    }
  })

  it("matches the committed manifest", () => {
    assert.deepStrictEqual([...Methods.clientRequests.keys()], Object.keys(manifest.clientRequests))
    for (const [method, entry] of Methods.clientRequests) {
      assert.strictEqual(entry.experimental, manifest.clientRequests[method]?.experimental, method)
    }
    const routed: ReadonlyArray<readonly [ReadonlyMap<string, Methods.Route>, Section]> = [
      [Methods.serverNotifications, manifest.serverNotifications],
      [Methods.serverRequests, manifest.serverRequests]
    ]
    for (const [table, section] of routed) {
      assert.deepStrictEqual([...table.keys()], Object.keys(section))
      for (const [method, entry] of table) {
        const { thread, turn } = section[method]!
        assert.deepStrictEqual(route(entry), { thread, turn }, method)
      }
    }
  })

  it("has a Schema and a check for each", () => {
    const decoders: ReadonlyArray<Methods.Decoder<unknown>> = [
      ...[...Methods.clientRequests.values()].map((entry) => entry.response),
      ...Methods.serverNotifications.values(),
      ...Methods.serverRequests.values()
    ]
    for (const decoder of decoders) {
      assert.isTrue(Schema.isSchema(decoder.schema()))
      assert.isFalse(decoder.check(null))
    }
  })

  it("routes by where the params carry the ids", () => {
    const { serverNotifications, serverRequests } = Methods
    assert.deepStrictEqual(route(serverNotifications.get("thread/started")), { thread: "thread.id", turn: null })
    assert.deepStrictEqual(route(serverNotifications.get("turn/completed")), { thread: "threadId", turn: "turn.id" })
    assert.deepStrictEqual(route(serverNotifications.get("item/completed")), { thread: "threadId", turn: "turnId" })
    assert.deepStrictEqual(route(serverNotifications.get("hook/started")), { thread: "threadId", turn: "turnId?" })
    assert.deepStrictEqual(route(serverNotifications.get("warning")), { thread: "threadId?", turn: null })
    assert.deepStrictEqual(route(serverNotifications.get("account/updated")), { thread: null, turn: null })
    assert.deepStrictEqual(route(serverRequests.get("item/tool/call")), { thread: "threadId", turn: "turnId" })
    assert.deepStrictEqual(route(serverRequests.get("mcpServer/elicitation/request")), {
      thread: "threadId",
      turn: "turnId?"
    })
    assert.deepStrictEqual(route(serverRequests.get("applyPatchApproval")), { thread: "conversationId", turn: null })
    assert.deepStrictEqual(route(serverRequests.get("execCommandApproval")), { thread: "conversationId", turn: null })
  })

  it("knows no method with a hostile name", () => {
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", ""]) {
      assert.isUndefined(Methods.clientRequests.get(name))
      assert.isUndefined(Methods.serverNotifications.get(name))
      assert.isUndefined(Methods.serverRequests.get(name))
    }
  })

  it("returns a conforming value itself, with its unknown fields", () => {
    const input = { threadId: "1", turnId: "2", itemId: "3", delta: "text", later: true }
    const decoded = Methods.decode(Methods.serverNotifications.get("item/agentMessage/delta"), input)
    assert.strictEqual(Result.getOrThrow(decoded), input)
  })
})
