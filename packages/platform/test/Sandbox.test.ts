/** What a sandbox refuses, what it does not, and that a sandboxed layer never leaves it. */
import { CodexFileSystem, CodexServices } from "@effect-codex/platform"
import { CodexHome, TestCodex } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { CodexClient } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Stream from "effect/Stream"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as layers from "./layers.ts"

const reasonOf = <A, R>(effect: Effect.Effect<A, PlatformError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

const sh = (script: string, options?: ChildProcess.CommandOptions) => ChildProcess.make("sh", ["-c", script], options)

/** The services in a sandbox, on a client that notes the methods of its requests, and the sandboxes in which commands run. */
const noting = (
  methods: Set<string>,
  sandboxes: Set<string>,
  { helpers, sandbox }: Pick<CodexServices.Options, "helpers" | "sandbox">
) =>
  CodexServices.layer({ sandbox, helpers }).pipe(
    Layer.provide(Layer.effect(
      CodexClient.CodexClient,
      CodexClient.CodexClient.useSync((client) =>
        CodexClient.CodexClient.of({
          ...client,
          // A getter of the client.
          metadata: client.metadata,
          request: (method, ...args) => {
            methods.add(method)
            if (method === "command/exec") sandboxes.add(JSON.stringify(Object(args[0]).sandboxPolicy))
            return client.request(method, ...args)
          }
        })
      )
    )),
    Layer.provideMerge(layers.stdio)
  )

const failure = <A, E, R>(layer: Layer.Layer<A, E, R>) => Effect.scoped(Effect.flip(Layer.build(layer)))

describe("readOnly", () => {
  it.live("refuses every write, and reads anything", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { workspace } = yield* CodexHome.CodexHome
      const writes: ReadonlyArray<Effect.Effect<unknown, PlatformError>> = [
        fs.writeFileString(`${workspace}/f`, "x"),
        fs.makeDirectory(`${workspace}/d`),
        fs.makeTempDirectory(),
        fs.remove(workspace, { recursive: true }),
        fs.rename(workspace, `${workspace}-moved`),
        fs.symlink("x", `${workspace}/l`),
        fs.copy("/etc/hostname", `${workspace}/h`),
        fs.copyFile("/etc/hostname", `${workspace}/h`),
        fs.chmod(workspace, 0o700),
        Effect.scoped(fs.open(`${workspace}/f`, { flag: "w" }))
      ]
      for (const write of writes) {
        const reason = yield* reasonOf(write)
        assert.strictEqual(reason._tag, "PermissionDenied", reason.message)
      }
      assert.isAbove((yield* fs.readFileString("/etc/passwd")).length, 0)
    }).pipe(
      Effect.scoped,
      Effect.provide(CodexServices.layer({ sandbox: layers.readOnly }).pipe(Layer.provideMerge(layers.stdio)))
    ))
})

describe("workspaceWrite", () => {
  it.live("writes in its roots only, and not in the working directory by itself", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const home = yield* CodexHome.CodexHome
      yield* fs.writeFileString("inside", "x")
      assert.strictEqual(yield* fs.readFileString(`${home.workspace}/inside`), "x")
      for (const path of [`${home.codexHome}/outside`, "/etc/outside", "../outside"]) {
        const reason = yield* reasonOf(fs.writeFileString(path, "x"))
        assert.strictEqual(reason._tag, "PermissionDenied", reason.message)
      }
      // A link that leads out is no way out.
      yield* fs.symlink(home.codexHome, "out")
      assert.strictEqual((yield* reasonOf(fs.writeFileString("out/x", "x")))._tag, "PermissionDenied")
      const { exitCode } = yield* ChildProcessSpawner
      assert.notStrictEqual(Number(yield* exitCode(sh("touch /etc/outside", { stderr: "ignore" }))), 0)
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Layer.unwrap(CodexHome.CodexHome.useSync((home) =>
          CodexServices.layer({
            sandbox: {
              type: "workspaceWrite",
              writableRoots: [home.workspace],
              networkAccess: false,
              excludeSlashTmp: true,
              excludeTmpdirEnvVar: true
            }
          })
        )).pipe(Layer.provideMerge(layers.stdio))
      )
    ))
})

