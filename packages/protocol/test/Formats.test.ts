/** The formats in which Effect's RPC transports the protocol's values: JSON, and binary. */
import { ThreadItem } from "@effect-codex/protocol/Protocol"
import { assert, describe, it } from "@effect/vitest"
import * as SchemaBinary from "effect/encoding/SchemaBinary"
import * as Schema from "effect/Schema"

const items: ReadonlyArray<unknown> = [
  { type: "agentMessage", id: "a", text: "hello", phase: null, memoryCitation: null },
  {
    type: "commandExecution",
    id: "c",
    command: "ls",
    cwd: "/",
    processId: null,
    source: "agent",
    status: "completed",
    commandActions: [{ type: "unknown", command: "ls" }, { type: "future", x: 1 }],
    aggregatedOutput: "x",
    exitCode: 0,
    durationMs: 3
  },
  { type: "future", id: "f", nested: { value: [1, null, "two"] } }
]

describe("a value with open unions", () => {
  it("survives JSON", () => {
    const json = Schema.toCodecJson(ThreadItem)
    for (const raw of items) {
      const item = Schema.decodeUnknownSync(ThreadItem)(raw)
      assert.deepStrictEqual(Schema.decodeUnknownSync(json)(Schema.encodeUnknownSync(json)(item)), item)
    }
  })

  it("survives the binary format", () => {
    const binary = SchemaBinary.toCodec(Schema.Array(ThreadItem))
    const decoded = items.map((raw) => Schema.decodeUnknownSync(ThreadItem)(raw))
    assert.deepStrictEqual(Schema.decodeUnknownSync(binary)(Schema.encodeUnknownSync(binary)(decoded)), decoded)
  })
})
