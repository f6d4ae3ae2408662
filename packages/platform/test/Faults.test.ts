/** What fails, fails with the typed error of its kind, and nothing hangs. */
import { CodexChildProcessSpawner, CodexFileSystem, CodexPath, CodexServices } from "@effect-codex/platform"
import { FakeAppServer, TestCodex } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex, CodexClient } from "effect-codex"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as layers from "./layers.ts"

const reasonOf = <A, R>(effect: Effect.Effect<A, PlatformError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

const causeOf = <A, R>(effect: Effect.Effect<A, PlatformError, R>) =>
  Effect.map(reasonOf(effect), ({ cause }) => (cause as { readonly _tag?: string } | undefined)?._tag)

const sh = (script: string, options?: ChildProcess.CommandOptions) => ChildProcess.make("sh", ["-c", script], options)

/** The process of the app-server, as one of its commands sees it. */
const serverPid = Effect.gen(function*() {
  const { string } = yield* ChildProcessSpawner
  return Number(yield* string(sh("ps -o ppid= -p $$")))
})

const killServer = Effect.flatMap(serverPid, (pid) => Effect.sync(() => process.kill(pid, "SIGKILL")))

const failure = <A, E, R>(layer: Layer.Layer<A, E, R>) => Effect.scoped(Effect.flip(Layer.build(layer)))

describe("a lost connection", () => {
  it.live("fails what is under way and what comes later, and lets scopes close", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { string } = yield* ChildProcessSpawner
      const directory = yield* fs.makeTempDirectory()
      yield* fs.writeFileString(`${directory}/f`, "x")
      yield* Effect.scoped(Effect.gen(function*() {
        const file = yield* fs.open(`${directory}/f`)
        const handle = yield* sh("echo up; exec sleep 60")
        yield* Stream.runHead(handle.stdout)
        const pending = yield* Effect.forEach([
          causeOf(handle.exitCode),
          causeOf(Stream.runDrain(handle.stdout)),
          causeOf(Stream.runDrain(fs.watch(directory)))
        ], (effect) => Effect.forkChild(effect, { startImmediately: true }))
        yield* killServer
        for (const fiber of pending) assert.strictEqual(yield* Fiber.join(fiber), "CodexConnectionError")
        assert.strictEqual(yield* causeOf(fs.readFile(`${directory}/f`)), "CodexConnectionError")
        assert.strictEqual(yield* causeOf(file.readAlloc(1)), "CodexConnectionError")
        assert.strictEqual(yield* causeOf(string(sh("true"))), "CodexConnectionError")
        assert.isFalse(yield* handle.isRunning)
      }))
    }).pipe(Effect.scoped, Effect.provide(layers.unsandboxed(layers.stdio))))

  it.live("is replaced by a restart: handles of the old one fail, new calls work", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const client = yield* CodexClient.CodexClient
      const { string } = yield* ChildProcessSpawner
      const directory = yield* fs.makeTempDirectoryScoped()
      yield* fs.writeFileString(`${directory}/f`, "still here")
      for (let round = 0; round < 3; round++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const file = yield* fs.open(`${directory}/f`)
          const handle = yield* sh("echo up; exec sleep 60")
          yield* Stream.runHead(handle.stdout)
          const exit = yield* Effect.forkChild(causeOf(handle.exitCode), { startImmediately: true })
          yield* killServer
          yield* client.closed
          assert.strictEqual(yield* Fiber.join(exit), "CodexConnectionError")
          assert.strictEqual(yield* fs.readFileString(`${directory}/f`), "still here")
          assert.strictEqual(yield* causeOf(file.readAlloc(1)), "CodexConnectionError")
          assert.strictEqual(yield* string(sh("echo again")), "again\n")
        }))
      }
    }).pipe(
      Effect.scoped,
      Effect.provide(layers.unsandboxed(TestCodex.layer({ client: { restart: Schedule.spaced("1 millis") } })))
    ))

  it.live("is replaced in a sandbox, too", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const codex = yield* Codex.Codex
      const { string } = yield* ChildProcessSpawner
      yield* Effect.scoped(Effect.gen(function*() {
        const handle = yield* sh("echo up; exec sleep 60", { stdin: "ignore" })
        yield* Stream.runHead(handle.stdout)
        const exit = yield* Effect.forkChild(causeOf(handle.exitCode), { startImmediately: true })
        const { stdout } = yield* codex.client.request("command/exec", {
          command: ["sh", "-c", "ps -o ppid= -p $$"],
          sandboxPolicy: { type: "dangerFullAccess" }
        })
        process.kill(Number(stdout), "SIGKILL")
        assert.strictEqual(yield* Fiber.join(exit), "CodexConnectionError")
      }))
      assert.strictEqual(yield* string(sh("echo again")), "again\n")
      assert.isTrue(yield* fs.exists("/"))
    }).pipe(
      Effect.scoped,
      Effect.provide(layers.sandboxed(TestCodex.layer({ client: { restart: Schedule.spaced("1 millis") } })))
    ))
})

