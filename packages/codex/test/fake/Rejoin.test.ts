/** Turns after a lost connection, where the server responds in ways that the real one cannot be made to on demand. */
import { FakeAppServer, Fixture } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex, CodexError, Router, Transport } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { agentTexts } from "../real/utils.ts"
import { connected } from "../sockets/behindProxy.ts"
import { idle, inBackground, type Services } from "./scenario.ts"

const disconnected = new CodexError.CodexConnectionError({ reason: { _tag: "Disconnected" } })

/** The method of the request that cannot be written, once. */
let unwritable: string | undefined

/** A transport to a server that keeps running when the connection is lost. */
const surviving = Layer.effect(
  Transport.Transport,
  Effect.map(Transport.Transport, (transport) => ({
    ...transport,
    connect: Effect.map(transport.connect, (connection) => ({
      ...connection,
      serverContinues: true,
      send: (message: string) =>
        Effect.suspend(() => {
          if (unwritable === undefined || !message.includes(unwritable)) return connection.send(message)
          unwritable = undefined
          return Effect.fail(disconnected)
        })
    }))
  }))
)

const remote = <E>(
  name: string,
  run: () => Effect.Effect<void, E, Services>,
  { clock = "live", ...options }: FakeAppServer.Options & { readonly clock?: "live" | "test" } = {}
) =>
  (clock === "live" ? it.live : it.effect)(name, () =>
    run().pipe(
      // The time of a test clock passes as fast as the server answers.
      (test) => clock === "live" ? test : Effect.raceFirst(test, Effect.forever(TestClock.adjust("10 millis"))),
      // A request with which the client catches up may be in flight.
      Effect.andThen(Effect.flatMap(Router.Router, ({ stats }) =>
        Effect.repeat(Effect.sync(stats), {
          until: ({ pending }) => pending === 0,
          schedule: Schedule.spaced("5 millis")
        }))),
      Effect.andThen(idle),
      Effect.provide(
        Codex.layerTransport({ restart: Schedule.recurs(10) }).pipe(
          Layer.provideMerge(Layer.provideMerge(surviving, FakeAppServer.layer(options)))
        )
      )
    ))

type Turn = ReturnType<typeof Fixture.turn>

const ended = (id: string, items: Turn["items"]) => Fixture.turn({ id, status: "completed", items })

const user = (id: string, clientId: string): Turn["items"][number] => ({
  type: "userMessage",
  id,
  clientId,
  content: []
})

const message = (id: string, text: string) => Fixture.agentMessage(text, { id })

const idsOf = (items: Turn["items"]) => items.map((item) => "id" in item ? item.id : undefined)

const noRollout = new FakeAppServer.RpcError({ code: -32600, message: "no rollout found for thread id" })

/** A thread on a server that starts each turn with the next of these ids, and does nothing else by itself. */
const setup = Effect.gen(function*() {
  const server = yield* FakeAppServer.FakeAppServer
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  const { id: threadId } = thread
  const countOf = (method: string) =>
    Effect.map(server.requests, (all) => all.filter((request) => request.method === method).length)
  const tokenUsage = (turnId: string, total: number, on = threadId) =>
    Fixture.tokenUsage(
      on,
      turnId,
      Fixture.tokens({ totalTokens: 10 }),
      Fixture.tokens({ totalTokens: total })
    )
  return {
    server,
    codex,
    thread,
    threadId,
    countOf,
    tokenUsage,
    /** The turn with this id starts, when the client asks for one. */
    starts: (turnId: string) =>
      server.on("turn/start", () =>
        Effect.as(
          Effect.forkDetach(server.notifyAll([Fixture.turnStarted(threadId, turnId)])),
          { turn: Fixture.turn({ id: turnId }) }
        )),
    /** The histories of the thread, one for each time that the client asks for all turns. The last one stays. */
    histories: (...histories: ReadonlyArray<ReadonlyArray<Turn> | FakeAppServer.RpcError>) => {
      let next = 0
      return server.on("thread/resume", ({ excludeTurns }) => {
        const turns = histories[Math.min(next, histories.length - 1)]!
        if (turns instanceof FakeAppServer.RpcError) {
          next++
          return Effect.fail(turns)
        }
        if (excludeTurns !== true) {
          next++
          return Fixture.openedThread(Fixture.thread({ id: threadId, turns }))
        }
        // A page, which may begin later than the thread.
        return FakeAppServer.verbatim({
          ...Fixture.openedThread(Fixture.thread({ id: threadId })),
          initialTurnsPage: { data: turns.toReversed(), nextCursor: "more" }
        })
      })
    },
    /** The server repeats the usage before its response to this many-th request. */
    repeats: (usage: Fixture.Notification, at: number) => {
      let looks = 0
      return server.on(
        "thread/loaded/list",
        () => Effect.as(++looks === at ? server.notifyAll([usage]) : Effect.void, FakeAppServer.verbatim({ data: [] }))
      )
    },
    lose: server.crash(disconnected)
  }
})

