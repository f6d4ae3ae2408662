import { FakeAppServer, Fixture, Gate } from "@effect-codex/testing"
import { assert, describe } from "@effect/vitest"
import { Codex, CodexClient, CodexError, type Notification, Router } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { collecting, inBackground, liveScenario, scenario } from "./scenario.ts"

const warning = (message: string) => Fixture.line({ method: "warning", params: { threadId: null, message } })

const textOf = (event: Notification.Notification): string => event.method === "warning" ? event.params.message : ""

/** The texts of the warnings that come of what is written. */
const heard = Effect.fnUntraced(function*(count: number, pieces: ReadonlyArray<string | Uint8Array>) {
  const server = yield* FakeAppServer.FakeAppServer
  const client = yield* CodexClient.CodexClient
  const events = yield* collecting(client.notifications, count)
  for (const piece of pieces) yield* server.write(piece)
  return (yield* Fiber.join(events)).map(textOf)
})

const unknownOf = <E>(events: Stream.Stream<Notification.Notification, E>) =>
  Stream.filter(events, (event) => event.method === "$unknown")

const undecodableOf = <E>(events: Stream.Stream<Notification.Notification, E>) =>
  Stream.filterMap(events, (event) => event.method === "$undecodable" ? Result.succeed(event) : Result.failVoid)

const encoder = new TextEncoder()

describe("lines", () => {
  liveScenario(
    "longer than any string end the connection, after what had arrived, with an error that is not retryable",
    () =>
      Effect.gen(function*() {
        const client = yield* CodexClient.CodexClient
        const events = yield* collecting(client.notifications, 1)
        const asking = yield* inBackground(Effect.flip(client.request("model/list", {})))
        const server = yield* FakeAppServer.FakeAppServer
        yield* server.awaitRequest("model/list")
        yield* server.write(warning("before"))
        // The same bytes again and again: they take the memory of one piece.
        const piece = new Uint8Array(2 ** 26).fill(0x78)
        yield* Effect.replicateEffect(server.write(piece), 9, { discard: true })
        const error = yield* Fiber.join(asking)
        assert(error._tag === "CodexConnectionError" && error.reason._tag === "Unreadable")
        assert.isFalse(CodexError.isRetryable(error))
        assert.include(error.message, "more than 536870888 bytes")
        assert.deepStrictEqual((yield* Fiber.join(events)).map(textOf), ["before"])
      }),
    { handlers: { "model/list": () => Effect.never } }
  )

  const logs: Array<string> = []
  scenario(
    "that can't be understood are logged without their text, and counted; reading goes on",
    () =>
      Effect.gen(function*() {
        const bad = [
          "secret, not JSON",
          "{\"secret\":",
          "\"secret\"",
          "42",
          "null",
          "[{\"method\":\"warning\"}]",
          "{\"secret\":true}",
          "{\"method\":7}",
          "{\"method\":\"warning\",\"id\":null,\"params\":{\"message\":\"secret\"}}",
          "{\"method\":\"warning\",\"id\":{},\"params\":{\"message\":\"secret\"}}"
        ]
        const texts = yield* heard(2, [warning("first"), bad.map((line) => `${line}\n`).join(""), warning("last")])
        assert.deepStrictEqual(texts, ["first", "last"])
        assert.strictEqual((yield* Router.Router).stats().badLines, bad.length)
        const warnings = logs.filter((line) => line.startsWith("Warn"))
        assert.include(warnings.join("\n"), "a line of 16 characters is not JSON")
        assert.notInclude(logs.join("\n"), "secret")
      }),
    { logs }
  )

  scenario("that are empty or blank are nothing", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* heard(2, [`\n\n  \n\t\r\n${warning("one")}\r\n\n${warning("two")}`]), [
        "one",
        "two"
      ])
      assert.strictEqual((yield* Router.Router).stats().badLines, 0)
    }))

  scenario("may be split anywhere, in the middle of a character too", () =>
    Effect.gen(function*() {
      const text = "aé€😀 line\u2028separator"
      const bytes = encoder.encode(warning(text))
      const pieces = Array.from(bytes.keys()).flatMap((at) => [bytes.subarray(0, at), bytes.subarray(at)])
      assert.deepStrictEqual(yield* heard(bytes.length, pieces), Array.from(bytes, () => text))
    }))

  scenario("may come byte by byte, or many at once", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 100 }, (_, index) => `message ${index} 😀`)
      const bytes = encoder.encode(warning("héllo 😀"))
      assert.deepStrictEqual(yield* heard(1, Array.from(bytes, (byte) => Uint8Array.of(byte))), ["héllo 😀"])
      assert.deepStrictEqual(yield* heard(100, [many.map(warning).join("")]), many)
      assert.deepStrictEqual(yield* heard(2, [warning("with CRLF").replace("\n", "\r\n"), warning("x")]), [
        "with CRLF",
        "x"
      ])
    }))

  scenario("end with the connection, also without a line break", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const client = yield* CodexClient.CodexClient
      const texts: Array<string> = []
      const reading = yield* client.notifications.pipe(
        Stream.runForEach((event) => Effect.sync(() => void texts.push(textOf(event)))),
        Effect.flip,
        inBackground
      )
      yield* server.write(warning("last words").trimEnd())
      yield* server.crash()
      assert.strictEqual((yield* Fiber.join(reading))._tag, "CodexConnectionError")
      assert.deepStrictEqual(texts, ["last words"])
    }))

  for (const megabytes of [5, 50]) {
    liveScenario(`may have ${megabytes} MB`, () =>
      Effect.gen(function*() {
        const server = yield* FakeAppServer.FakeAppServer
        const thread = yield* (yield* Codex.Codex).threadStart()
        const text = "x€".repeat(megabytes * 250_000)
        const bytes = encoder.encode(
          Fixture.line(Fixture.itemCompleted(thread.id, "turn-1", Fixture.agentMessage(text)))
        )
        yield* server.on("turn/start", () => ({ turn: Fixture.turn({ id: "turn-1" }) }))
        const turn = yield* thread.turn("go")
        const started = process.cpuUsage()
        // As a pipe brings it.
        for (let at = 0; at < bytes.length; at += 65_536) yield* server.write(bytes.subarray(at, at + 65_536))
        yield* server.notifyAll([Fixture.turnCompleted(thread.id, "turn-1")])
        const { finalResponse } = yield* turn.run
        const { system, user } = process.cpuUsage(started)
        const seconds = (system + user) / 1e6
        assert.isTrue(finalResponse === text)
        // Tens of milliseconds for each megabyte; the square of it would be minutes.
        assert.isBelow(seconds, 1 + megabytes / 5)
      }))
  }
})