describe("a layer that closes", () => {
  for (const [name, sandbox] of [["", "none"], [" in a sandbox", layers.readOnly]] as const) {
    it.live(`ends the commands of longer scopes${name}, and fails what is used later`, () =>
      Effect.gen(function*() {
        const { client } = yield* Codex.Codex
        const scope = yield* Scope.make()
        const context = yield* Layer.build(CodexServices.layer({ sandbox })).pipe(Scope.provide(scope))
        const fs = Context.get(context, FileSystem.FileSystem)
        const { string } = Context.get(context, ChildProcessSpawner)
        const marker = `sleep 61.${process.pid}`
        const handle = yield* sh(`echo up; exec ${marker}`).pipe(Effect.provide(context))
        yield* Stream.runHead(handle.stdout)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* reasonOf(handle.exitCode))._tag, "Unknown")
        assert.isFalse(yield* handle.isRunning)
        yield* Effect.flip(fs.readFile("/etc/hostname"))
        yield* Effect.flip(string(sh("true")))
        const left = client.request("command/exec", {
          command: ["sh", "-c", `ps -eo stat=,args= | grep -v '^Z' | grep -c '[s]leep 61.${process.pid}$' || true`],
          sandboxPolicy: { type: "dangerFullAccess" }
        })
        while (Number((yield* left).stdout) > 0) yield* Effect.sleep(20)
      }).pipe(Effect.scoped, Effect.provide(layers.stdio)))
  }
})

describe("a helper that ends", () => {
  it.live("fails its calls, and the next call has another", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { exitCode } = yield* ChildProcessSpawner
      const directory = yield* fs.makeTempDirectoryScoped()
      yield* fs.writeFileString(`${directory}/f`, "x")
      const file = yield* fs.open(`${directory}/f`)
      // The named pipe keeps the first perl waiting for ever; the next call gets a second one.
      yield* exitCode(ChildProcess.make("mkfifo", [`${directory}/pipe`]))
      const reading = yield* Effect.forkChild(reasonOf(fs.readFile(`${directory}/pipe`)), { startImmediately: true })
      assert.strictEqual(yield* fs.readFileString(`${directory}/f`), "x")
      yield* exitCode(
        sh("kill -9 $(ps --ppid $PPID -o pid=,comm= --sort start_time | awk '$2 == \"perl\" { print $1; exit }')")
      )
      assert.strictEqual((yield* Fiber.join(reading))._tag, "Unknown")
      assert.strictEqual((yield* reasonOf(file.readAlloc(1)))._tag, "Unknown")
      assert.strictEqual(yield* fs.readFileString(`${directory}/f`), "x")
    }).pipe(Effect.scoped, Effect.provide(layers.unsandboxed(layers.stdio))))
})