describe("a turn that ended while the connection was lost", () => {
  remote("waits for its usage, which the server repeats late", () =>
    Effect.gen(function*() {
      const { histories, lose, repeats, server, starts, thread, threadId, tokenUsage } = yield* setup
      yield* starts("turn-1")
      const turn = yield* thread.turn("go")
      yield* server.notifyAll([tokenUsage("turn-1", 10)])
      yield* histories([ended("turn-1", [message("m", "hello")])])
      yield* repeats(tokenUsage("turn-1", 40), 3)
      yield* lose
      const result = yield* turn.run
      assert.deepStrictEqual(agentTexts(result), ["hello"])
      assert.strictEqual(result.usage?.turn.totalTokens, 40)
      assert.strictEqual(result.threadId, threadId)
    }))

  remote("completes also if the server does not repeat its usage", () =>
    Effect.gen(function*() {
      const { countOf, histories, lose, server, starts, thread, tokenUsage, repeats } = yield* setup
      yield* starts("turn-1")
      const turn = yield* thread.turn("go")
      yield* server.notifyAll([tokenUsage("turn-1", 10)])
      yield* histories([ended("turn-1", [message("m", "hello")])])
      yield* repeats(tokenUsage("turn-1", 40), Infinity)
      yield* lose
      const result = yield* turn.run
      assert.deepStrictEqual(agentTexts(result), ["hello"])
      assert.strictEqual(result.usage?.turn.totalTokens, 10)
      assert.strictEqual(yield* countOf("thread/loaded/list"), 6)
    }))

  remote(
    "counts the tokens since the thread's last report when all reports of its own were missed",
    () =>
      Effect.gen(function*() {
        const { histories, lose, repeats, server, starts, thread, threadId, tokenUsage } = yield* setup
        yield* starts("turn-1")
        const first = yield* thread.turn("first")
        yield* server.notifyAll([tokenUsage("turn-1", 100), Fixture.turnCompleted(threadId, "turn-1")])
        assert.strictEqual((yield* first.run).status, "completed")
        yield* starts("turn-2")
        const turn = yield* thread.turn("second")
        yield* histories([ended("turn-1", []), ended("turn-2", [message("m", "hello")])])
        yield* repeats(tokenUsage("turn-2", 130), 2)
        yield* lose
        assert.strictEqual((yield* turn.run).usage?.turn.totalTokens, 30)
      })
  )
})

describe("a sub-agent that ended while the connection was lost", () => {
  remote("counts with its usage, which the server repeats late", () =>
    Effect.gen(function*() {
      const { lose, repeats, server, starts, thread, threadId, tokenUsage } = yield* setup
      yield* starts("turn-1")
      const turn = yield* thread.turn("go")
      const child = { id: "child", parentThreadId: threadId }
      const started = { ...Fixture.turn({ id: "child-turn" }), rootTurnId: "turn-1" }
      yield* server.notifyAll([
        { method: "thread/started", params: { thread: Fixture.thread(child) } },
        { method: "turn/started", params: { threadId: "child", turn: started } }
      ])
      yield* server.on("thread/resume", ({ threadId: id }) =>
        Fixture.openedThread(Fixture.thread(
          id === "child"
            ? { ...child, turns: [ended("child-turn", [])] }
            : { id, turns: [Fixture.turn({ id: "turn-1" })] }
        )))
      yield* repeats(tokenUsage("child-turn", 10, "child"), 3)
      yield* lose
      yield* server.awaitRequest("thread/loaded/list", 2)
      yield* server.on("thread/resume", () =>
        Fixture.openedThread(Fixture.thread({ id: threadId, turns: [ended("turn-1", [])] })))
      yield* server.notifyAll([tokenUsage("turn-1", 20), Fixture.turnCompleted(threadId, "turn-1")])
      assert.strictEqual((yield* turn.run).usage?.subagents.totalTokens, 10)
    }))
})