describe("a sandboxed layer", () => {
  for (const helpers of ["perl", "sh"] as const) {
    it.live(`sends nothing but command/exec in that sandbox, whatever is done with it by ${helpers}`, () => {
      const methods = new Set<string>()
      const sandboxes = new Set<string>()
      const sandbox = {
        type: "workspaceWrite",
        writableRoots: [],
        networkAccess: false,
        excludeSlashTmp: false,
        excludeTmpdirEnvVar: false
      } as const
      return Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const { string } = yield* ChildProcessSpawner
        const directory = yield* fs.makeTempDirectoryScoped()
        const at = (name: string) => `${directory}/${name}`
        yield* fs.writeFileString(at("a"), "x")
        yield* fs.writeFile(at("big"), new Uint8Array(3_000_000))
        yield* fs.readFile(at("big"))
        yield* fs.exists(at("none"))
        yield* fs.makeDirectory(at("d/e"), { recursive: true })
        yield* fs.copy(at("a"), at("b"))
        yield* fs.copyFile(at("a"), at("c"))
        yield* fs.copy(at("d"), at("tree"))
        yield* fs.rename(at("c"), at("moved"))
        yield* fs.link(at("a"), at("hard"))
        yield* fs.symlink("a", at("soft"))
        yield* fs.readLink(at("soft"))
        yield* fs.realPath(at("soft"))
        yield* fs.stat(at("soft"))
        yield* fs.lstat(at("soft"))
        yield* fs.chmod(at("a"), 0o600)
        yield* fs.utimes(at("a"), 1, 2)
        yield* fs.truncate(at("moved"), 0)
        yield* fs.access(at("a"), { readable: true, writable: true })
        yield* fs.readDirectory(directory, { recursive: true })
        yield* fs.readDirectoryEntries(directory)
        yield* fs.glob("*", { root: directory })
        yield* Stream.runDrain(fs.stream(at("big")))
        yield* Stream.run(Stream.make(new Uint8Array(1)), fs.sink(at("sunk")))
        const seen = yield* fs.watch(directory, {
          onReady: () => {
            Effect.runFork(fs.writeFileString(at("new"), "x"))
          }
        }).pipe(Stream.runHead)
        assert.deepStrictEqual(seen, Option.some({ _tag: "Create", path: "new" }))
        yield* Effect.scoped(Effect.flatMap(fs.open(at("a")), (file) => file.readAlloc(1)))
        yield* fs.remove(at("d"), { recursive: true })
        assert.strictEqual(yield* string(ChildProcess.make("cat", [at("a")])), "x")
        const handle = yield* sh("echo up; exec sleep 60", { stdin: "ignore" })
        yield* Stream.runHead(handle.stdout)
        yield* handle.kill()
        yield* Effect.exit(string(sh("cat", { cwd: "/none" })))
        assert.deepStrictEqual(
          [...methods].filter((method) => !method.startsWith("command/exec")),
          []
        )
        assert.deepStrictEqual([...sandboxes], [JSON.stringify(sandbox)])
      }).pipe(
        Effect.scoped,
        Effect.provide(noting(methods, sandboxes, { helpers, sandbox }))
      )
    })
  }

  it.live("shows the server's environment, unless it is replaced", () =>
    Effect.gen(function*() {
      const { string } = yield* ChildProcessSpawner
      const show = (options: ChildProcess.CommandOptions) => string(sh("echo $OUR_TOKEN", options))
      assert.strictEqual(yield* show({}), "secret\n")
      assert.strictEqual(yield* show({ env: { OUR_TOKEN: undefined }, extendEnv: true }), "\n")
      assert.strictEqual(yield* show({ env: { PATH: "/usr/bin:/bin" } }), "\n")
    }).pipe(
      Effect.scoped,
      Effect.provide(
        CodexServices.layer({ sandbox: layers.readOnly }).pipe(
          Layer.provideMerge(TestCodex.layer({ client: { env: { OUR_TOKEN: "secret" } } }))
        )
      )
    ))

  it.live("has no network", () =>
    Effect.gen(function*() {
      const { exitCode } = yield* ChildProcessSpawner
      const connect = ChildProcess.make("perl", [
        "-MIO::Socket::INET",
        "-e",
        `IO::Socket::INET->new("127.0.0.1:1") or exit($! =~ /refused/ ? 1 : 2)`
      ])
      assert.strictEqual(Number(yield* exitCode(connect)), 2)
    }).pipe(
      Effect.scoped,
      Effect.provide(CodexServices.layer({ sandbox: layers.readOnly }).pipe(Layer.provideMerge(layers.stdio)))
    ))
})