describe("commands that cannot be started as they are described", () => {
  it.live("fail with BadArgument, and say what is missing", () =>
    Effect.gen(function*() {
      const { exitCode } = yield* ChildProcessSpawner
      const bad: ReadonlyArray<readonly [ChildProcess.Command, RegExp]> = [
        [sh("true", { stdin: "inherit" }), /stdin: "inherit" is impossible/],
        [sh("true", { stdout: "inherit" }), /stdout: "inherit" is impossible/],
        [sh("true", { stderr: { stream: "inherit" } }), /stderr: "inherit" is impossible/],
        [sh("true", { additionalFds: { fd10: { type: "output" } } }), /descriptors 3 to 9 only/],
        [sh("true", { additionalFds: { fd3: { type: "duplex" } } }), /duplex descriptor is impossible/],
        [sh("a\0b"), /NUL/]
      ]
      for (const [command, words] of bad) {
        const reason = yield* reasonOf(exitCode(command))
        assert.strictEqual(reason._tag, "BadArgument")
        assert.match(reason.message, words)
      }
      const pipeline = sh("true").pipe(ChildProcess.pipeTo(sh("cat")))
      const withTerminal = Effect.provideService(CodexChildProcessSpawner.Pty, { rows: 1, cols: 1 })
      assert.match((yield* reasonOf(withTerminal(exitCode(pipeline)))).message, /a pipeline has no terminal/)
      const handle = yield* sh("true")
      assert.match(
        (yield* reasonOf(CodexChildProcessSpawner.resize(handle, { rows: 1, cols: 1 }))).message,
        /no terminal/
      )
      yield* handle.exitCode
      yield* Effect.flip(handle.kill())
      assert.strictEqual(
        (yield* reasonOf(Stream.run(Stream.make(new Uint8Array(1)), handle.stdin)))._tag,
        "BadResource"
      )
    }).pipe(Effect.scoped, Effect.provide(layers.unsandboxed(layers.stdio))))
})

describe("layers", () => {
  it.live("refuse options that cannot be used", () =>
    Effect.gen(function*() {
      const server = Layer.succeedContext(yield* Effect.context<CodexClient.CodexClient>())
      const refusal = <A, E extends Error>(layer: Layer.Layer<A, E, CodexClient.CodexClient>) =>
        Effect.map(failure(layer.pipe(Layer.provide(server))), ({ message }) => message)
      const bad: ReadonlyArray<readonly [Effect.Effect<string, unknown>, RegExp]> = [
        // @ts-expect-error A sandbox is required.
        [refusal(CodexServices.layer({})), /sandbox cannot be used: it is missing/],
        // @ts-expect-error No such sandbox.
        [refusal(CodexFileSystem.layer({ sandbox: "readOnly" })), /neither "none"/],
        [refusal(CodexFileSystem.layer({ sandbox: "none", cwd: "relative" })), /not an absolute path/],
        [refusal(CodexFileSystem.layer({ sandbox: layers.readOnly, helpers: "none" })), /knows no sandbox/],
        [refusal(CodexFileSystem.layer({ sandbox: "none", concurrency: 0 })), /not a whole number above 0/],
        [refusal(CodexChildProcessSpawner.layer({ sandbox: "none", highWater: -1 })), /bytes above 0/],
        // @ts-expect-error No such option.
        [refusal(CodexPath.layer({ sandbox: "none" })), /sandbox cannot be used: it is not an option/]
      ]
      for (const [refused, words] of bad) assert.match(yield* refused, words)
    }).pipe(Effect.scoped, Effect.provide(layers.stdio)))

  it.live("name the option that is off", () =>
    Effect.gen(function*() {
      const server = Layer.succeedContext(yield* Effect.context<CodexClient.CodexClient>())
      const spawner = yield* failure(CodexChildProcessSpawner.layer({ sandbox: "none" }).pipe(Layer.provide(server)))
      assert.deepStrictEqual(spawner.reason, {
        _tag: "Unsupported",
        feature: "process/spawn",
        needs: "the client option experimentalApi"
      })
      const files = yield* failure(CodexFileSystem.layer({ sandbox: "none" }).pipe(Layer.provide(server)))
      assert.strictEqual(files.reason._tag, "Unsupported")
      const profile = yield* failure(
        CodexFileSystem.layer({ sandbox: { permissionProfile: "x" } }).pipe(Layer.provide(server))
      )
      assert.strictEqual(profile.reason._tag, "Unsupported")
      // A sandbox by policy needs no experimental method.
      yield* Layer.build(CodexServices.layer({ sandbox: layers.readOnly }).pipe(Layer.provide(server)))
    }).pipe(Effect.scoped, Effect.provide(TestCodex.layer({ client: { experimentalApi: false } }))))

  it.live("fail with the server's answer, if it has no such methods", () =>
    Effect.gen(function*() {
      const server = Layer.succeedContext(yield* Effect.context<CodexClient.CodexClient>())
      const error = yield* failure(CodexServices.layer({ sandbox: "none" }).pipe(Layer.provide(server)))
      assert.strictEqual(error.reason._tag, "RequestFailed")
    }).pipe(Effect.scoped, Effect.provide(FakeAppServer.layerCodex())))
})

