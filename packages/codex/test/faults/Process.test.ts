/** Faults of a process, one test for each row of docs/contributing/faults.md: the typed error, or the survival. */
import { assert, describe, it } from "@effect/vitest"
import { Codex, CodexClient, CodexError, Router } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Fibers } from "../Fibers.ts"

const script = join(import.meta.dirname, "server.ts")

/** The fault, and a mark by which its process is found. */
const faulty = (when: string, what: string, amount = "0", config: Codex.LayerOptions = {}) => {
  const mark = `fault-${when}-${what}-${Math.random()}`
  const layer = Codex.layer({
    args: [process.execPath, "--disable-warning=ExperimentalWarning", script, when, what, amount, mark],
    handshakeTimeout: "30 seconds",
    shutdownGrace: "300 millis",
    ...config
  })
  return { layer: layer.pipe(Layer.provide(Logger.layer([]))), mark }
}

const processes = (mark: string): ReadonlyArray<number> =>
  readdirSync("/proc").filter((entry) => {
    try {
      return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/cmdline`, "utf8").includes(mark)
    } catch {
      // It has ended meanwhile.
      return false
    }
  }).map(Number)

/** The resources of this process: open files, handles and timers, listeners. */
const held = (): ReadonlyArray<string> => [
  ...readdirSync("/proc/self/fd").map(() => "file"),
  ...process.getActiveResourcesInfo(),
  ...process.eventNames().flatMap((name) => process.listeners(name as "exit").map(() => `listener of ${String(name)}`))
]

/** The resources of which there are more than before. */
const added = (before: ReadonlyArray<string>): ReadonlyArray<string> => {
  const left = [...before]
  return held().filter((kind) => {
    const index = left.indexOf(kind)
    if (index >= 0) left.splice(index, 1)
    return index < 0
  })
}

/** A turn of the event loop, at the end of which handles are closed. */
const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Runs against a fault; afterwards no process, fiber, file, handle, timer, listener or entry of the router is left. */
const against = <A, E>(
  fault: {
    readonly layer: Layer.Layer<Codex.Codex | CodexClient.CodexClient | Router.Router, CodexError.ConnectError>
    readonly mark: string
  },
  use: Effect.Effect<A, E, Codex.Codex | CodexClient.CodexClient | Router.Router | Scope.Scope>
) =>
  Effect.gen(function*() {
    const fibers = new Fibers()
    const before = held()
    const result = yield* Effect.exit(
      Effect.gen(function*() {
        const result = yield* Effect.scoped(use)
        const { badLines: _, late: __, strayAnswers: ___, threads: ____, ...entries } = (yield* Router.Router).stats()
        assert.deepStrictEqual(entries, { pending: 0, turns: 0, followers: 0, subscribers: 0, subagents: 0, roots: 0 })
        return result
      }).pipe(Effect.provide(fault.layer), Effect.provideService(Metric.FiberRuntimeMetrics, fibers))
    )
    assert.deepStrictEqual(processes(fault.mark), [], "the process is gone")
    assert.strictEqual(fibers.running, 0, "fibers")
    yield* Effect.andThen(turn, turn)
    assert.deepStrictEqual(added(before), [])
    return yield* result
  })

const models = CodexClient.CodexClient.use((client) => client.request("model/list", {}))

/** Fails to be built, with this. */
const unbuildable = (fault: ReturnType<typeof faulty>) => Effect.flip(against(fault, Effect.void))

/** The error of building the Layer, in a directory of its own. */
const inDirectory = (use: (directory: string) => Codex.LayerOptions) =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "faults-"))),
    (directory) => Effect.flip(Effect.scoped(Layer.build(Codex.layer(use(directory))))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
  )

describe("the binary", () => {
  it.live("missing", () =>
    Effect.gen(function*() {
      const error = yield* inDirectory((directory) => ({ codexPath: join(directory, "codex") }))
      assert(error._tag === "CodexConnectError")
      assert.strictEqual(error.reason._tag, "NotFound")
      assert.include(error.message, "npm install @openai/codex")
    }))

  it.live("not executable", () =>
    Effect.gen(function*() {
      const error = yield* inDirectory((directory) => {
        const codexPath = join(directory, "codex")
        writeFileSync(codexPath, "")
        chmodSync(codexPath, 0o644)
        return { codexPath }
      })
      assert(error._tag === "CodexConnectError")
      assert.strictEqual(error.reason._tag, "NotExecutable")
    }))

  it.live("a directory", () =>
    Effect.gen(function*() {
      const error = yield* inDirectory((codexPath) => ({ codexPath }))
      assert(error._tag === "CodexConnectError")
      assert.strictEqual(error.reason._tag, "NotExecutable")
    }))

  it.live("a working directory that does not exist", () =>
    Effect.gen(function*() {
      const error = yield* inDirectory((directory) => ({ cwd: join(directory, "nowhere") }))
      assert(error._tag === "CodexConnectError")
      assert.strictEqual(error.reason._tag, "BadDirectory")
    }))
})

describe("before and in the handshake", () => {
  for (const when of ["start", "initialize"]) {
    for (
      const [what, exitCode, signal] of [["exit:0", 0, null], ["exit:3", 3, null], ["kill:SIGKILL", null, "SIGKILL"], [
        "kill:SIGTERM",
        null,
        "SIGTERM"
      ]] as const
    ) {
      it.live(`${what} at ${when}`, () =>
        Effect.gen(function*() {
          const error = yield* unbuildable(faulty(when, what))
          assert(error._tag === "CodexConnectError" && error.reason._tag === "Exited")
          assert.strictEqual(error.target, process.execPath)
          assert.deepInclude(error.reason, { exitCode, signal })
          if (what.startsWith("exit")) assert.include(error.message, "last words")
        }))
    }
  }

  it.live("no answer in time", () =>
    Effect.gen(function*() {
      const error = yield* unbuildable(faulty("initialize", "silence", "0", { handshakeTimeout: "200 millis" }))
      assert(error._tag === "CodexConnectError" && error.reason._tag === "HandshakeTimeout")
      assert.include(error.message, process.execPath)
      assert.include(error.message, "within 200ms")
    }))

  it.live("an error, an empty answer, half an answer", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* unbuildable(faulty("initialize", "error")))._tag, "CodexConnectError")
      assert.include((yield* unbuildable(faulty("initialize", "empty"))).message, "missing required metadata")
      assert.strictEqual((yield* unbuildable(faulty("initialize", "halfLine")))._tag, "CodexConnectError")
    }))

  it.live("garbage in place of an answer", () =>
    Effect.gen(function*() {
      const error = yield* unbuildable(faulty("initialize", "garbage", "0", { handshakeTimeout: "500 millis" }))
      assert.strictEqual(error._tag, "CodexConnectError")
    }))
})

const ends = [
  ["exit:0", { _tag: "Exited", exitCode: 0, signal: null }],
  ["exit:3", { _tag: "Exited", exitCode: 3, signal: null }],
  ["kill:SIGKILL", { _tag: "Exited", exitCode: null, signal: "SIGKILL" }],
  ["kill:SIGTERM", { _tag: "Exited", exitCode: null, signal: "SIGTERM" }]
] as const

describe("the process ends", () => {
  for (const [what, fields] of ends) {
    it.live(`${what} in a request, and every later call fails with the same`, () =>
      against(
        faulty("model/list", what),
        Effect.gen(function*() {
          const error = yield* Effect.flip(models)
          assert(error._tag === "CodexConnectionError")
          assert.deepInclude(error.reason, fields)
          assert.strictEqual(yield* Effect.flip(models), error)
          assert.strictEqual(yield* CodexClient.CodexClient.use(({ closed }) => closed), error)
        })
      ))

    it.live(`${what} in a turn, after what had arrived`, () =>
      against(
        faulty("skills/list", what),
        Effect.gen(function*() {
          const codex = yield* Codex.Codex
          const turn = yield* codex.thread("thread").turn("go")
          const reading = yield* Effect.forkChild(Stream.runCollect(Stream.catch(turn.stream, () => Stream.empty)))
          const running = yield* Effect.forkChild(Effect.flip(Effect.asVoid(turn.run)))
          const watching = yield* Effect.forkChild(Effect.flip(Stream.runDrain(codex.notifications)))
          yield* Effect.ignore(codex.client.request("skills/list", {}))
          for (const fiber of [running, watching]) {
            const error = yield* Fiber.join(fiber)
            assert(error._tag === "CodexConnectionError")
            assert.deepInclude(error.reason, fields)
          }
          assert.deepStrictEqual((yield* Fiber.join(reading)).map(({ method }) => method), ["turn/started"])
        })
      ))
  }

  for (const [what, fields] of ends) {
    it.live(`${what} while idle: the next call fails`, () =>
      against(
        faulty("initialized", what),
        Effect.gen(function*() {
          const lost = yield* CodexClient.CodexClient.use(({ closed }) => closed)
          assert.deepInclude(lost.reason, fields)
          assert.strictEqual(yield* Effect.flip(models), lost)
        })
      ))

    it.live(`${what} in an approval: the handler is interrupted`, () =>
      Effect.gen(function*() {
        const asked = yield* Deferred.make<void>()
        const interrupted = yield* Deferred.make<void>()
        const fault = faulty("model/list", `ask:${what}`, "0", {
          serverRequests: {
            "item/tool/call": () =>
              Effect.andThen(Deferred.succeed(asked, undefined), Effect.never).pipe(
                Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
              )
          }
        })
        yield* against(
          fault,
          Effect.gen(function*() {
            const asking = yield* Effect.forkChild(Effect.flip(models))
            yield* Deferred.await(asked)
            yield* CodexClient.CodexClient.use((client) => Effect.ignore(client.request("skills/list", {})))
            const error = yield* Fiber.join(asking)
            assert(error._tag === "CodexConnectionError")
            assert.deepInclude(error.reason, fields)
            yield* Deferred.await(interrupted)
          })
        )
      }))
  }

  it.live("half a line, then the end: it is no answer", () =>
    against(
      faulty("model/list", "halfLine"),
      Effect.gen(function*() {
        const error = yield* Effect.flip(models)
        assert(error._tag === "CodexConnectionError" && error.reason._tag === "Exited")
        assert.strictEqual(error.reason.exitCode, 0)
      })
    ))
})

describe("a pipe breaks", () => {
  it.live("standard output closed, the process alive", () =>
    against(
      faulty("model/list", "closeOutput"),
      Effect.gen(function*() {
        const error = yield* Effect.flip(models)
        assert(error._tag === "CodexConnectionError")
        assert.strictEqual(error.reason._tag, "Disconnected")
      })
    ))

  it.live("standard input closed, the process alive", () =>
    Effect.gen(function*() {
      const mark = `fault-input-${Math.random()}`
      // Node never closes its standard input, so this one is a shell: it answers the handshake, and closes it.
      const answer =
        `read -r line; id=\${line#*:}; echo "{\\"id\\":\${id%%,*},\\"result\\":{\\"userAgent\\":\\"sh/0.169.0\\"}}"`
      const program = `${answer}; read -r line; exec 0<&-; sleep 1000; : ${mark}`
      const layer = Codex.layer({
        args: ["sh", "-c", program],
        shutdownGrace: "300 millis",
        requestTimeout: "1 second"
      })
      yield* against(
        { layer, mark },
        Effect.gen(function*() {
          const error = yield* Effect.flip(
            Effect.forever(Effect.catchTag(models, "CodexTimeoutError", () => Effect.void))
          )
          assert(error._tag === "CodexConnectionError")
          assert.strictEqual(error.reason._tag, "Disconnected")
        })
      )
    }))

  for (const what of ["silence", "deaf"]) {
    it.live(`the server stops ${what === "silence" ? "writing" : "reading"}: requests end in time, and so does the scope`, () =>
      against(
        faulty("model/list", what, "0", { requestTimeout: "200 millis" }),
        Effect.gen(function*() {
          const client = yield* CodexClient.CodexClient
          assert.strictEqual((yield* Effect.flip(models))._tag, "CodexTimeoutError")
          if (what === "deaf") {
            // More than any pipe holds.
            const large = { path: "/x", dataBase64: "x".repeat(1_000_000) }
            assert.strictEqual((yield* Effect.flip(client.request("fs/writeFile", large)))._tag, "CodexTimeoutError")
          }
        })
      ))
  }
})