describe("unknown messages", () => {
  scenario("a notification is `$unknown`, on the route of its ids", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const codex = yield* Codex.Codex
      const gate = yield* Gate.make
      yield* server.enqueue([gate, "done"])
      const thread = yield* codex.threadStart()
      const turn = yield* thread.turn("go")
      yield* gate.arrived
      const [inTurn, inThread, elsewhere, everything] = yield* Effect.all([
        inBackground(Stream.runCollect(unknownOf(turn.stream))),
        collecting(unknownOf(thread.notifications), 2),
        collecting(unknownOf(codex.notifications), 2),
        collecting(unknownOf(codex.client.notifications), 3)
      ])
      const messages = [
        { method: "future/turn", params: { threadId: thread.id, turnId: turn.id, more: [1] } },
        { method: "future/thread", params: { threadId: thread.id } },
        { method: "future/anything", params: 42 }
      ]
      yield* server.write(messages.map(Fixture.line).join(""))
      yield* gate.open
      const unknown = messages.map((raw): Notification.Notification => ({ method: "$unknown", raw }))
      assert.deepStrictEqual(yield* Fiber.join(inTurn), unknown.slice(0, 1))
      assert.deepStrictEqual(yield* Fiber.join(inThread), unknown.slice(0, 2))
      assert.deepStrictEqual(yield* Fiber.join(elsewhere), unknown.slice(1))
      assert.deepStrictEqual(yield* Fiber.join(everything), unknown)
    }))

  scenario("a variant is `$unknown`, and its siblings are typed", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const thread = yield* (yield* Codex.Codex).threadStart()
      const future = { type: "hologram", id: "item-2", depth: 3 }
      const newer = { type: "smell", intensity: 11 }
      const user = {
        type: "userMessage",
        id: "item-1",
        content: [{ type: "text", text: "hi", text_elements: [] }, newer, { type: "image", url: "data:," }]
      }
      const item = (item: unknown) => ({
        method: "item/completed",
        params: { threadId: thread.id, turnId: "turn-1", item, completedAtMs: 0 }
      })
      yield* server.on("turn/start", () =>
        Effect.as(
          server.write(
            [item(user), item(future), ...Fixture.turnEvents({ threadId: thread.id, turnId: "turn-1", deltas: ["a"] })]
              .map(Fixture.line).join("")
          ),
          { turn: Fixture.turn({ id: "turn-1" }) }
        ))
      const result = yield* thread.run("go")
      assert.strictEqual(result.finalResponse, "a")
      assert.deepStrictEqual(result.items.map((item) => item.type), ["userMessage", "$unknown", "agentMessage"])
      assert.deepStrictEqual(result.items[1], { type: "$unknown", raw: future })
      const [first] = result.items
      assert.deepStrictEqual(first?.type === "userMessage" && first.content.map(({ type }) => type), [
        "text",
        "$unknown",
        "image"
      ])
      assert.deepStrictEqual(first?.type === "userMessage" && first.content[1], { type: "$unknown", raw: newer })
    }))

  scenario("a member of an enum stays unchanged", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const codex = yield* Codex.Codex
      const thread = yield* codex.threadStart()
      yield* server.enqueue({ deltas: ["aside"], phase: "soliloquy" })
      const result = yield* thread.run("go")
      const [item] = result.items
      assert.strictEqual(item?.type === "agentMessage" && item.phase, "soliloquy")
      assert.isNull(result.finalResponse)

      yield* server.on("turn/start", () =>
        Effect.as(
          server.notifyAll([Fixture.turnCompleted(thread.id, "turn-x", { status: "suspended" })]),
          { turn: Fixture.turn({ id: "turn-x" }) }
        ))
      assert.strictEqual((yield* thread.run("go")).status, "suspended")

      yield* server.on("thread/start", () =>
        FakeAppServer.verbatim({
          ...Fixture.openedThread(Fixture.thread({ id: "thread-x" })),
          approvalPolicy: "when-bored",
          sandbox: { type: "bubble" },
          serviceTier: "priority",
          reasoningEffort: "ultra"
        }))
      assert.strictEqual((yield* codex.threadStart()).id, "thread-x")
    }))

  scenario("fields are kept in `raw`", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const client = yield* CodexClient.CodexClient
      const events = yield* collecting(client.notifications, 1)
      const message = { method: "warning", params: { threadId: null, message: "hm", severity: 3 }, emittedAtMs: 12 }
      yield* server.write(Fixture.line(message))
      const [event] = yield* Fiber.join(events)
      assert.strictEqual(event?.method, "warning")
      assert.deepStrictEqual(event?.raw, message)
    }))
})