describe("without helpers", () => {
  it.live("a few operations work, and the others say what they need", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const codex = yield* Codex.Codex
      const { stdout } = yield* codex.client.request("command/exec", {
        command: ["mktemp", "-d"],
        sandboxPolicy: { type: "dangerFullAccess" }
      })
      const directory = stdout.trim()
      const at = (name: string) => `${directory}/${name}`
      yield* fs.makeDirectory(at("d/e"), { recursive: true })
      yield* fs.writeFileString(at("d/f"), "text")
      assert.strictEqual(yield* fs.readFileString(at("d/f")), "text")
      assert.isTrue(yield* fs.exists(at("d/e")))
      assert.isFalse(yield* fs.exists(at("d/g")))
      assert.strictEqual((yield* reasonOf(fs.readFile(at("d/g"))))._tag, "NotFound")
      assert.strictEqual((yield* reasonOf(fs.readFile(at("d"))))._tag, "BadResource")
      const seen = yield* fs.watch(directory, {
        onReady: () => {
          Effect.runFork(fs.writeFileString(at("new"), "x"))
        }
      }).pipe(Stream.runHead)
      assert.deepStrictEqual(seen, Option.some({ _tag: "Create", path: "new" }))
      for (
        const effect of [fs.stat(at("d")), fs.rename(at("d"), at("x")), fs.writeFileString(at("y"), "", { flag: "a" })]
      ) {
        const reason = yield* reasonOf<unknown, never>(effect)
        assert.strictEqual(reason._tag, "BadArgument")
        assert.match(reason.message, /needs a helper on the server's machine/)
      }
      yield* fs.remove(directory, { recursive: true })
      assert.isFalse(yield* fs.exists(directory))
    }).pipe(
      Effect.scoped,
      Effect.provide(CodexFileSystem.layer({ sandbox: "none", helpers: "none" }).pipe(Layer.provideMerge(layers.stdio)))
    ))
})

describe("paths", () => {
  it.live("start from the server's directory, or from the given one", () =>
    Effect.gen(function*() {
      const server = yield* Path.Path
      const codex = yield* Codex.Codex
      const { stdout } = yield* codex.client.request("command/exec", {
        command: ["pwd"],
        sandboxPolicy: { type: "dangerFullAccess" }
      })
      assert.strictEqual(server.resolve("a"), `${stdout.trim()}/a`)
      const given = yield* Layer.build(CodexPath.layer({ cwd: "/srv/x" })).pipe(
        Effect.map((context) => context),
        Effect.flatMap((context) => Effect.provide(Path.Path, context))
      )
      assert.strictEqual(given.resolve("a", "../b"), "/srv/x/b")
      assert.strictEqual(given.relative("a", "/srv/y"), "../../y")
      assert.strictEqual((yield* given.toFileUrl("a b")).href, "file:///srv/x/a%20b")
      assert.strictEqual(yield* given.fromFileUrl(new URL("file:///srv/x/a%20b")), "/srv/x/a b")
      assert.strictEqual(given.sep, "/")
    }).pipe(Effect.scoped, Effect.provide(CodexPath.layer().pipe(Layer.provideMerge(layers.stdio)))))
})
