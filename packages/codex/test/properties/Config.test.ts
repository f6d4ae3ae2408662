/** Whatever a configuration holds: it is refused, or the real server reads what was given. */
import { TestCodex } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { CodexClient, type ProcessOptions } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { isLong } from "./writing.ts"

/** Half a character can't be said in TOML. */
const Text = Schema.String.check(Schema.makeFilter((text) => !/\p{Surrogate}/u.test(text)))

// Codex takes what it can't read as a string, and says nothing.
const Value: Schema.Codec<ProcessOptions.ConfigValue> = Schema.Union([
  Text,
  Schema.Literals([
    "",
    "true",
    "1",
    "1979-05-27",
    "'''",
    "\"quoted\"",
    "a = 1 # b",
    "\r\n\t\u0000\u007f\u0085\u2028",
    "🦀"
  ]),
  Schema.Number.check(Schema.isFinite()),
  Schema.Int,
  Schema.Literals([-0, 1e20, -1e20, 2 ** 63, -(2 ** 63), 2 ** 62, 1e-7, 1e21, 5e-324, Number.MAX_VALUE]),
  Schema.Boolean,
  Schema.Array(Schema.suspend(() => Value)),
  Schema.suspend(() => Table)
])

const Key = Schema.Union([
  Text,
  Schema.Literals(["a.b", "a b", "a\"b'c", "=", "#", "ü", "日本", "1", "-", "_", "constructor"])
])

const Table: Schema.Codec<{ readonly [key: string]: ProcessOptions.ConfigValue }> = Schema.Record(Key, Value)

/** As JSON has it: without undefined, and 0 for -0. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe("config", () => {
  it.live.prop(
    "of any kind is what the real server reads",
    { values: Schema.Array(Value).check(Schema.isMinLength(100), Schema.isMaxLength(200)) },
    ({ values }) => {
      const probe = Object.fromEntries(values.map((value, index) => [`value${index}`, value]))
      return Effect.gen(function*() {
        const client = yield* CodexClient.CodexClient
        const { layers } = yield* client.request("config/read", { includeLayers: true })
        const layer = layers?.find(({ name }) => name.type === "sessionFlags")
        assert.deepStrictEqual(plain(layer?.config), plain({ probe }))
      }).pipe(Effect.provide(TestCodex.layer({ client: { config: { probe } } })))
    },
    // Each run starts a server, which reads a hundred values and more.
    { arbitrary: { runs: isLong ? 50 : 3, size: 12, maxShrinks: 10 }, timeout: 240_000 }
  )
})