describe("known messages that can't be read", () => {
  scenario("a notification is `$undecodable` on its route, and the turn continues", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const codex = yield* Codex.Codex
      const thread = yield* codex.threadStart()
      const gate = yield* Gate.make
      yield* server.enqueue([gate, "done"])
      const turn = yield* thread.turn("go")
      yield* gate.arrived
      const [inTurn, inThread, elsewhere] = yield* Effect.all([
        inBackground(Stream.runCollect(undecodableOf(turn.stream))),
        collecting(undecodableOf(thread.notifications), 3),
        collecting(undecodableOf(codex.notifications), 4)
      ])
      const ids = { threadId: thread.id, turnId: turn.id }
      const bad = [
        { method: "item/completed", params: { ...ids, item: Fixture.agentMessage("m"), completedAtMs: "soon" } },
        { method: "item/agentMessage/delta", params: { ...ids, itemId: "m", delta: 7 } },
        { method: "thread/name/updated", params: { threadId: thread.id, threadName: 7 } },
        { method: "warning", params: [] },
        { method: "warning", params: null },
        { method: "warning" }
      ]
      yield* server.write(bad.map(Fixture.line).join(""))
      yield* gate.open
      const turns = yield* Fiber.join(inTurn)
      assert.deepStrictEqual(turns.map(({ raw }) => raw), bad.slice(0, 2))
      assert.include(turns[0]?.issue, "[\"completedAtMs\"]")
      assert.include(turns[1]?.issue, "[\"delta\"]")
      assert.deepStrictEqual((yield* Fiber.join(inThread)).map(({ raw }) => raw), bad.slice(0, 3))
      assert.deepStrictEqual((yield* Fiber.join(elsewhere)).map(({ raw }) => raw), bad.slice(2))
      const result = yield* turn.run
      assert.strictEqual(result.finalResponse, "done")
      assert.lengthOf(result.items, 1)
    }))

  scenario(
    "an item is `$unknown` in the result, and a part of one costs no more than that part",
    () =>
      Effect.gen(function*() {
        const server = yield* FakeAppServer.FakeAppServer
        const thread = yield* (yield* Codex.Codex).threadStart()
        const gate = yield* Gate.make
        yield* server.enqueue([gate, "done"])
        const turn = yield* thread.turn("go")
        yield* gate.arrived
        const { memoryCitation: _, ...message } = Fixture.agentMessage("Before.", { id: "before" })
        const malformed = { type: "agentMessage", id: "malformed" }
        const items = [{ ...message, memoryCitation: { entries: "of another shape" } }, malformed]
        for (const item of items) {
          const params = { threadId: thread.id, turnId: turn.id, item, completedAtMs: 0 }
          yield* server.write(Fixture.line({ method: "item/completed", params }))
        }
        yield* gate.open
        const result = yield* turn.run
        assert.strictEqual(result.finalResponse, "done")
        assert.deepStrictEqual<unknown>(result.items.slice(0, 2), [
          message,
          { type: "$unknown", raw: malformed, issue: "Missing key at [\"text\"]" }
        ])
      })
  )

  scenario("a turn/completed ends its turn with CodexDecodeError, and frees the thread", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const thread = yield* (yield* Codex.Codex).threadStart()
      yield* server.on("turn/start", () => ({ turn: Fixture.turn({ id: "turn-1" }) }))
      const turn = yield* thread.turn("go")
      const bad = { method: "turn/completed", params: { threadId: thread.id, turn: { id: "turn-1", status: 7 } } }
      yield* server.write(Fixture.line(bad))
      const error = yield* Effect.flip(turn.run)
      assert.isTrue(error._tag === "CodexDecodeError" && error.method === "turn/completed" && error.turnId === "turn-1")
      const seen: Array<Notification.Notification> = []
      const ending = yield* turn.stream.pipe(
        Stream.runForEach((event) => Effect.sync(() => void seen.push(event))),
        Effect.flip
      )
      assert.strictEqual(ending, error)
      assert.deepStrictEqual(seen.map(({ method }) => method), ["$undecodable"])
      assert.strictEqual(yield* Effect.flip(Stream.runDrain(turn.text)), error)
      yield* server.on("turn/start", (_, { byDefault }) => byDefault)
      assert.strictEqual((yield* thread.run("again")).status, "completed")
    }))

  scenario("an answer is a CodexDecodeError, for its caller alone", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const client = yield* CodexClient.CodexClient
      const good = yield* Gate.make
      yield* server.on("account/read", (_, { byDefault }) => Effect.andThen(good.pass, byDefault))
      yield* server.on("model/list", () => FakeAppServer.verbatim({ data: [{ id: "m" }] }))
      const other = yield* inBackground(client.request("account/read", {}))
      const error = yield* Effect.flip(client.request("model/list", {}))
      assert.isTrue(error._tag === "CodexDecodeError" && error.method === "model/list")
      assert.include(error.message, "[\"data\"][0]")
      yield* good.open
      assert.isFalse((yield* Fiber.join(other)).requiresOpenaiAuth)
      for (const nothing of [undefined, null, 7, "text", []]) {
        yield* server.on("model/list", () => FakeAppServer.verbatim(nothing))
        assert.strictEqual((yield* Effect.flip(client.request("model/list", {})))._tag, "CodexDecodeError")
      }
    }))
})

