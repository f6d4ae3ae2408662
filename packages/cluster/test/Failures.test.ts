/** Turns that lose their app-server, in one process: nothing is run twice in silence, and nothing cut off passes for done. */
import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import * as TestThreads from "@effect-codex/cluster/TestThreads"
import * as ThreadHost from "@effect-codex/cluster/ThreadHost"
import * as ThreadIndex from "@effect-codex/cluster/ThreadIndex"
import { CodexHome, Gate, Reply, TestCodex } from "@effect-codex/testing"
import { assert, describe, it, layer } from "@effect/vitest"
import * as TestRunner from "effect/cluster/TestRunner"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { readdirSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { askedFor, assertInOrder, count, killServers, reasonOf, setup } from "./utils.ts"

let home = ""
const script = {
  respond: (request: Parameters<NonNullable<typeof TestCodex.echo.respond>>[0]) => {
    if (request.lastUserText === "poison") killServers(home)
    return Reply.text(request.lastUserText ?? "")
  }
}

/** Cuts a turn off in its middle. */
const cut = (name: string, onCutOff: "fail" | "continue" | "rerun") =>
  Effect.gen(function*() {
    const { model, threads } = yield* setup
    const gate = yield* Gate.make
    const thread = threads.thread(name)
    yield* thread.run(`${name} before`)
    yield* model.enqueue(Reply.message({ deltas: ["never ", gate, "more"] }))
    const running = yield* Effect.forkChild(Effect.exit(thread.run(`${name} input`, { turnKey: name, onCutOff })))
    yield* gate.arrived
    killServers(home)
    return { thread, exit: yield* Fiber.join(running) }
  })

describe("a turn that loses its app-server", () => {
  layer(
    TestThreads.layer().pipe(
      Layer.provideMerge(TestCodex.layer({ script, client: { restart: Schedule.spaced("50 millis") } })),
      Layer.tap((context) =>
        Effect.provide(CodexHome.CodexHome.useSync(({ env }) => void (home = env["CODEX_HOME"] ?? "")), context)
      )
    ),
    { excludeTestServices: true }
  )((it) => {
    it.effect("is an error that says so", () =>
      Effect.gen(function*() {
        const { exit, thread } = yield* cut("fail", "fail")
        const error = yield* Effect.flip(exit)
        assert.strictEqual(error._tag, "TurnCutOffError")
        if (error._tag !== "TurnCutOffError") return
        assert.strictEqual(error.attempts, 1)
        assert.strictEqual(error.items.length, 1)
        assert.strictEqual((yield* askedFor("fail input")).length, 1)
        // The answer is stored, and the thread goes on.
        assert.deepStrictEqual(yield* Effect.flip(thread.run("fail input", { turnKey: "fail" })), error)
        assert.strictEqual((yield* thread.run("fail after")).finalResponse, "fail after")
      }))

    it.effect("is continued, and the model is told", () =>
      Effect.gen(function*() {
        const { exit } = yield* cut("continue", "continue")
        const result = yield* exit
        assert.match(result.finalResponse ?? "", /cut off/)
        const [request] = yield* askedFor(result.finalResponse ?? "")
        assert.strictEqual(count(request, "continue input"), 1)
      }))

    it.effect("is run again, and the thread shows both", () =>
      Effect.gen(function*() {
        const { exit, thread } = yield* cut("rerun", "rerun")
        assert.strictEqual((yield* exit).finalResponse, "rerun input")
        assert.strictEqual((yield* askedFor("rerun input")).length, 2)
        const { turns } = yield* thread.read({ includeTurns: true })
        assert.deepStrictEqual(turns?.map(({ status }) => status), ["completed", "interrupted", "completed"])
      }))

    it.effect("that loses it each time is begun three times", () =>
      Effect.gen(function*() {
        const { threads } = yield* setup
        const methods: Array<string> = []
        const error = yield* threads.thread("poison").stream("poison", { onCutOff: "rerun" }).pipe(
          Stream.runForEach(({ method }) => Effect.sync(() => void methods.push(method))),
          Effect.flip
        )
        assert.deepStrictEqual(methods.slice(-2), ["$moved", "item/completed"])
        assert.strictEqual(error._tag, "TurnCutOffError")
        if (error._tag === "TurnCutOffError") assert.strictEqual(error.attempts, 3)
        assert.strictEqual((yield* askedFor("poison")).length, 3)
      }))

    it.effect("shows its consumers the move, with the items so far", () =>
      Effect.gen(function*() {
        const { model, threads } = yield* setup
        const gate = yield* Gate.make
        const thread = threads.thread("moved")
        yield* model.enqueue(Reply.message({ deltas: ["never ", gate, "more"] }))
        const running = yield* Effect.forkChild(Stream.runCollect(thread.stream("moved input", { onCutOff: "rerun" })))
        yield* gate.arrived
        killServers(home)
        const events = yield* Fiber.join(running)
        const methods = events.map(({ method }) => method)
        assert.strictEqual(methods.filter((method) => method === "$moved").length, 1)
        assert.strictEqual(methods.filter((method) => method === "$turnStarted").length, 2)
        assert.strictEqual(methods.at(-1), "$turnEnded")
        assertInOrder(events)
      }))

    it.effect("shows its consumers the move before the error", () =>
      Effect.gen(function*() {
        const { model, threads } = yield* setup
        const gate = yield* Gate.make
        yield* model.enqueue(Reply.message({ deltas: ["never ", gate, "more"] }))
        const methods: Array<string> = []
        const reading = yield* threads.thread("moved with an error").stream("moved with an error").pipe(
          Stream.runForEach(({ method }) => Effect.sync(() => void methods.push(method))),
          Effect.flip,
          Effect.forkChild
        )
        yield* gate.arrived
        killServers(home)
        assert.strictEqual((yield* Fiber.join(reading))._tag, "TurnCutOffError")
        assert.deepStrictEqual(methods.slice(-2), ["$moved", "item/completed"])
      }))

    it.effect("leaves a thread whose file is missing alone until it is back", () =>
      Effect.gen(function*() {
        const { threads } = yield* setup
        const thread = threads.thread("missing")
        const { threadId } = yield* thread.run("before it was missing")
        renameSync(join(home, "sessions"), join(home, "away"))
        killServers(home)
        const running = yield* Effect.forkChild(thread.run("after it was missing"))
        const where = yield* Effect.repeat(thread.where, {
          until: ({ state }) => state === "waiting",
          schedule: Schedule.spaced("50 millis")
        })
        assert.include(where.detail ?? "", "is missing")
        assert.strictEqual((yield* askedFor("after it was missing")).length, 0)
        renameSync(join(home, "away"), join(home, "sessions"))
        const result = yield* Fiber.join(running)
        assert.strictEqual(result.threadId, threadId)
        const [request] = yield* askedFor("after it was missing")
        // The input, and the model's echo of it.
        assert.strictEqual(count(request, "before it was missing"), 2)
      }))

    it.effect("begins a forgotten thread anew, which waits for its missing file", () =>
      Effect.gen(function*() {
        const { threads } = yield* setup
        const thread = threads.thread("forgotten")
        const { threadId } = yield* thread.run("before it was forgotten")
        const following = yield* thread.notifications({ from: { epoch: 1, seq: 0 } }).pipe(
          Stream.takeUntil((event) => event.method === "$turnEnded" && event.turnKey === "anew"),
          Stream.runCollect,
          Effect.forkChild
        )
        const sessions = join(home, "sessions")
        const file = readdirSync(sessions, { encoding: "utf8", recursive: true }).find((path) =>
          path.includes(threadId)
        )
        assert.isDefined(file)
        rmSync(join(sessions, file ?? ""))
        killServers(home)
        const running = yield* Effect.forkChild(thread.run("after it was forgotten", { turnKey: "anew" }))
        yield* Effect.repeat(thread.where, {
          until: ({ state }) => state === "waiting",
          schedule: Schedule.spaced("50 millis")
        })
        yield* ThreadIndex.ThreadIndex.use((index) => index.forget("forgotten"))
        const result = yield* Fiber.join(running)
        assert.notStrictEqual(result.threadId, threadId)
        const [request] = yield* askedFor("after it was forgotten")
        assert.strictEqual(count(request, "before it was forgotten"), 0)
        // The consumer of the forgotten thread is told, and goes on.
        const events = yield* Fiber.join(following)
        assert.deepStrictEqual(events.flatMap((event) => event.method === "$moved" ? [event.epoch] : []), [3])
        assert.deepInclude(yield* thread.where, { threadId: result.threadId, epoch: 3 })
      }))

    it.effect("that its caller interrupts is not continued", () =>
      Effect.gen(function*() {
        const { model, threads } = yield* setup
        const gate = yield* Gate.make
        const thread = threads.thread("interrupted")
        yield* model.enqueue(Reply.message({ deltas: ["never ", gate, "more"] }))
        const running = yield* Effect.forkChild(thread.run("interrupted input", { turnKey: "i", onCutOff: "continue" }))
        yield* gate.arrived
        yield* Fiber.interrupt(running)
        const result = yield* thread.run("interrupted input", { turnKey: "i", onCutOff: "continue" })
        assert.strictEqual(result.status, "interrupted")
        killServers(home)
        assert.strictEqual((yield* thread.run("after it")).finalResponse, "after it")
        assert.strictEqual((yield* askedFor("interrupted input")).length, 1)
      }))
  })
})

/** An index whose runner gives its threads up whenever it is asked. */
const givingUp = Layer.effect(
  ThreadIndex.ThreadIndex,
  Effect.map(ThreadIndex.ThreadIndex, (index) => ({ ...index, get: () => Effect.interrupt }))
).pipe(Layer.provide(ThreadIndex.layerMemory))

it.effect("a request that a runner interrupts fails, and does not interrupt its caller", () =>
  Effect.gen(function*() {
    const threads = yield* HostedThreads.HostedThreads
    const error = yield* Effect.flip(threads.thread("moving").where)
    assert.strictEqual(reasonOf(error), "Unreachable")
  }).pipe(Effect.provide(
    ThreadHost.layer().pipe(
      Layer.provideMerge(HostedThreads.layer),
      Layer.provide([TestCodex.layer({ script: TestCodex.echo }), givingUp, TestRunner.layer])
    )
  )))