describe("survived", () => {
  it.live("garbage", () =>
    against(
      faulty("skills/list", "garbage"),
      Effect.gen(function*() {
        const client = yield* CodexClient.CodexClient
        const error = yield* Effect.flip(client.request("skills/list", {}, { timeout: "200 millis" }))
        assert.strictEqual(error._tag, "CodexTimeoutError")
        assert.deepStrictEqual((yield* models).data, [])
        assert.isAtLeast((yield* Router.Router).stats().badLines, 1_003)
      })
    ))

  it.live("a duplicate response, and one to an unknown request", () =>
    against(
      faulty("skills/list", "twice"),
      Effect.gen(function*() {
        const client = yield* CodexClient.CodexClient
        yield* client.request("skills/list", {})
        yield* models
        assert.strictEqual((yield* Router.Router).stats().strayAnswers, 2)
      })
    ))

  it.live("a line of 100 MB", () =>
    against(
      faulty("model/list", "longLine", "100000000"),
      Effect.gen(function*() {
        const codex = yield* Codex.Codex
        const warning = yield* Effect.forkChild(Stream.runHead(codex.notifications), { startImmediately: true })
        assert.deepStrictEqual((yield* models).data, [])
        const event = yield* Fiber.join(warning)
        assert(event._tag === "Some" && event.value.method === "warning")
        assert.lengthOf(event.value.params.message, 100_000_000)
      })
    ))

  it.live("a million tiny lines", () =>
    against(
      faulty("model/list", "tinyLines", "1000000"),
      Effect.gen(function*() {
        assert.deepStrictEqual((yield* models).data, [])
        assert.strictEqual((yield* Router.Router).stats().badLines, 1_000_000)
      })
    ))
})

