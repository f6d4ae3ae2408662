import { Recorder, Replay } from "@effect-codex/recording"
import * as Recording from "@effect-codex/recording/Recording"
import * as Timeline from "@effect-codex/recording/Timeline"
import { assert, describe, it } from "@effect/vitest"
import * as Transport from "effect-codex/Transport"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import { dirname, join } from "node:path"
import * as TemporaryFile from "./TemporaryFile.ts"

const handshake = JSON.stringify({ id: 1, result: { userAgent: "x/1" } })

/** A Transport of one connection that receives these messages. */
const connecting = (messages: Stream.Stream<string>): Transport.Transport["Service"] => ({
  connect: Effect.succeed({ receive: Transport.receiveStream(messages), send: () => Effect.void })
})

/** Records these messages of a server. The client sends each of `sent` first. */
const record = Effect.fnUntraced(function*(
  file: string,
  received: ReadonlyArray<string>,
  { sent = [], ...options }: Recorder.Options & { readonly sent?: ReadonlyArray<string> } = {}
) {
  const transport = yield* Recorder.make(
    connecting(Stream.fromArray([handshake, ...received])),
    file,
    options
  )
  const connection = yield* transport.connect
  yield* Effect.forEach(sent, connection.send, { discard: true })
  yield* Effect.flip(connection.receive(() => undefined))
}, Effect.scoped)

/** The messages of a recording, without the handshake. */
const messagesOf = ({ entries }: Recording.Recording) =>
  entries.flatMap((entry) => "message" in entry && entry.message["id"] !== 1 ? [entry.message] : [])

const nested = (levels: number): string => `${"[".repeat(levels)}"hunter2hunter2"${"]".repeat(levels)}`

/** The levels of a value of lists. */
const levelsOf = (value: unknown): number => {
  let levels = 0
  for (let inner = value; Array.isArray(inner); inner = inner[0]) levels++
  return levels
}

describe("a recorder", () => {
  it.effect("refuses an option that it does not have, before it touches the file", () =>
    Effect.gen(function*() {
      const file = yield* TemporaryFile.make("run.jsonl")
      const misspelled = Object({ secret: ["hunter2hunter2"] })
      const error = yield* Effect.flip(record(file, [], misspelled))
      assert(error._tag === "RecordingError")
      assert.include(error.message, "secret is not an option")
      assert.isFalse(Fs.existsSync(file))
    }))

  it.effect("goes on after a message that is nested too deeply, in either direction", () =>
    Effect.gen(function*() {
      const file = yield* TemporaryFile.make("run.jsonl")
      const deep = `{"method":"deep","params":{"threadId":"t","value":${nested(20_000)}}}`
      const delta = `{"method":"deep","params":{"threadId":"t","delta":"one ","value":${nested(20_000)}}}`
      const last = { method: "last", params: { threadId: "t" } }
      yield* record(file, [deep, delta, JSON.stringify(last)], {
        sent: [deep.replace("{", `{"id":7,`)],
        secrets: ["hunter2hunter2"]
      })
      const recording = yield* Recording.read(file)
      const messages = messagesOf(recording)
      assert.lengthOf(messages, 4)
      assert.deepStrictEqual(messages.at(-1), last)
      for (const message of messages.slice(0, -1)) {
        const params = message["params"]
        assert(typeof params === "object" && params !== null && "value" in params)
        assert.isAtLeast(levelsOf(params.value), 150)
        assert.isAtMost(levelsOf(params.value), 200)
      }
      const text = Fs.readFileSync(file, "utf8")
      assert.include(text, "\"[too deep]\"")
      assert.notInclude(text, "hunter2")
      assert.include(Timeline.html(recording), "<!doctype html>")

      // The same message is recognised when the program sends it again.
      const { transport } = Replay.make(recording)
      const connection = yield* transport.connect
      yield* connection.send(deep.replace("{", `{"id":8,`))
    }).pipe(Effect.scoped))

  it.effect("leaves out a message that can't be masked, and goes on", () =>
    Effect.gen(function*() {
      class Broken extends RegExp {
        override [Symbol.replace](text: string): string {
          if (text.includes("bad")) throw new Error("It is broken.")
          return text
        }
      }
      const file = yield* TemporaryFile.make("run.jsonl")
      const messages = [
        { id: 2, method: "ask/this", params: { text: "bad" } },
        { id: 2, result: "bad" },
        { method: "piece", params: { threadId: "t", delta: "bad " } },
        { method: "good", params: { text: "good" } }
      ]
      yield* record(file, [...messages.map((message) => JSON.stringify(message)), "bad garbage"], {
        replace: [[new Broken("", "g"), ""]]
      })
      const { entries } = yield* Recording.read(file)
      assert.deepStrictEqual(
        entries.slice(1, -1).map((entry) =>
          entry._tag === "Garbage" ? entry.text : "message" in entry && entry.message
        ),
        [
          { id: 2, method: "ask/this", params: "[not recorded]" },
          { id: 2, result: "[not recorded]" },
          { method: "piece", params: { threadId: "t", delta: "[not recorded]" } },
          { method: "good", params: { text: "good" } },
          "[not recorded]"
        ]
      )
    }).pipe(Effect.scoped))

  it.effect("records any value in the place of an id, a thread or a stream", () =>
    Effect.gen(function*() {
      const file = yield* TemporaryFile.make("run.jsonl")
      const odd = { toString: 1, valueOf: null, constructor: "x" }
      const messages = [
        { method: "piece", params: { threadId: "t", itemId: odd, stream: odd, delta: "one" } },
        { method: "piece", params: { threadId: "t", itemId: odd, stream: odd, delta: " two " } },
        { id: odd, method: "ask", params: { threadId: odd, processId: odd } },
        { id: odd, result: { thread: odd } },
        { method: "serverRequest/resolved", params: { threadId: "t", requestId: odd } }
      ]
      yield* record(file, messages.map((message) => JSON.stringify(message)), {
        sent: [JSON.stringify({ id: odd, method: "thread/start", params: odd })]
      })
      assert.deepStrictEqual(messagesOf(yield* Recording.read(file)).slice(1), messages.slice(0))
    }).pipe(Effect.scoped))

  it.effect("refuses a file that another recorder writes, also by another name", () =>
    Effect.gen(function*() {
      const file = yield* TemporaryFile.make("run.jsonl")
      const [symbolic, hard] = ["symbolic.jsonl", "hard.jsonl"].map((name) => join(dirname(file), name))
      yield* Effect.gen(function*() {
        const idle = connecting(Stream.never)
        yield* Recorder.make(idle, file)
        Fs.symlinkSync(file, symbolic!)
        Fs.linkSync(file, hard!)
        for (const name of [file, symbolic!, hard!]) {
          const error = yield* Effect.flip(Recorder.make(idle, name))
          assert.include(error.message, "another recorder of this program is writing the file")
        }
      }).pipe(Effect.scoped)
      yield* record(symbolic!, [])
    }).pipe(Effect.scoped))

  it.effect("replaces an older recording, which may be longer", () =>
    Effect.gen(function*() {
      const file = yield* TemporaryFile.make("run.jsonl")
      Fs.writeFileSync(file, "x".repeat(100_000))
      yield* record(file, [])
      assert.lengthOf((yield* Recording.read(file)).entries, 2)
    }).pipe(Effect.scoped))
})