describe("signals in a sandbox", () => {
  it.live("reach a command without a standard input, and are refused for another", () =>
    Effect.gen(function*() {
      const script = "trap 'exit 5' USR1; echo up; while :; do sleep 0.05; done"
      const reached = yield* sh(script, { stdin: "ignore" })
      yield* Stream.runHead(reached.stdout)
      yield* reached.kill({ killSignal: "SIGUSR1" })
      assert.strictEqual(Number(yield* reached.exitCode), 5)
      const other = yield* sh(script)
      yield* Stream.runHead(other.stdout)
      const reason = yield* reasonOf(other.kill({ killSignal: "SIGUSR1" }))
      assert.strictEqual(reason._tag, "BadArgument")
      assert.match(reason.message, /SIGUSR1 cannot be sent in this sandbox/)
      assert.isTrue(yield* other.isRunning)
      yield* other.kill()
      assert.match((yield* reasonOf(other.exitCode)).message, /interrupted by SIGTERM/)
    }).pipe(
      Effect.scoped,
      Effect.provide(CodexServices.layer({ sandbox: layers.readOnly }).pipe(Layer.provideMerge(layers.stdio)))
    ))
})

describe("helpers", () => {
  it.live("that are missing are named when the layer is built", () =>
    Effect.gen(function*() {
      const server = Layer.succeedContext(yield* Effect.context<CodexClient.CodexClient>())
      const auto = yield* failure(CodexFileSystem.layer({ sandbox: "none" }).pipe(Layer.provide(server)))
      assert(auto.reason._tag === "HelperMissing")
      assert.includeMembers([...auto.reason.names], ["perl", "GNU stat", "base64"])
      const perl = yield* failure(
        CodexFileSystem.layer({ sandbox: "none", helpers: "perl" }).pipe(Layer.provide(server))
      )
      assert.deepStrictEqual(perl.reason, { _tag: "HelperMissing", names: ["perl"] })
      assert.match(perl.message, /lacks perl/)
    }).pipe(Effect.scoped, Effect.provide(TestCodex.layer({ client: { env: { PATH: "/nonexistent" } } }))))

  /** A server on whose path perl is there, but is none. */
  const withoutPerl = Layer.unwrap(
    Effect.acquireRelease(
      Effect.sync(() => {
        const bin = mkdtempSync(`${tmpdir()}/effect-codex-bin-`)
        writeFileSync(`${bin}/perl`, "#!/bin/sh\nexit 2\n", { mode: 0o755 })
        return bin
      }),
      (bin) => Effect.sync(() => rmSync(bin, { recursive: true }))
    ).pipe(Effect.map((bin) => TestCodex.layer({ client: { env: { PATH: `${bin}:/usr/bin:/bin` } } })))
  )

  /** A client that writes to the first process only when it has ended, and reports its end only when the write was refused. */
  const writingLate = Layer.effect(
    CodexClient.CodexClient,
    Effect.gen(function*() {
      const client = yield* CodexClient.CodexClient
      const [exited, refused] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      yield* client.notifications.pipe(
        Stream.filter(({ method }) => method === "process/exited"),
        Stream.runHead,
        Effect.andThen(Deferred.succeed(exited, undefined)),
        Effect.forkScoped({ startImmediately: true })
      )
      return CodexClient.CodexClient.of({
        ...client,
        metadata: client.metadata,
        notifications: Stream.tap(
          client.notifications,
          ({ method }) => method === "process/exited" ? Deferred.await(refused) : Effect.void
        ),
        request: (method, ...args) =>
          method === "process/writeStdin"
            ? Effect.andThen(Deferred.await(exited), client.request(method, ...args)).pipe(
              // After the caller has seen it.
              Effect.tapError(() => Effect.sync(() => setImmediate(() => Deferred.doneUnsafe(refused, Exit.void))))
            )
            : client.request(method, ...args)
      })
    })
  )

  for (
    const [when, client] of [["", Layer.empty], [", also if it has ended before the first call", writingLate]] as const
  ) {
    it.live(`are the shell's tools where there is no perl${when}`, () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const directory = yield* fs.makeTempDirectoryScoped()
        yield* fs.writeFileString(`${directory}/a`, "x")
        assert.strictEqual(yield* fs.readFileString(`${directory}/a`), "x")
        // Only perl opens without following links.
        yield* fs.symlink("a", `${directory}/l`)
        assert.strictEqual((yield* reasonOf(fs.open(`${directory}/l`, { noFollow: true })))._tag, "BadArgument")
      }).pipe(
        Effect.scoped,
        Effect.provide(
          CodexFileSystem.layer({ sandbox: "none" }).pipe(
            Layer.provide(client),
            Layer.provideMerge(withoutPerl)
          )
        )
      ))
  }
})
