/** Cases of the reference that no other file has: see `docs/contributing/parity.md`. */
import { CodexHome, Gate, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { assert, describe, it, layer } from "@effect/vitest"
import { Input } from "effect-codex"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { crc32, deflateSync } from "node:zlib"
import { echoing, idle, scripted, setup, withCodex } from "./utils.ts"

/** A part of a PNG. */
const chunk = (type: string, data: ReadonlyArray<number> | Uint8Array): Buffer => {
  const body = Buffer.concat([Buffer.from(type), Buffer.from(data)])
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  checksum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, checksum])
}

/** A picture of one pixel, as a PNG in a `data:` URL. */
const picture = (rgb: readonly [number, number, number]): string => {
  const png = Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", [0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0]),
    chunk("IDAT", deflateSync(Uint8Array.of(0, ...rgb))),
    chunk("IEND", [])
  ])
  return `data:image/png;base64,${png.toString("base64")}`
}

const settings = { clientInfo: { name: "my-agent", version: "1.2.3" } }

layer(TestCodex.layer({ script: TestCodex.echo, client: settings }), { excludeTestServices: true })(
  "settings of a thread that the model sees",
  (it) => {
    it.effect("the name of the client", () =>
      Effect.gen(function*() {
        const { codex, model } = yield* setup
        yield* (yield* codex.threadStart()).run("hello")
        const { headers } = (yield* model.requests).at(-1)!
        assert.strictEqual(headers["originator"], "my-agent")
        assert.match(headers["user-agent"]!, /^my-agent\/\d+\.\d+\.\d+ .*\(my-agent; 1\.2\.3\)$/)
      }))

    for (const enabled of [true, false]) {
      it.effect(`the network of its sandbox: ${enabled ? "enabled" : "restricted"}`, () =>
        Effect.gen(function*() {
          const { codex, model } = yield* setup
          const thread = yield* codex.threadStart({
            sandbox: "workspaceWrite",
            config: { sandbox_workspace_write: { network_access: enabled } }
          })
          yield* thread.run("hello")
          const { sandbox } = yield* codex.client.request("thread/resume", { threadId: thread.id })
          assert.deepInclude(sandbox, { type: "workspaceWrite", networkAccess: enabled })
          const told = (yield* model.requests).at(-1)!.texts("developer").join("\n")
          assert.include(told, `Network access is ${enabled ? "enabled" : "restricted"}.`)
        }))
    }

    it.effect("the further directories that it may write to, in their order", () =>
      Effect.gen(function*() {
        const { codex } = yield* setup
        const roots = ["/scratch/second", "/scratch/first"]
        const thread = yield* codex.threadStart({
          sandbox: "workspaceWrite",
          config: { sandbox_workspace_write: { writable_roots: roots } }
        })
        yield* thread.run("hello")
        const { sandbox } = yield* codex.client.request("thread/resume", { threadId: thread.id })
        assert.deepInclude(sandbox, { type: "workspaceWrite", writableRoots: roots })
      }))

    for (
      const [mode, access] of [["live", true], ["cached", false], ["disabled", undefined]] as const
    ) {
      it.effect(`web search: ${mode}`, () =>
        Effect.gen(function*() {
          const { codex, model } = yield* setup
          const thread = yield* codex.threadStart({ model: "gpt-5.5", config: { web_search: mode } })
          yield* thread.run("hello")
          const tools = (yield* model.requests).at(-1)!.body.tools ?? []
          const search = tools.find(({ type }) => type === "web_search")
          assert.strictEqual(search?.["external_web_access"], access)
        }))
    }

    it.effect("its approval policy, as the protocol names it", () =>
      Effect.gen(function*() {
        const { codex, model } = yield* setup
        const thread = yield* codex.threadStart({ approvalPolicy: "on-request" })
        yield* thread.run("hello")
        const { approvalPolicy } = yield* codex.client.request("thread/resume", { threadId: thread.id })
        assert.strictEqual(approvalPolicy, "on-request")
        const told = (yield* model.requests).at(-1)!.texts("developer").join("\n")
        assert.include(told, "sandbox_permissions")
        assert.notInclude(told, "Approval policy is currently never.")
      }))

    it.effect("its images, in their order", () =>
      Effect.gen(function*() {
        const { codex, model } = yield* setup
        const [red, blue] = [picture([255, 0, 0]), picture([0, 0, 255])]
        const thread = yield* codex.threadStart()
        yield* thread.run([Input.image(blue), "and", Input.image(red)])
        assert.deepStrictEqual((yield* model.requests).at(-1)!.imageUrls, [blue, red])
      }))
  }
)