describe("a turn that completes after a lost connection", () => {
  remote("waits until the history is as recent as its completion", () =>
    Effect.gen(function*() {
      const { codex, countOf, histories, lose, repeats, server, starts, thread, threadId, tokenUsage } = yield* setup
      yield* starts("turn-1")
      const turn = yield* thread.turn("go")
      const running = Fixture.turn({ id: "turn-1", items: [message("a", "one")] })
      yield* histories(
        [running],
        [{ ...running, status: "interrupted" }],
        [ended("turn-1", [message("a", "one"), message("b", "two")])]
      )
      yield* repeats(tokenUsage("turn-1", 10), 2)
      yield* lose
      yield* connected(codex, 2)
      const events = yield* inBackground(Stream.runCollect(turn.stream))
      yield* server.notifyAll([Fixture.turnCompleted(threadId, "turn-1")])
      const result = yield* turn.run
      assert.strictEqual(result.status, "completed")
      assert.deepStrictEqual(agentTexts(result), ["one", "two"])
      assert.strictEqual(result.usage?.turn.totalTokens, 10)
      assert.strictEqual((yield* Fiber.join(events)).filter(({ method }) => method === "turn/completed").length, 1)
      // Once to catch up, then until the history shows the completion.
      assert.strictEqual(yield* countOf("thread/resume"), 4)
    }))

  remote(
    "goes on, although the history has reported it as interrupted right at its start",
    () =>
      Effect.gen(function*() {
        const { codex, histories, lose, repeats, server, starts, thread, threadId, tokenUsage } = yield* setup
        yield* starts("turn-1")
        const turn = yield* thread.turn("go")
        yield* histories([Fixture.turn({ id: "turn-1", status: "interrupted" })])
        yield* server.on("thread/loaded/list", () =>
          Effect.as(
            server.notifyAll([Fixture.turnStarted(threadId, "turn-1"), tokenUsage("turn-1", 10)]),
            FakeAppServer.verbatim({ data: [] })
          ))
        yield* lose
        yield* connected(codex, 2)
        yield* histories([ended("turn-1", [message("a", "one")])])
        yield* repeats(tokenUsage("turn-1", 20), 1)
        yield* server.notifyAll([Fixture.turnCompleted(threadId, "turn-1")])
        const result = yield* turn.run
        assert.strictEqual(result.status, "completed")
        assert.deepStrictEqual(agentTexts(result), ["one"])
      })
  )
})

