/** Lost connections to a server that listens: what is under way fails with typed errors, and what comes later works. */
import { Gate, Reply, ScriptedModel } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { Codex } from "effect-codex"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type { PlatformError } from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Proxy from "../../codex/test/sockets/proxy.ts"
import * as server from "../../codex/test/sockets/server.ts"
import * as layers from "./layers.ts"

/** The tag of the error underneath a failure. */
const causeOf = <A, R>(effect: Effect.Effect<A, PlatformError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason: { cause } }) => (cause as { readonly _tag?: string } | undefined)?._tag)

const sh = (script: string, options?: ChildProcess.CommandOptions) => ChildProcess.make("sh", ["-c", script], options)

/** Has one of everything under way, loses the connection, and goes on with the next one. */
const survives = <E, R>(loses: Effect.Effect<unknown, E, R>, descriptors = true) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const { exitCode, string } = yield* ChildProcessSpawner
    const directory = yield* fs.makeTempDirectoryScoped()
    const at = (name: string) => `${directory}/${name}`
    yield* fs.writeFileString(at("f"), "still here")
    yield* exitCode(ChildProcess.make("mkfifo", [at("pipe")]))
    yield* Effect.scoped(Effect.gen(function*() {
      const file = yield* fs.open(at("f"))
      const ignoring = yield* sh("echo up; exec sleep 60", { stdin: "ignore" })
      const reading = yield* sh("echo up; exec cat")
      yield* Stream.runHead(ignoring.stdout)
      yield* Stream.runHead(reading.stdout)
      const ready = yield* Deferred.make<void>()
      const pending = yield* Effect.forEach([
        causeOf(ignoring.exitCode),
        causeOf(Stream.runDrain(reading.stdout)),
        causeOf(fs.readFile(at("pipe"))),
        causeOf(Stream.runDrain(fs.watch(directory, { onReady: () => Deferred.doneUnsafe(ready, Effect.void) })))
      ], (effect) => Effect.forkChild(effect, { startImmediately: true }))
      yield* Deferred.await(ready)
      yield* loses
      for (const fiber of pending) assert.strictEqual(yield* Fiber.join(fiber), "CodexConnectionError")
      assert.isFalse(yield* ignoring.isRunning)
      // New calls work at once, with helpers of their own; what belonged to the lost connection fails.
      assert.strictEqual(yield* fs.readFileString(at("f")), "still here")
      assert.strictEqual(yield* string(sh("echo again")), "again\n")
      if (descriptors) assert.strictEqual(yield* causeOf(file.readAlloc(1)), "CodexConnectionError")
      const write = yield* Effect.flip(Stream.run(Stream.make(new Uint8Array(1)), reading.stdin))
      assert.strictEqual(write.reason._tag, "BadResource")
    }))
    const killed = yield* sh("echo up; exec sleep 60", { stdin: "ignore" })
    yield* Stream.runHead(killed.stdout)
    yield* killed.kill()
    assert.isFalse(yield* killed.isRunning)
    const stream = fs.watch(directory, {
      onReady: () => {
        Effect.runFork(fs.writeFileString(at("new"), "x"))
      }
    })
    yield* Stream.runHead(Stream.filter(stream, ({ path }) => path === "new"))
  }).pipe(Effect.scoped)

/** A client behind a proxy that can cut it off. */
const behindProxy = Effect.gen(function*() {
  const { address } = yield* server.ListeningServer
  const proxy = yield* Proxy.make(address)
  const context = yield* Layer.build(Codex.layerWebSocket({ url: proxy.address }))
  const connection = Layer.merge(Layer.succeedContext(context), layers.homeOf)
  return { proxy, codex: Context.get(context, Codex.Codex), connection }
})

layer(server.layer("ws"), { excludeTestServices: true })("a connection that is cut", (it) => {
  it.effect("is replaced by the next", () =>
    Effect.gen(function*() {
      const { connection, proxy } = yield* behindProxy
      yield* survives(Effect.sync(() => assert.isTrue(proxy.cut()))).pipe(
        Effect.provide(layers.unsandboxed(connection))
      )
      assert.strictEqual(proxy.connections, 2)
    }).pipe(Effect.scoped))

  if (!layers.isWhole) return

  it.effect("is replaced by the next in a sandbox, and with the shell helper", () =>
    Effect.gen(function*() {
      const { connection, proxy } = yield* behindProxy
      yield* survives(Effect.sync(() => assert.isTrue(proxy.cut())), false).pipe(
        Effect.provide(layers.sandboxed(connection, { helpers: "sh" }))
      )
      assert.strictEqual(proxy.connections, 2)
    }).pipe(Effect.scoped))

  it.effect("is replaced after a flood that this client did not read", () =>
    Effect.gen(function*() {
      const { codex, connection, proxy } = yield* behindProxy
      const model = yield* ScriptedModel.ScriptedModel
      const [start, end] = [yield* Gate.make, yield* Gate.make]
      // More than the buffers of the system and the server's queue hold.
      const pieces = Array.from({ length: 4_000 }, (_, index) => `${index} ${"x".repeat(10_000)} `)
      yield* model.enqueue(Reply.message({ deltas: ["begin ", start, ...pieces, end, "end"] }))
      const floods = Effect.gen(function*() {
        const thread = yield* codex.threadStart()
        yield* thread.turn("flood")
        yield* start.arrived
        proxy.stall()
        yield* start.open
        yield* end.arrived
        // The server closes the connection of a client that reads too slowly, if it has not yet done so.
        proxy.cut()
        yield* end.open
      })
      yield* survives(floods).pipe(Effect.provide(layers.unsandboxed(connection)))
      assert.strictEqual(proxy.connections, 2)
    }).pipe(Effect.scoped))
})

layer(layers.home, { excludeTestServices: true })("a server that is killed", (it) => {
  it.effect("is followed by the one that is started in its place", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const test = yield* Effect.scope
      const first = yield* Scope.provide(server.listen("unix"), scope)
      const connection = Layer.merge(Codex.layerUnixSocket({ path: first.address }), layers.homeOf)
      yield* survives(Effect.andThen(Scope.close(scope, Exit.void), Scope.provide(server.listen("unix"), test))).pipe(
        Effect.provide(layers.unsandboxed(connection))
      )
    }).pipe(Effect.scoped))
})