describe("an AbortSignal", () => {
  const aborted = AbortSignal.abort()

  it.live("that is aborted before: nothing is asked, and nothing is seen", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      const thread = yield* codex.threadStart()
      let seen = 0
      const watching = Stream.runForEach(thread.stream("hello"), () => Effect.sync(() => void seen++))
      for (const effect of [Effect.asVoid(thread.run("hello")), watching]) {
        const exit = yield* Effect.promise(() => Effect.runPromiseExit(effect, { signal: aborted }))
        assert.isTrue(Exit.hasInterrupts(exit))
      }
      assert.strictEqual(seen, 0)
      assert.lengthOf((yield* thread.read({ includeTurns: true })).turns, 0)
      assert.deepStrictEqual(yield* model.requests, [])
      assert.deepInclude(router.stats(), idle)
    }).pipe(echoing))

  it.live("that is aborted during a run ends it, and the turn on the server", () =>
    Effect.gen(function*() {
      const { codex, model, router } = yield* setup
      yield* model.enqueue(Reply.hang)
      const thread = yield* codex.threadStart()
      const controller = new AbortController()
      const running = Effect.runPromiseExit(thread.run("wait"), { signal: controller.signal })
      yield* model.awaitRequest(0)
      controller.abort()
      assert.isTrue(Exit.hasInterrupts(yield* Effect.promise(() => running)))
      assert.strictEqual((yield* thread.read({ includeTurns: true })).turns.at(-1)?.status, "interrupted")
      assert.deepInclude(router.stats(), idle)
    }).pipe(scripted))

  it.live("that is aborted after some events ends the stream, while the agent calls tools for ever", () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const thread = yield* codex.threadStart()
      const controller = new AbortController()
      let commands = 0
      const watching = Stream.runForEach(thread.stream("go on for ever"), (event) =>
        Effect.sync(() => {
          if (event.method !== "item/completed" || event.params.item.type !== "commandExecution") return
          commands++
          if (commands === 2) controller.abort()
        }))
      const exit = yield* Effect.promise(() => Effect.runPromiseExit(watching, { signal: controller.signal }))
      assert.isTrue(Exit.hasInterrupts(exit))
      assert.strictEqual(commands, 2)
      assert.strictEqual((yield* thread.read({ includeTurns: true })).turns.at(-1)?.status, "interrupted")
      assert.deepInclude(router.stats(), idle)
    }).pipe(Effect.provide(TestCodex.layer({
      script: { respond: () => Reply.functionCall({ name: "exec_command", arguments: { cmd: "true" } }) }
    }))))

  it.live("that is never aborted changes nothing", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart()
      const { signal } = new AbortController()
      const result = yield* Effect.promise(() => Effect.runPromise(thread.run("hello"), { signal }))
      assert.strictEqual(result.finalResponse, "hello")
    }).pipe(echoing))
})

describe("a process that exits while a child of it holds its output open", () => {
  /** Answers the handshake; at the next request it leaves a child with its pipes, and exits with code 2. */
  const server = `
    const { spawn } = require("node:child_process")
    require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const { id, method } = JSON.parse(line)
      if (method === "initialize") console.log(JSON.stringify({ id, result: { userAgent: "fake/0.169.0" } }))
      if (method !== "model/list") return
      spawn("sleep", ["60"], { stdio: "inherit" }).on("spawn", () => {
        console.error("I can't go on.")
        process.exit(2)
      })
    })`

  it.live("fails everything that waits, soon, with its exit code and last stderr lines", () =>
    withCodex(
      (codex) =>
        Effect.gen(function*() {
          const waiting = yield* Effect.forkChild(Effect.flip(codex.threadStart()), { startImmediately: true })
          const [time, error] = yield* Effect.timed(Effect.flip(codex.client.request("model/list", {})))
          assert(error._tag === "CodexConnectionError")
          assert.deepInclude(error.reason, { _tag: "Exited", exitCode: 2, signal: null })
          assert.include(error.message, "I can't go on.")
          // Long before the child ends.
          assert.isBelow(Duration.toMillis(time), 30_000)
          assert.strictEqual(yield* Fiber.join(waiting), error)
        }),
      { args: [process.execPath, "-e", server] }
    ).pipe(Effect.provide(CodexHome.layer().pipe(Layer.provideMerge(ScriptedModel.layer())))))
})

describe("a stream of the raw notifications", () => {
  it.live("has the start of the thread, then all of the turn", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.after(gate, Reply.text("hello")))
      const watching = yield* codex.client.notifications.pipe(
        Stream.takeUntil(({ method }) => method === "turn/completed"),
        Stream.map(({ method }) => method),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      const thread = yield* codex.threadStart()
      const turn = yield* thread.turn("hello")
      yield* gate.open
      yield* turn.run
      const methods: ReadonlyArray<string> = yield* Fiber.join(watching)
      const places = ["thread/started", "turn/started", "item/started", "item/completed", "turn/completed"]
        .map((method) => methods.indexOf(method))
      assert.notInclude(places, -1)
      assert.deepStrictEqual(places, places.toSorted((a, b) => a - b))
    }).pipe(scripted))
})