describe("a start whose response was lost", () => {
  const begin = Effect.gen(function*() {
    const all = yield* setup
    yield* all.server.on("turn/start", () => Effect.never)
    const running = yield* inBackground(all.thread.run("go"))
    const { params } = yield* all.server.awaitRequest("turn/start")
    return { ...all, running, mine: user("u", String(params.clientUserMessageId)) }
  })

  remote("is found when a later history has its message", () =>
    Effect.gen(function*() {
      const { countOf, histories, lose, mine, repeats, running, tokenUsage } = yield* begin
      const turn = Fixture.turn({ id: "turn-1" })
      yield* histories([], [turn], [turn], [ended("turn-1", [mine, message("m", "hello")])])
      yield* repeats(tokenUsage("turn-1", 10), 1)
      yield* lose
      assert.deepStrictEqual(agentTexts(yield* Fiber.join(running)), ["hello"])
      assert.strictEqual(yield* countOf("turn/start"), 1)
    }))

  remote(
    "is found when the server has stored its thread, which it refused to resume before",
    () =>
      Effect.gen(function*() {
        const { countOf, histories, lose, mine, repeats, running, server, threadId, tokenUsage } = yield* begin
        yield* histories(noRollout, noRollout, noRollout, [ended("turn-1", [mine, message("m", "hello")])])
        yield* server.on("thread/read", () => ({
          thread: Fixture.thread({ id: threadId, status: { type: "active", activeFlags: [] } })
        }))
        yield* repeats(tokenUsage("turn-1", 10), 1)
        yield* lose
        assert.deepStrictEqual(agentTexts(yield* Fiber.join(running)), ["hello"])
        assert.strictEqual(yield* countOf("turn/start"), 1)
        assert.strictEqual(yield* countOf("thread/read"), 3)
      })
  )

  for (const isReadable of [true, false]) {
    remote(
      `is found when the server could not read its files${isReadable ? "" : ", and nothing of the thread"}`,
      () =>
        Effect.gen(function*() {
          const { countOf, histories, lose, mine, repeats, running, server, threadId, tokenUsage } = yield* begin
          const unreadable = new FakeAppServer.RpcError({
            code: -32600,
            message: "failed to read thread: thread-store internal error: failed to read session metadata"
          })
          yield* histories(unreadable, unreadable, unreadable, [ended("turn-1", [mine, message("m", "hello")])])
          yield* server.on(
            "thread/read",
            () => isReadable ? { thread: Fixture.thread({ id: threadId }) } : Effect.fail(unreadable)
          )
          yield* repeats(tokenUsage("turn-1", 10), 1)
          yield* lose
          assert.deepStrictEqual(agentTexts(yield* Fiber.join(running)), ["hello"])
          assert.strictEqual(yield* countOf("turn/start"), 1)
        })
    )
  }
})

describe("the first turn of a thread, which the server has accepted,", () => {
  remote(
    "is followed when the server has stored its thread, which it refused to resume before",
    () =>
      Effect.gen(function*() {
        const { countOf, histories, lose, repeats, server, thread, threadId, tokenUsage } = yield* setup
        yield* server.on("turn/start", () => ({ turn: Fixture.turn({ id: "turn-1" }) }))
        const turn = yield* thread.turn("go")
        // The thread is idle until the turn begins.
        yield* server.on("thread/read", () => ({ thread: Fixture.thread({ id: threadId }) }))
        yield* histories(noRollout, noRollout, noRollout, [ended("turn-1", [message("m", "hello")])])
        yield* repeats(tokenUsage("turn-1", 10), 1)
        yield* lose
        assert.deepStrictEqual(agentTexts(yield* turn.run), ["hello"])
        assert.strictEqual(yield* countOf("thread/read"), 3)
      })
  )

  remote("fails, when the server never stores its thread", () =>
    Effect.gen(function*() {
      const { countOf, histories, lose, server, thread, threadId } = yield* setup
      yield* server.on("turn/start", () => ({ turn: Fixture.turn({ id: "turn-1" }) }))
      const turn = yield* thread.turn("go")
      yield* server.on("thread/read", () => ({ thread: Fixture.thread({ id: threadId }) }))
      yield* histories(noRollout)
      yield* lose
      const error = yield* Effect.flip(turn.run)
      assert(error._tag === "CodexConnectionError")
      assert.strictEqual(error.reason._tag, "NotRejoined")
      // For five seconds, with a pause of 50 ms.
      assert.strictEqual(yield* countOf("thread/read"), 101)
    }), { clock: "test" })

  remote(
    "is followed when it could not be written on the connection that loaded its thread",
    () =>
      Effect.gen(function*() {
        const { countOf, histories, lose, repeats, server, thread, threadId, tokenUsage } = yield* setup
        yield* server.on("turn/start", () =>
          Effect.as(
            histories(noRollout, [ended("turn-1", [message("m", "hello")])]),
            { turn: Fixture.turn({ id: "turn-1" }) }
          ))
        yield* server.on("thread/read", () => ({ thread: Fixture.thread({ id: threadId }) }))
        yield* histories(noRollout)
        yield* repeats(tokenUsage("turn-1", 10), 1)
        unwritable = "turn/start"
        const running = yield* inBackground(thread.run("go"))
        yield* Effect.repeat(Effect.andThen(Effect.yieldNow, Effect.sync(() => unwritable)), {
          until: (method) => method === undefined
        })
        yield* lose
        assert.deepStrictEqual(agentTexts(yield* Fiber.join(running)), ["hello"])
        assert.strictEqual(yield* countOf("turn/start"), 1)
      })
  )
})

