import { CodexHome, Gate, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { assert, describe, it, layer } from "@effect/vitest"
import { Codex, CodexClient, CodexError, type Notification, ProcessOptions } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { deltas, idle, processesOf, scripted, serverOf, setup, withCodex } from "./utils.ts"

/** A home for processes that come and go. */
const home = CodexHome.layer().pipe(Layer.provideMerge(ScriptedModel.layer(TestCodex.echo)))

/** Nothing that ran in this home runs any more. */
const nothingIsLeft = CodexHome.CodexHome.use(({ codexHome }) =>
  Effect.map(processesOf(codexHome), (pids) => assert.deepStrictEqual(pids, []))
)

/** Runs what is to fail, at once, in a fiber of its own. */
const failing = (effect: Effect.Effect<unknown, CodexError.CodexError>) =>
  Effect.forkChild(Effect.flip(effect), { startImmediately: true })

/** Sends a signal to the app-server. */
const signal = (name: NodeJS.Signals) =>
  CodexHome.CodexHome.use(({ codexHome }) => Effect.map(serverOf(codexHome), (pid) => process.kill(pid, name)))

layer(TestCodex.layer({ client: { clientInfo: { name: "tester", version: "1.2.3" } } }), {
  excludeTestServices: true
})("a process", (it) => {
  it.effect("reports its metadata", () =>
    Effect.gen(function*() {
      const { codex, home } = yield* setup
      const { metadata } = codex
      assert.match(metadata.userAgent, /^tester\/\d+\.\d+\.\d+ /)
      assert.strictEqual(metadata.serverName, "tester")
      assert.match(metadata.serverVersion, /^\d+\.\d+\.\d+/)
      assert.strictEqual(metadata.codexHome, home.codexHome)
      assert.deepStrictEqual(codex.client.metadata, metadata)
    }))

  it.effect("answers every method of the protocol, by its name", () =>
    Effect.gen(function*() {
      const client = yield* CodexClient.CodexClient
      const { model } = yield* setup
      yield* model.enqueue(Reply.text("hello"))
      const { data } = yield* client.request("model/list", {})
      assert.isNotEmpty(data)
      const { thread } = yield* client.request("thread/start", {})
      assert.isNotEmpty(thread.id)
      const completed = yield* client.notifications.pipe(
        Stream.filter((event) => event.method === "turn/completed"),
        Stream.runHead,
        Effect.forkChild({ startImmediately: true })
      )
      const { turn } = yield* client.request("turn/start", {
        threadId: thread.id,
        input: [{ type: "text", text: "hi", text_elements: [] }]
      })
      const event = yield* Effect.fromOption(yield* Fiber.join(completed))
      assert.strictEqual(event.params.turn.id, turn.id)
      const answer = yield* client.request("config/read", { includeLayers: false })
      assert.strictEqual(answer.config.model, "mock-model")
    }))
})

describe.concurrent("a process that is killed", () => {
  it.live("fails everything that waits for it, at once and for good", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.text("done"), Reply.message({ deltas: ["half a sen", gate] }))
      const thread = yield* codex.threadStart()
      const other = yield* codex.threadStart()
      const ended = yield* thread.turn("first")
      const { finalResponse } = yield* ended.run

      const turn = yield* thread.turn("second")
      const seen: Array<Notification.Notification> = []
      const heard = yield* Deferred.make<void>()
      const see = (event: Notification.Notification) =>
        Effect.suspend(() => {
          seen.push(event)
          return deltas([event]).length > 0 ? Deferred.succeed(heard, void 0) : Effect.void
        })
      const waiting: ReadonlyArray<Effect.Effect<unknown, CodexError.CodexError>> = [
        Stream.runForEach(turn.stream, see),
        turn.run,
        Stream.runDrain(turn.text),
        Stream.runDrain(turn.items),
        thread.run("behind the second"),
        thread.compact,
        Stream.runDrain(thread.notifications),
        Stream.runDrain(codex.notifications),
        Stream.runDrain(codex.client.notifications),
        Effect.flatMap(codex.client.closed, Effect.fail)
      ]
      const fibers = yield* Effect.forEach(waiting, failing)
      yield* Deferred.await(heard)

      // A process that is stopped answers nothing: these wait for an answer when it is killed.
      yield* signal("SIGSTOP")
      const asking = yield* Effect.forEach(
        [codex.threadRead(thread.id), other.run("never answered"), Stream.runDrain(other.stream("nor this one"))],
        failing
      )
      yield* signal("SIGKILL")

      const errors = yield* Effect.forEach([...fibers, ...asking], Fiber.join)
      const [first] = errors
      assert.instanceOf(first, CodexError.CodexConnectionError)
      assert.deepInclude(first.reason, { _tag: "Exited", signal: "SIGKILL", exitCode: null })
      assert.include(first.message, "SIGKILL")
      assert.isTrue(CodexError.isRetryable(first))
      for (const error of errors) assert.strictEqual(error, first)
      // The events that had arrived were delivered first.
      assert.deepStrictEqual(deltas(seen), ["half a sen"])

      const later: ReadonlyArray<Effect.Effect<unknown, CodexError.CodexError>> = [
        codex.threadStart(),
        thread.run("later"),
        thread.read(),
        thread.compact,
        turn.run,
        turn.steer("later"),
        Stream.runDrain(turn.stream),
        Stream.runDrain(thread.stream("later")),
        Stream.runDrain(thread.notifications),
        Stream.runDrain(codex.models()),
        Stream.runDrain(codex.threadList()),
        Stream.runDrain(codex.client.notifications)
      ]
      for (const call of later) assert.strictEqual(yield* Effect.flip(call), first)

      assert.strictEqual(finalResponse, "done")
      assert.strictEqual((yield* ended.run).finalResponse, "done")
      const rest = yield* Stream.runCollect(ended.stream)
      assert.strictEqual(rest.at(-1)?.method, "turn/completed")
      assert.deepInclude(router.stats(), idle)
    }).pipe(scripted))

  it.live("by SIGTERM reports its exit code", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(Reply.hang)
      const thread = yield* codex.threadStart()
      const turn = yield* thread.turn("go")
      yield* model.awaitRequest(0)
      yield* signal("SIGTERM")
      const error = yield* Effect.flip(turn.run)
      assert(error._tag === "CodexConnectionError")
      assert.deepInclude(error.reason, { _tag: "Exited", exitCode: 0, signal: null })
      for (const later of [thread.read(), thread.run("later")]) {
        assert.strictEqual(yield* Effect.flip<unknown, CodexError.CodexError, never>(later), error)
      }
    }).pipe(scripted))
})

