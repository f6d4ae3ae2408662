import { Recorder } from "@effect-codex/recording"
import * as Recording from "@effect-codex/recording/Recording"
import { assert, describe, it } from "@effect/vitest"
import * as Transport from "effect-codex/Transport"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import { readFileSync } from "node:fs"
import * as TemporaryFile from "./TemporaryFile.ts"

const options: Recorder.Options = {
  config: {
    cwd: "/home/ada/work/analytical engine",
    codexHome: "/home/ada/.codex",
    envMode: "replace",
    env: { HOME: "/home/ada", ENGINE_TOKEN: "0123456789", ENGINE_NAME: "difference", KEY: Redacted.make("lovelace") }
  },
  secrets: ["babbage"],
  paths: { "/data": "/srv" }
}

/** Records messages of a server. Returns the recorded messages, and the number of lines that were held back until the end. */
const record = Effect.fnUntraced(function*(messages: ReadonlyArray<object>, recorder = options) {
  const file = yield* TemporaryFile.make("run.jsonl")
  const lines = () => readFileSync(file, "utf8").trimEnd().split("\n").length
  const before = yield* Effect.gen(function*() {
    const queue = yield* Queue.unbounded<string>()
    yield* Queue.offerAll(queue, [{ id: 1, result: { userAgent: "x/1" } }, ...messages].map((m) => JSON.stringify(m)))
    const transport = yield* Recorder.make(
      {
        connect: Effect.succeed({ receive: Transport.receiveStream(Stream.fromQueue(queue)), send: () => Effect.void })
      },
      file,
      recorder
    )
    const connection = yield* transport.connect
    let received = 0
    const all = yield* Deferred.make<void>()
    const accept = (texts: ReadonlyArray<string>) => {
      received += texts.length
      return received > messages.length ? Deferred.succeed(all, undefined).pipe(Effect.asVoid) : undefined
    }
    yield* Effect.raceFirst(Deferred.await(all), connection.receive(accept))
    return lines()
  }).pipe(Effect.scoped)
  const { entries } = yield* Recording.read(file)
  const received = entries.flatMap((entry) => entry._tag === "Received" ? [entry.message] : []).slice(1)
  // The last line is the end of the connection.
  return { received, held: lines() - 1 - before }
})

/** Returns a text as the recorder masks it. */
const masked = (text: string, recorder = options) =>
  Effect.map(record([{ method: "x", params: { text } }], recorder), ({ received }) => received[0]?.["params"])

const base64 = (...parts: Array<string | ReadonlyArray<number>>) =>
  Buffer.concat(parts.map((part) => typeof part === "string" ? Buffer.from(part) : Buffer.from(part))).toString(
    "base64"
  )