describe("interruption", () => {
  it.live("of all that waits for a server that has stopped reading ends within 3 seconds", () =>
    Effect.gen(function*() {
      const fault = faulty("model/list", "deaf")
      yield* Effect.gen(function*() {
        const codex = yield* Codex.Codex
        const { client } = codex
        const thread = codex.thread("thread")
        // More than any pipe holds.
        const large = "x".repeat(1_000_000)
        const uses: ReadonlyArray<readonly [string, Effect.Effect<unknown, CodexError.CodexError>]> = [
          ["request", client.request("skills/list", {})],
          ["large request", client.request("fs/writeFile", { path: "/x", dataBase64: large })],
          ["threadStart", codex.threadStart()],
          ["run", thread.run("go")],
          ["run on a busy thread", Effect.delay(thread.run("again"), "50 millis")],
          ["large run", codex.thread("another").run(large)],
          ["stream", Stream.runDrain(codex.thread("third").stream("go"))],
          ["turn", codex.thread("fourth").turn("go")],
          ["goal", codex.thread("fifth").runGoal("done")],
          ["compact", codex.thread("sixth").compact]
        ]
        yield* Effect.ignore(client.request("model/list", {}, { timeout: "200 millis" }))
        yield* Effect.forEach(uses, ([name, use]) =>
          Effect.gen(function*() {
            const [time, ended] = yield* Effect.timed(Effect.timeoutOption(Effect.exit(use), "300 millis"))
            assert.isTrue(Option.isNone(ended), name)
            assert.isBelow(Duration.toMillis(time), 3_000, name)
          }), { concurrency: "unbounded", discard: true })
      }).pipe(Effect.provide(fault.layer))
      assert.deepStrictEqual(processes(fault.mark), [])
    }))
})