describe.concurrent("nothing is left", () => {
  it.live("when the scope closes", () =>
    Effect.gen(function*() {
      yield* withCodex((codex) =>
        Effect.gen(function*() {
          const thread = yield* codex.threadStart()
          assert.strictEqual((yield* thread.run("hello")).finalResponse, "hello")
          assert.isNotEmpty(yield* processesOf((yield* CodexHome.CodexHome).codexHome))
        })
      )
      yield* nothingIsLeft
    }).pipe(Effect.provide(home)))

  it.live("when the scope closes while turns and a command run, and soon", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.ScriptedModel
      yield* model.enqueue(
        Reply.functionCall({ name: "exec_command", arguments: { cmd: "sleep 60", yield_time_ms: 30_000 } }),
        Reply.hang
      )
      const closing = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(withCodex((codex) =>
        Effect.gen(function*() {
          const thread = yield* codex.threadStart({ sandbox: "fullAccess" })
          const turn = yield* thread.turn("sleep")
          yield* turn.stream.pipe(
            Stream.takeUntil((event) =>
              event.method === "item/started" && event.params.item.type === "commandExecution"
            ),
            Stream.runDrain
          )
          const other = yield* codex.threadStart()
          const running = yield* Effect.forkDetach(Effect.flip(other.run("hang")))
          yield* model.awaitRequest(1)
          yield* Deferred.succeed(closing, void 0)
          return { running, turn }
        }), { shutdownGrace: "30 seconds" }))
      yield* Deferred.await(closing)
      const [time, { running, turn }] = yield* Effect.timed(Fiber.join(fiber))
      // Long before the process would have been sent a signal.
      assert.isBelow(Duration.toSeconds(time), 20)
      yield* nothingIsLeft
      for (const error of [yield* Fiber.join(running), yield* Effect.flip(turn.run)]) {
        assert.deepInclude(error, { _tag: "CodexConnectionError", reason: { _tag: "Closed" } })
      }
    }).pipe(Effect.provide(home)))

  it.live("in its own time, if it may take for ever", () =>
    Effect.gen(function*() {
      const { codexHome } = yield* CodexHome.CodexHome
      const ended = join(codexHome, "ended")
      // Between the end of its input and its own end there is time for a signal.
      const command = "\"$0\" app-server --listen stdio://; sleep 0.1; echo by itself > \"$CODEX_HOME/ended\""
      const { program } = yield* ProcessOptions.command()
      yield* withCodex(() => Effect.void, { args: ["sh", "-c", command, program], shutdownGrace: "Infinity" })
      assert.strictEqual(readFileSync(ended, "utf8"), "by itself\n")
      yield* nothingIsLeft
    }).pipe(Effect.provide(home)))

  it.live("when the program fails, dies, or is interrupted", () =>
    Effect.gen(function*() {
      const failed = yield* Effect.exit(withCodex(() => Effect.fail("no")))
      assert.deepStrictEqual(failed, Exit.fail("no"))
      yield* nothingIsLeft

      const died = yield* Effect.exit(withCodex(() =>
        Effect.sync(() => {
          throw new Error("oh no")
        })
      ))
      assert.isTrue(Exit.hasDies(died))
      yield* nothingIsLeft

      const started = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(withCodex((codex) =>
        Effect.gen(function*() {
          const thread = yield* codex.threadStart()
          yield* Deferred.succeed(started, void 0)
          return yield* Effect.andThen(thread.run("hello"), Effect.never)
        })
      ))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      yield* nothingIsLeft
    }).pipe(Effect.provide(home)))

  it.live("when the program is interrupted during the handshake", () =>
    Effect.gen(function*() {
      const { codexHome } = yield* CodexHome.CodexHome
      const fiber = yield* Effect.forkChild(withCodex(() => Effect.void))
      yield* Effect.repeat(Effect.andThen(Effect.yieldNow, processesOf(codexHome)), {
        until: (pids) => pids.length > 0
      })
      yield* Fiber.interrupt(fiber)
      yield* nothingIsLeft
    }).pipe(Effect.provide(home)))

  it.live("when the process neither answers the handshake nor ends on request", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(withCodex(() => Effect.void, {
        args: [process.execPath, "-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"],
        handshakeTimeout: "500 millis",
        shutdownGrace: "100 millis"
      }))
      assert.strictEqual(error._tag, "CodexConnectError")
      yield* nothingIsLeft
    }).pipe(Effect.provide(home)))

  it.live("when codex refuses its configuration, with the message of codex", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(withCodex(() => Effect.void, { config: { sandbox_mode: "anything-goes" } }))
      assert.instanceOf(error, CodexError.CodexConnectError)
      assert.deepInclude(error.reason, { _tag: "Exited", exitCode: 1 })
      assert.include(error.message, "anything-goes")
      yield* nothingIsLeft
    }).pipe(Effect.provide(home)))
})