/** The events of a turn, as the server sends them while the client is connected. */
const live = (threadId: string, clientId: string) => [
  Fixture.turnStarted(threadId, "turn-1"),
  Fixture.itemStarted(threadId, "turn-1", user("live-1", clientId)),
  Fixture.itemCompleted(threadId, "turn-1", user("live-1", clientId)),
  Fixture.itemStarted(threadId, "turn-1", message("live-2", "")),
  Fixture.delta(threadId, "turn-1", "hello", "live-2"),
  Fixture.itemCompleted(threadId, "turn-1", message("live-2", "hello"))
]

describe("on a server before 0.169", () => {
  const options = { version: "0.150.0" }

  remote("a turn that was started again has each item once", () =>
    Effect.gen(function*() {
      const { countOf, histories, lose, server, thread, threadId, tokenUsage, repeats } = yield* setup
      yield* server.on("turn/start", () => Effect.never)
      yield* histories([])
      const running = yield* inBackground(thread.run("go"))
      yield* server.awaitRequest("turn/start")
      yield* server.on("turn/start", ({ clientUserMessageId }) =>
        Effect.gen(function*() {
          const clientId = String(clientUserMessageId)
          yield* histories([ended("turn-1", [user("item-1", clientId), message("item-2", "hello")])])
          yield* Effect.forkDetach(
            server.notifyAll([...live(threadId, clientId), Fixture.turnCompleted(threadId, "turn-1")])
          )
          return { turn: Fixture.turn({ id: "turn-1" }) }
        }))
      yield* repeats(tokenUsage("turn-1", 10), 1)
      yield* lose
      const { items } = yield* Fiber.join(running)
      assert.deepStrictEqual(idsOf(items), ["live-1", "live-2"])
      assert.strictEqual(yield* countOf("turn/start"), 2)
    }), options)

  for (const version of ["0.150.0", "0.160.0"]) {
    const isKept = version === "0.160.0"
    const outcome = isKept ? "is complete" : "fails, because the history has no tool calls"
    remote(`${version}, a turn that ended meanwhile ${outcome}`, () =>
      Effect.gen(function*() {
        const { histories, lose, repeats, server, threadId, thread, tokenUsage } = yield* setup
        yield* server.on("turn/start", () => ({ turn: Fixture.turn({ id: "turn-1" }) }))
        const turn = yield* thread.turn("go")
        const events = yield* inBackground(Stream.runCollect(turn.stream))
        const { params } = yield* server.awaitRequest("turn/start")
        const clientId = String(params.clientUserMessageId)
        yield* server.notifyAll(live(threadId, clientId))
        yield* histories([ended(
          "turn-1",
          isKept
            ? [user("live-1", clientId), message("live-2", "hello"), message("live-3", "bye")]
            : [user("item-1", clientId), message("item-2", "hello"), message("item-3", "bye")]
        )])
        yield* repeats(tokenUsage("turn-1", 10), 1)
        yield* lose
        if (isKept) {
          const { items } = yield* turn.run
          assert.deepStrictEqual(idsOf(items), ["live-1", "live-2", "live-3"])
          assert.strictEqual((yield* Fiber.join(events)).filter(({ method }) => method === "item/completed").length, 3)
        } else {
          const error = yield* Effect.flip(turn.run)
          assert(error._tag === "CodexConnectionError")
          assert.strictEqual(error.reason._tag, "NotRejoined")
          assert.include(error.message, "tool calls")
          assert.deepStrictEqual(yield* Effect.flip(Fiber.join(events)), error)
        }
      }), { version })
  }
})