describe("masking", () => {
  it.effect("hides directories by their names, the innermost first, and only whole names", () =>
    Effect.gen(function*() {
      const texts = [
        ["/home/ada", "/home/user"],
        ["/home/adam /home/ada-2", "/home/adam /home/ada-2"],
        ["cd /home/ada/work/analytical engine/src", "cd /workspace/src"],
        ["file:///home/ada/.codex/config.toml", "file:///codex-home/config.toml"],
        [String.raw`\home\\ada\\.bashrc`, String.raw`/home/user\\.bashrc`],
        ["/srv/a /opt/srv/a x=/srv", "/data/a /opt/srv/a x=/data"]
      ] as const
      for (const [text, expected] of texts) assert.deepStrictEqual(yield* masked(text), { text: expected })
    }))

  it.effect("hides listed secrets, secrets of the environment, and secrets by their form", () =>
    Effect.gen(function*() {
      const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
      const texts = [
        ["babbage and lovelace", "[secret] and [secret]"],
        ["ENGINE_TOKEN=0123456789 difference", "ENGINE_TOKEN=[secret] difference"],
        [`sk-${"a1".repeat(12)} sk-short`, "[secret] sk-short"],
        [`token ${jwt}.`, "token [secret]."],
        ["Authorization: Bearer abcdefgh12345", "Authorization: Bearer [secret]"],
        ["https://ada:pw@example.com/?state=xyz&a=1", "https://[secret]@example.com/?state=[secret]&a=1"],
        [`ghp_${"a1".repeat(12)}`, "[secret]"],
        ["-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\n", "[secret]\n"],
        ["ada@engine.co.uk, effect@4.1.0", "someone@example.com, effect@4.1.0"]
      ] as const
      for (const [text, expected] of texts) {
        assert.deepStrictEqual(yield* masked(text), { text: expected })
        assert.deepStrictEqual(yield* masked(expected), { text: expected })
      }
    }))

  it.effect("hides values of fields with secret names, and the same values anywhere later", () =>
    Effect.gen(function*() {
      const { received } = yield* record([
        { method: "x", params: { type: "apiKey", apiKey: "unheard-of", refreshToken: false, tokenUsage: 3 } },
        { method: "x", params: { text: "it was unheard-of", headers: { "x-api-key": "none of yours" } } }
      ])
      assert.deepStrictEqual(received, [
        { method: "x", params: { type: "apiKey", apiKey: "[secret]", refreshToken: false, tokenUsage: 3 } },
        { method: "x", params: { text: "it was [secret]", headers: { "x-api-key": "[secret]" } } }
      ])
    }))

  it.effect("hides values in names of fields, and in base64", () =>
    Effect.gen(function*() {
      const { received } = yield* record([
        { id: 2, result: { "/home/ada/a": [{ dataBase64: base64("in /home/ada") }], rawBase64: "/////w==" } }
      ])
      assert.deepStrictEqual(received, [
        { id: 2, result: { "/home/user/a": [{ dataBase64: base64("in /home/user") }], rawBase64: "/////w==" } }
      ])
    }))

  it.effect("finds text in bytes that are not UTF-8", () =>
    Effect.gen(function*() {
      const { received } = yield* record([{ id: 2, result: { dataBase64: base64([0xff, 0], "in /home/ada", [0xc3]) } }])
      assert.deepStrictEqual(received, [{ id: 2, result: { dataBase64: base64([0xff, 0], "in /home/user", [0xc3]) } }])
    }))

  it.effect("hides a secret in a text that is JSON", () =>
    Effect.gen(function*() {
      const password = "say \"friend\"\nand enter"
      assert.deepStrictEqual(yield* masked(JSON.stringify({ password }), { secrets: [password] }), {
        text: `{"password":"[secret]"}`
      })
    }))

  it.effect("learns the home directory of the server", () =>
    Effect.gen(function*() {
      const { received } = yield* record([
        { id: 2, result: { userAgent: "x/1", codexHome: "/remote/codex" } },
        { method: "x", params: { path: "/remote/codex/sessions" } }
      ])
      assert.deepStrictEqual(received[1], { method: "x", params: { path: "/codex-home/sessions" } })
    }))
})

const delta = (text: string, itemId = "i") => ({ method: "d", params: { threadId: "t", itemId, delta: text } })
const output = (...parts: Parameters<typeof base64>) => ({
  method: "o",
  params: { processId: "p", stream: "out", deltaBase64: base64(...parts) }
})
const of = (threadId: string, method = "item/completed") => ({ method, params: { threadId } })

describe("a text in pieces", () => {
  it.effect("is recorded unchanged, if there is nothing to hide", () =>
    Effect.gen(function*() {
      const messages = [delta("Hel"), delta("lo, "), delta("world"), of("t")]
      assert.deepStrictEqual(yield* record(messages), { received: messages, held: 0 })
    }))

  it.effect("is held back within a word, with later messages, until the word is complete", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* record([delta("one"), delta("two ", "other")])).held, 2)
      assert.strictEqual((yield* record([delta("one"), delta(" ")])).held, 0)
      assert.strictEqual((yield* record([delta("one"), of("t", "turn/completed")])).held, 0)
      assert.strictEqual((yield* record([delta("one"), of("another thread")])).held, 2)
      assert.strictEqual((yield* record([output("one"), { id: 2, result: {} }])).held, 0)
    }))

  it.effect("is masked as a whole", () =>
    Effect.gen(function*() {
      const texts: ReadonlyArray<readonly [ReadonlyArray<Recording.Message>, ReadonlyArray<Recording.Message>]> = [
        [[delta("my lo"), delta("on", "j"), delta("ve"), delta("e ", "j"), delta("lace ")], [
          delta("my [secret] "),
          delta("on", "j"),
          delta(""),
          delta("e ", "j"),
          delta("")
        ]],
        [[output("bab"), output("bage\n")], [output("[secret]\n"), output("")]],
        // Bytes may be cut within a character, and need not be text.
        [[output("bab"), output("bage à", [0xc3]), output([0xa9], "\n")], [
          output("[secret] àé\n"),
          output(""),
          output("")
        ]],
        [[output([0xff, 0xfe], "babb"), output("age\n")], [output([0xff, 0xfe], "[secret]\n"), output("")]],
        [[delta("/home/ada/work/analytical "), delta("engine")], [delta("/workspace"), delta("")]],
        [[delta("Bearer "), delta("abcdefgh123 ")], [delta("Bearer [secret] "), delta("")]]
      ]
      for (const [pieces, expected] of texts) assert.deepStrictEqual((yield* record(pieces)).received, expected)
    }))
})