describe("a program of Promises", () => {
  it("needs a ManagedRuntime for Codex, and no services for threads and turns", async () => {
    const runtime = ManagedRuntime.make(TestCodex.layer({ script: TestCodex.echo }))
    const codex = await runtime.runPromise(Codex.Codex)
    const { codexHome } = await runtime.runPromise(CodexHome.CodexHome)
    const thread = await Effect.runPromise(codex.threadStart())
    const result = await Effect.runPromise(thread.run("one"))
    assert.strictEqual(result.finalResponse, "one")

    const turn = await Effect.runPromise(thread.turn("two"))
    let text = ""
    for await (const delta of Stream.toAsyncIterable(turn.text)) text += delta
    assert.strictEqual(text, "two")

    const abort = new AbortController()
    const events = Stream.toAsyncIterable(thread.stream("three"))
    for await (const event of events) {
      if (event.method === "item/agentMessage/delta") break
    }
    abort.abort()
    const aborted = await Effect.runPromiseExit(thread.run("four"), { signal: abort.signal })
    assert.isTrue(Exit.hasInterrupts(aborted))

    await runtime.dispose()
    assert.deepStrictEqual(await Effect.runPromise(processesOf(codexHome)), [])
    const error = await Effect.runPromise(Effect.flip(thread.run("five")))
    assert.deepInclude(error, { _tag: "CodexConnectionError", reason: { _tag: "Closed" } })
  })
})