describe("the end", () => {
  it.live("a server that ignores the end of its input and SIGTERM is killed", () =>
    against(faulty("model/list", "stubborn"), models))

  it.live("the scope closed at every step", () =>
    Effect.gen(function*() {
      const steps: ReadonlyArray<
        readonly [string, (codex: Codex.Codex["Service"]) => Effect.Effect<unknown, unknown>]
      > = [
        ["in a request", () => Effect.never],
        ["in a request without an answer", (codex) => codex.client.request("model/list", {})],
        ["in a turn", (codex) => codex.thread("thread").run("go")],
        ["in a stream", (codex) => Stream.runDrain(codex.thread("thread").stream("go"))],
        ["watching", (codex) => Stream.runDrain(codex.notifications)]
      ]
      yield* Effect.forEach(steps, ([name, step]) =>
        Effect.gen(function*() {
          const fault = faulty("model/list", "silence")
          const scope = yield* Scope.make()
          const context = yield* Layer.buildWithScope(fault.layer, scope)
          const using = yield* Effect.forkChild(
            Effect.exit(Effect.provideContext(Effect.flatMap(Codex.Codex, step), context)),
            { startImmediately: true }
          )
          yield* Scope.close(scope, Exit.void)
          assert.deepStrictEqual(processes(fault.mark), [], name)
          if (name !== "in a request") {
            const exit = yield* Fiber.join(using)
            const error = Exit.isFailure(exit) ? yield* Effect.flip(exit) : undefined
            assert.deepInclude(error, { _tag: "CodexConnectionError", reason: { _tag: "Closed" } }, name)
          } else yield* Fiber.interrupt(using)
        }), { concurrency: 5, discard: true })
    }))
})