describe("older servers", () => {
  const withoutNulls = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(withoutNulls)
      : typeof value === "object" && value !== null
      ? Object.fromEntries(
        Object.entries(value).flatMap(([key, field]) => field === null ? [] : [[key, withoutNulls(field)]])
      )
      : value

  scenario("may omit every key that is nullable", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const codex = yield* Codex.Codex
      yield* server.on("thread/start", () =>
        FakeAppServer.verbatim(withoutNulls(Fixture.openedThread(Fixture.thread({ id: "old" })))))
      yield* server.on("thread/read", () =>
        FakeAppServer.verbatim(withoutNulls({ thread: Fixture.thread({ id: "old" }) })))
      yield* server.on("turn/start", () =>
        Effect.as(
          server.write(
            Fixture.turnEvents({ threadId: "old", turnId: "turn-1", deltas: ["fine"], phase: null }).map((event) =>
              Fixture.line(withoutNulls(event) as object)
            ).join("")
          ),
          FakeAppServer.verbatim({ turn: { id: "turn-1" } })
        ))
      const thread = yield* codex.threadStart()
      assert.strictEqual((yield* thread.read()).id, "old")
      const result = yield* thread.run("go")
      assert.strictEqual(result.finalResponse, "fine")
      assert.isNull(result.error)
    }), { version: "0.130.0" })

  scenario("may leave times and usage out of a turn", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const thread = yield* (yield* Codex.Codex).threadStart()
      yield* server.on("turn/start", () =>
        Effect.as(
          server.notify(
            "turn/completed",
            FakeAppServer.verbatim({
              threadId: thread.id,
              turn: { id: "turn-1", items: [], status: "completed" }
            })
          ),
          { turn: Fixture.turn({ id: "turn-1" }) }
        ))
      assert.deepStrictEqual(yield* thread.run("go"), {
        threadId: thread.id,
        id: "turn-1",
        status: "completed",
        error: null,
        startedAt: null,
        completedAt: null,
        durationMs: null,
        finalResponse: null,
        items: [],
        usage: null,
        subagents: { running: 0, stopped: 0 }
      })
    }))
})
